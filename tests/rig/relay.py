"""A relay that takes its time: what comes in leaves a while later, in both directions, as over a long line."""
import asyncio

from .served import LoopServer

HELD_MAX = 4 << 20  # Bytes under way in one direction; then it stops reading.


class Relay(LoopServer):
    """`with Relay(port, 0.1) as relay:` relays relay.port to 127.0.0.1:port, 100 ms each way."""

    def __init__(self, to, delay):
        super().__init__()
        self.to, self.delay = to, delay

    async def _connection(self, reader, writer):
        await asyncio.sleep(2 * self.delay)  # The handshake of a connection is a round trip.
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            back.close()

    async def _pass(self, source, sink):
        under_way, room = asyncio.Queue(), asyncio.Semaphore(HELD_MAX >> 16)
        sending = asyncio.create_task(self._send(under_way, room, sink))
        try:
            while data := await source.read(1 << 16):
                await room.acquire()
                under_way.put_nowait((self._loop.time() + self.delay, data))
            under_way.put_nowait((self._loop.time() + self.delay, b""))
            await sending
        finally:
            sending.cancel()

    async def _send(self, under_way, room, sink):
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(0, due - self._loop.time()))
            if not data:
                return sink.write_eof()
            sink.write(data)
            await sink.drain()
            room.release()
