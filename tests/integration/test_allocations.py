"""A warm request takes nothing from the heap: forwarded, balanced, logged, with a body or without; nor does a message of
a WebSocket."""
import os
import socket
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.counted import Counter  # noqa: E402
from rig.pkrig import Origin  # noqa: E402
from test_reload_load import Echo, WebSockets  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    balancer: round_robin
    endpoints: [ "127.0.0.1:{port}", "localhost:{port}" ]
routes:
  - match: {{ path: / }}
    filters: [ forwarded ]
    forward: app
logs: [ access_log: {{ path: $TMP/access.log }} ]
"""
GET = b"GET /ok?size=1000 HTTP/1.1\r\nHost: a\r\nUser-Agent: rig\r\nAccept: */*\r\n\r\n"
POST = b"POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000


def read_response(link):
    """The body's length."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += link.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    had = len(body)
    while had < length:
        more = link.recv(65536)
        assert more, f"cut after {had} of {length}"
        had += len(more)
    return had


class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.counter = Counter(cls.dir.name)

    @classmethod
    def tearDownClass(cls):
        cls.dir.cleanup()

    def counted(self, request, rounds, **more):
        """While `rounds` requests are answered."""

        def ask(port):
            with socket.create_connection(("127.0.0.1", port), 5) as link:
                for _ in range(rounds):
                    link.sendall(request)
                    read_response(link)

        with Origin() as origin:
            got = self.counter.run(CONFIG.format(port=origin.port), ask, **more)
        return {name: int(value) for name, value in got.items()}

    def per_request(self, request):
        few, many = 200, 1200
        more = (
            self.counted(request, many)["allocations"] - self.counted(request, few)["allocations"]
        )
        return more / (many - few)

    def test_a_get_takes_nothing_from_the_heap(self):
        self.assertLess(self.per_request(GET), 0.02)  # The log's ticks and lines are few, not none.

    def test_a_post_takes_nothing_from_the_heap(self):
        self.assertLess(self.per_request(POST), 0.02)

    def test_a_long_body_goes_by_splice_and_a_short_one_does_not(self):
        self.assertGreater(self.counted(GET.replace(b"1000", b"4000000"), 2)["splices"], 20)
        self.assertEqual(self.counted(GET, 2)["splices"], 0)

    def test_a_long_upload_goes_by_splice_and_a_short_one_does_not(self):
        long = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4000000
        self.assertGreater(self.counted(long, 1)["splices"], 20)
        self.assertEqual(self.counted(POST, 2)["splices"], 0)

    def test_a_long_body_leaves_the_others_their_turn(self):
        """However fast both its peers are: 1 MiB and a pipe's fill for an event of each of them, and as much for
        what was put off in the same turn. A byte counts twice: into the pipe, and out of it."""
        burst = self.counted(GET.replace(b"1000", b"30000000"), 1, splice_pause=1000)["burst"]
        self.assertGreater(burst, 1 << 20)
        self.assertLessEqual(burst, 2 * 3 * ((1 << 20) + (256 << 10)))

    def test_a_message_of_a_websocket_takes_nothing_and_is_not_spliced(self):
        echo = Echo()
        self.addCleanup(echo.close)
        for options in ("", ": { message_size: 1KiB }"):  # Nobody looks; its frames are followed.
            with self.subTest(options):
                config = CONFIG.replace("filters: [ forwarded ]", "upgrade: [ websocket@ ]")
                config = config.format(port=echo.port).replace("@", options)
                used = {
                    rounds: self.counter.run(config, lambda port: self.messages(port, rounds))
                    for rounds in (200, 1200)
                }
                more = int(used[1200]["allocations"]) - int(used[200]["allocations"])
                self.assertLess(more / 1000, 0.02)
                self.assertEqual(int(used[1200]["splices"]), 0)

    def messages(self, port, rounds):
        sockets = WebSockets(port, 1, pause=0)
        while sockets.done < rounds and not sockets.lost:
            sockets.over.wait(0.001)
        self.assertGreaterEqual(sockets.finish(), rounds)

    def test_the_counter_counts(self):
        self.assertGreater(self.counted(GET, 1)["allocations"], 100)


class Gathering(unittest.TestCase):
    """A long body that comes fast is let gather in its socket: what is there when the origin pauses
    must reach the client all the same, and so must the last bytes."""

    LENGTH, FIRST, SECOND = 12 << 20, 6 << 20, 100_000
    CONFIG = """
listeners: [ { name: web, address: "127.0.0.1:0" } ]
upstreams: { app: { endpoints: [ "127.0.0.1:%d" ] } }
routes: [ { match: { path: / }, forward: app } ]
"""

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)

    def take(self, link, size):
        while size > 0:
            got = link.recv(min(size, 1 << 20))
            self.assertTrue(got, f"ended with {size} to come")
            size -= len(got)

    def play(self, port):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.LENGTH
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            origin, _ = self.listening.accept()
            with origin:
                origin.sendall(head)
                shown = b""
                while not shown.endswith(b"\r\n\r\n"):
                    shown += client.recv(1)
                origin.settimeout(10)
                left = self.LENGTH
                for part in (self.FIRST, self.SECOND, 1, left - self.FIRST - self.SECOND - 1):
                    sender = threading.Thread(target=origin.sendall, args=(b"x" * part,))
                    sender.start()
                    self.take(client, part)  # Before anything else is sent.
                    sender.join()
        self.played = True

    def test_what_is_there_when_the_origin_pauses_is_passed_on(self):
        port = self.listening.getsockname()[1]
        # It gathers once it has seen so much at once, which a busy machine may not show: that is played again.
        for _ in range(5):
            self.played = False
            got = Counter(self.dir.name).run(self.CONFIG % port, self.play, splice_pause=500)
            self.assertTrue(self.played)
            gathered = int(got["gathered"])
            if gathered > 0:
                break
        self.assertEqual(gathered, 1)  # Once it was slow, never again in this body.


if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    unittest.main()
