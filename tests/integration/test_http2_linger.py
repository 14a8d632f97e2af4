"""The last response of an HTTP/2 connection reaches a client that is slow to read and sends on meanwhile."""
import select
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import h2, waiting  # noqa: E402
from rig.origin import TO_ORIGIN  # noqa: E402
from rig.pkrig import Origin, Proxy  # noqa: E402

CONFIG = (
    """
listeners:
  - name: last
    address: "127.0.0.1:0"
    codecs: [ http2 ]
    limits: { streams_total: 1 }
    timeouts: { linger: %s }
"""
    + TO_ORIGIN
)
SIZE = 300_000
WIDE = struct.pack(">HI", 4, SIZE * 2)  # Its streams' windows.
# More than one read and what is read past: the goodbye's answer may be read with the first of it.
MORE = h2.frame(h2.DATA, 0, 1, b"u" * 16384) * 10


class Linger(unittest.TestCase):
    def setUp(self):
        self.origin = self.enterContext(Origin())

    def answered(self, linger):
        """A client to which all of its response is on the way, and a goodbye: it has read nothing yet."""
        self.proxy = self.enterContext(Proxy(CONFIG % (linger, self.origin.port)))
        c = h2.Client(self.proxy.port("last"), settings=WIDE, room=65536)
        self.addCleanup(c.close)
        c.send(h2.frame(h2.WINDOW, 0, 0, struct.pack(">I", SIZE * 2)))
        c.headers(1, h2.request(f"/ok?size={SIZE}"))
        log = self.proxy.dir / "access.log"
        self.assertTrue(waiting.soon(lambda: log.exists() and "complete" in log.read_text()))
        c.send(h2.frame(h2.PING, h2.ACK, 0, b"pk-drain"))  # The goodbye has been seen: it is over.
        return c

    def is_cut(self, c, within):
        """Whether its socket has had a reset by then."""
        poll = select.poll()
        poll.register(c.sock, select.POLLERR)
        return waiting.soon(lambda: poll.poll(0), within)

    def test_it_has_all_of_it_though_it_sends_more_than_is_read_past(self):
        c = self.answered("10s")
        c.send(MORE)
        self.assertFalse(self.is_cut(c, 0.3))
        while c.read(5):
            pass
        self.assertEqual(len(c.bodies[1]), SIZE)
        self.assertTrue(c.find(lambda f: f[0] == h2.GOAWAY))
        self.assertTrue(c.over)

    def test_one_that_takes_nothing_is_cut_in_the_end(self):
        c = self.answered("300ms")
        c.send(MORE)
        held = self.proxy.fd_count()
        self.assertTrue(waiting.soon(lambda: self.proxy.fd_count() < held))


if __name__ == "__main__":
    unittest.main()
