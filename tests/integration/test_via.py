"""S41: a request that comes back to its proxy again and again ends with 508, a stranger's Via does not."""
import asyncio
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.loss_client import Link, Plan  # noqa: E402
from rig.pkrig import Origin, Proxy  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: / }}
    forward: app
"""

ITSELF = """
listeners:
  - { name: web, address: "127.0.0.1:0" }
  - { name: again, address: "unix:$TMP/again.sock" }
upstreams:
  app: { endpoints: [ "unix:$TMP/again.sock" ] }
routes:
  - match: { path: / }
    forward: app
"""


class Loop(unittest.TestCase):
    def setUp(self):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)
        self.proxy = Proxy(CONFIG.format(port=self.origin.port))
        self.addCleanup(self.proxy.stop)

    def status(self, fields=""):
        """The status of GET /ok with these field lines."""

        async def ask():
            link = Link(Plan(port=self.proxy.port()))
            reply = await link.ask("GET", "/ok", b"", True, fields)
            link.close()
            return reply.status

        return asyncio.run(asyncio.wait_for(ask(), 10))

    def pseudonym(self):
        self.assertEqual(self.status(), 200)
        protocol, name = self.origin.heads[-1].get("via").decode().split()[:2]
        self.assertEqual(protocol, "1.1")
        return name

    def test_our_own_name_twice_is_a_loop(self):
        name = self.pseudonym()
        self.assertEqual(self.status(f"Via: 1.1 {name}\r\n"), 200)
        seen = len(self.origin.heads)
        for fields in (
            f"Via: 1.1 {name}, 1.1 {name}\r\n",
            f"Via: 1.1 {name}\r\nVia: 1.0 other, 1.1 {name} (x)\r\n",
        ):
            self.assertEqual(self.status(fields), 508)
        self.assertEqual(len(self.origin.heads), seen)

    def test_a_proxy_that_is_its_own_origin(self):
        """The loop itself, over a unix socket: 508 comes back through it, and it ends."""
        with Proxy(ITSELF) as proxy:

            async def ask():
                link = Link(Plan(port=proxy.port("web")))
                reply = await link.ask("GET", "/round", b"", True)
                link.close()
                return reply.status

            self.assertEqual(asyncio.run(asyncio.wait_for(ask(), 10)), 508)

    def test_other_names_are_none_of_our_business(self):
        name = self.pseudonym()
        for fields in (
            "Via: 1.1 other, 1.1 other, 1.1 other\r\n",
            f"Via: 1.1 x{name}, 1.1 {name}x\r\n",
        ):
            self.assertEqual(self.status(fields), 200)


if __name__ == "__main__":
    unittest.main()
