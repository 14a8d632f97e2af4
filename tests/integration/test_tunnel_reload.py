"""Reloads while WebSockets are open: who is told (websocket's `drain: close`, a route or listener that goes), who stays,
and that it costs nothing. F24 and F27 for tunnels."""
import asyncio
import json
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import sanitized  # noqa: E402
from rig.pkrig import SLOW, Proxy, fd_count, rss_bytes  # noqa: E402
from test_websocket import Server, websockets  # noqa: E402

CONFIG = """
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
{more}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - {{ match: {{ path: /other }}, handler: {{ respond: {{ status: 200, body: "{number}" }} }} }}
{routes}
"""
LIVE = (
    "  - {{ name: live, match: {{ path: /live }}, upgrade: [ websocket: {{ {} }} ], forward: app }}"
)
CLOSES = "drain: close, message_size: {}KiB"


def config(port, routes, number=0, more=""):
    return CONFIG.format(port=port, routes=routes, number=number, more=more)


@unittest.skipUnless(websockets, "python3-websockets is missing")
class Reloads(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)

    def start(self, routes, **how):
        self.proxy = Proxy(self.config(routes), **how)
        self.addCleanup(self.proxy.stop)

    def config(self, routes, number=0, more=""):
        return config(self.server.port, routes, number, more)

    async def reload(self, text):
        line = await asyncio.get_running_loop().run_in_executor(None, self.proxy.reload, text)
        self.assertIn("reloaded in", line)

    def connect(self, port=None):
        return websockets.connect(
            f"ws://127.0.0.1:{port or self.proxy.port()}/live",
            ping_interval=None,
            open_timeout=10 * SLOW,
        )

    async def echo(self, *sockets):
        for number, socket in enumerate(sockets):
            await socket.send(f"hello {number}")
            self.assertEqual(await asyncio.wait_for(socket.recv(), 10 * SLOW), f"hello {number}")

    async def closed_with(self, code, *sockets):
        for socket in sockets:
            await asyncio.wait_for(socket.wait_closed(), 10 * SLOW)
            self.assertEqual(socket.close_code, code)

    def test_other_options_and_drain_close(self):
        """Those of before get 1012 and come back; those that have come back stay."""

        async def play():
            old = [await self.connect() for _ in range(8)]
            await self.echo(*old)
            await self.reload(
                self.config(LIVE.format(CLOSES.format(64)), 1)
            )  # Theirs is as it was.
            await self.echo(*old)
            await self.reload(self.config(LIVE.format(CLOSES.format(128)), 1))
            await self.closed_with(1012, *old)
            new = [await self.connect() for _ in range(8)]
            await self.reload(self.config(LIVE.format(CLOSES.format(128)), 2))
            await self.echo(*new)
            for socket in new:
                await socket.close()

        self.start(LIVE.format(CLOSES.format(64)), workers=2)
        asyncio.run(play())
        self.proxy.finish()
        lines = [
            json.loads(line) for line in (self.proxy.dir / "access.log").read_text().splitlines()
        ]
        ends = [line["end_reason"] for line in lines if line["status"] == 101]
        self.assertEqual(ends, ["complete"] * 16)

    def test_without_drain_close_they_stay_with_what_they_began_with(self):
        async def play():
            old = [await self.connect() for _ in range(4)]
            await self.reload(self.config(LIVE.format("message_size: 100B")))
            await self.reload(self.config(LIVE.format("message_size: 50B")))
            new = await self.connect()
            await self.echo(new, *old)
            large = os.urandom(2000)  # Which cannot be compressed.
            await old[0].send(large)  # By the options that it began with: 1 MiB.
            self.assertEqual(await asyncio.wait_for(old[0].recv(), 10 * SLOW), large)
            await new.send(large)
            await self.closed_with(1009, new)
            for socket in old:
                await socket.close()

        self.start(LIVE.format("message_size: 1MiB"))
        asyncio.run(play())

    def test_a_route_that_goes(self):
        """Also where the instance stays: `defaults` has it for all routes."""
        defaults = "defaults:\n  upgrade: [ websocket: { drain: close } ]"
        bare = "  - { name: live, match: { path: /live }, forward: app }"
        moved = "  - { name: elsewhere, match: { path: /elsewhere }, forward: app }"

        async def play(before, after, more=""):
            await self.reload(self.config(before, more=more))
            old = await self.connect()
            await self.echo(old)
            await self.reload(self.config(after, more=more))
            await self.closed_with(1012, old)

        self.start(LIVE.format("drain: close"))
        asyncio.run(play(LIVE.format("drain: close"), moved))
        asyncio.run(play(bare, moved, defaults))

    def test_a_listener_that_goes(self):
        more = '  - { name: more, address: "127.0.0.1:0" }'

        async def play():
            await self.reload(self.config(LIVE.format("drain: close"), more=more))
            await self.proxy_listens()
            old, other = await self.connect(self.proxy.port("more")), await self.connect()
            await self.echo(old, other)
            await self.reload(self.config(LIVE.format("drain: close")))
            await self.closed_with(1012, old)
            await self.echo(other)
            await other.close()

        self.start(LIVE.format("drain: close"))
        asyncio.run(play())

    async def proxy_listens(self):
        wait = lambda: self.proxy.wait_log(r"\(listener 'more'\)")
        await asyncio.get_running_loop().run_in_executor(None, wait)

    def test_ten_reloads_with_a_hundred_open(self):
        """Each reload changes what they began with: nothing is lost, nothing piles up."""

        async def play():
            sockets = [await self.connect() for _ in range(100)]
            used = []
            for i in range(10):
                await self.reload(self.config(LIVE.format(f"idle: {i + 10}m"), i))
                await self.echo(*sockets)
                used.append((rss_bytes(self.proxy.pid), fd_count(self.proxy.pid)))
            if not sanitized.skips("test_tunnel_reload.memory"):
                self.assertLess(used[-1][0], used[2][0] * 1.05 + (1 << 20), used)
            self.assertLessEqual(used[-1][1], used[2][1], used)
            for socket in sockets:
                await socket.close()

        self.start(LIVE.format("idle: 5m"))
        asyncio.run(play())
        # The last of them has gone, and the instances of the past with it.
        self.proxy.finish()


if __name__ == "__main__":
    unittest.main()
