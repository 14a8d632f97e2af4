"""A relay that takes its time: what comes in leaves a while later, in both directions, as over a long line."""
import asyncio
import threading

HELD_MAX = 4 << 20  # Bytes under way in one direction; then it stops reading.


class Relay:
    """`with Relay(port, 0.1) as relay:` relays relay.port to 127.0.0.1:port, 100 ms each way."""

    def __init__(self, to, delay):
        self.to, self.delay, self.port = to, delay, 0
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
