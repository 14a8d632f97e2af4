"""Servers of tests, in threads of their own."""
import asyncio
import socket
import threading


class LoopServer:
    """`with X() as x:` serves on x.port by asyncio; `_connection(reader, writer)` has one connection."""

    def __init__(self, port=0, host="127.0.0.1"):
        self.port, self.host = port, host
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.serve())
        self._loop.close()

    async def serve(self):
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, self.host, self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class ThreadServer:
    """Serves on self.port from begin_serving on, a thread a connection: `_one(conn, stream)` has one request, and
    says whether another may follow."""

    def __init__(self, backlog):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]

    def begin_serving(self):
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.refuse()

    def refuse(self):
        """From now on a connect is refused; what is connected goes on."""
        try:
            self.listener.shutdown(
                socket.SHUT_RDWR
            )  # Its thread may be in accept, and hold it open.
        except OSError:
            pass  # It is already.
        self.listener.close()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn, conn.makefile("rb", buffering=1 << 16) as stream:
            try:
                while self._one(conn, stream):
                    pass
            except OSError:
                pass
