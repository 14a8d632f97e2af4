"""Memory that runs short: what is closed, ended and refused at 80, 90 and 95 %, and that it comes back (D, F22, S30)."""
import os
import re
import resource
import select
import socket
import struct
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import h2, procs  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, run_to_exit  # noqa: E402
from rig.sanitized import skips  # noqa: E402
from rig.stage import with_test_plugins  # noqa: E402
from rig.waiting import soon  # noqa: E402

CONFIG = """
limits: {{ memory: {memory} }}
listeners:
  - {{ name: web, address: "127.0.0.1:0", timeouts: {{ head: 60s, body_stall: 60s }} }}
logs: [ access_log: {{ format: json, path: $TMP/access.log }} ]
upstreams:
  app:
    endpoints: [ "127.0.0.1:{port}" ]
routes:
  - match: {{ path: /here }}
    handler: {{ respond: {{ status: 200, body: "here" }} }}
  - match: {{ path: / }}
    forward: app
"""
MIB = 1 << 20
CGROUP = Path("/sys/fs/cgroup/memory")
HEAD = b"GET /here HTTP/1.1\r\nHost: a\r\n"
HANG = b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n"
UPLOAD = b"POST /no-read HTTP/1.1\r\nHost: a\r\nContent-Length: 99000000\r\n\r\n"
# One that goes through the engine's memory: there is no splice for chunks.
CHUNKS = (
    b"POST /no-read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n" % 99000000
)


class Short(unittest.TestCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)

    def start(self, memory="40MiB", **how):
        self.proxy = Proxy(CONFIG.format(port=self.origin.port, memory=memory), **how)
        self.addCleanup(self.proxy.stop)

    def connect(self, data=b""):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        # It leaves by a reset, so that nothing of it waits anywhere.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.settimeout(20 * SLOW)
        sock.connect(("127.0.0.1", self.proxy.port()))
        sock.sendall(data)
        self.addCleanup(sock.close)
        return sock

    def until(self, condition, what, seconds=10):
        came = soon(condition, seconds)
        self.assertTrue(came, f"{what}\n{self.proxy.log}")

    def answers(self):
        """A new client is served as ever: kept alive, too."""
        sock = self.connect(HEAD + b"\r\n")
        try:
            return b" 200 " in (reply := sock.recv(1000)) and b"close" not in reply
        except OSError:
            return False
        finally:
            sock.close()

    def said(self, text):
        return any(text in line for line in self.proxy.lines)

    def words(self):
        """How often each end_reason is in the access log."""
        self.proxy.finish()
        lines = (self.proxy.dir / "access.log").read_text().splitlines()
        found = re.findall(r'"end_reason": ?"(\w+)"', "\n".join(lines))
        return {word: found.count(word) for word in set(found)}

    @staticmethod
    def pour(socks, seconds, done=lambda: False):
        """Sends to all as fast as they take it; those that were answered or ended drop out."""
        piece, end = b"a" * 65536, time.monotonic() + seconds
        socks = list(socks)
        for sock in socks:
            sock.setblocking(False)
        while socks and time.monotonic() < end and not done():
            poll = select.poll()
            by_fd = {sock.fileno(): sock for sock in socks}
            for fd in by_fd:
                poll.register(fd, select.POLLOUT | select.POLLIN)
            for fd, events in poll.poll(50):
                try:
                    if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                        socks.remove(by_fd[fd])
                    elif events & select.POLLOUT:
                        by_fd[fd].send(piece)
                except BlockingIOError:
                    pass
                except OSError:
                    socks.remove(by_fd[fd])
        return socks


@unittest.skipIf(skips("test_memory.shedding"), "sanitizers cost memory")
class Levels(Short):
    def test_at_80_percent_idle_connections_go_and_none_is_kept(self):
        self.start()
        idle = self.connect(HEAD + b"\r\n")
        self.assertIn(b" 200 ", idle.recv(1000))
        held = []
        while not self.said("none is kept"):
            held.append(self.connect(HEAD if len(held) < 10 else HANG))
            self.until(lambda: self.origin.open >= len(held) - 10, "one is not served")
        self.assertEqual(idle.recv(1000), b"")
        late = self.connect(HEAD + b"\r\n")
        self.assertIn(b"\r\nConnection: close\r\n", late.recv(1000))
        # Those whose request is under way are not touched by it.
        held[0].sendall(b"\r\n")
        self.assertIn(b" 200 ", held[0].recv(1000))
        for sock in held:
            sock.close()
        self.proxy.wait_log("below 75% of its limit again", 10)
        self.until(self.answers, "it has not come back")

    def test_at_90_percent_those_that_hold_most_are_ended(self):
        self.start()
        small = self.connect(HEAD)
        big, refused, reset = [], 0, 0
        while not self.said("the largest requests are ended"):
            self.assertLess(len(big), 1000)
            big += [self.connect(CHUNKS) for _ in range(10)]
            self.pour(big[-10:], 0.1)
        for sock in big:
            sock.setblocking(False)
            try:
                refused += b" 503 " in sock.recv(1000)
            except BlockingIOError:
                pass
            except OSError:
                reset += 1
            sock.close()
        self.assertGreater(refused + reset, 0)
        small.sendall(b"\r\n")
        self.assertIn(b" 200 ", small.recv(1000), "a small one is left alone")
        self.until(self.answers, "it has not come back")
        words = self.words()
        self.assertGreater(words.get("memory_shed", 0), 0, words)  # {"end_reason": "memory_shed"}

    def test_at_95_percent_requests_get_503_and_none_is_accepted(self):
        """What is measured may be less than what was counted, so the level is held by ever more."""
        self.start()
        begun, held, reply = [self.connect(HEAD) for _ in range(100)], [], b""
        while b" 503 " not in reply:
            held += [self.connect(HANG) for _ in range(50)]
            self.assertLess(len(held), 2400, self.proxy.log)
            full = lambda: self.said("new requests get 503")
            self.until(lambda: self.origin.open >= len(held) or full(), "they are not served")
            if full():
                begun[-1].sendall(b"\r\n")
                reply = begun.pop().recv(4000)
        self.assertIn(b"memory_overload", reply)
        self.assertIn(b"\r\nRetry-After: 1\r\n", reply)
        waiting = self.unanswered(held)
        for sock in held + begun:
            sock.close()
        self.assertIn(b" 200 ", waiting.recv(1000), "it was not accepted when there was room")
        self.until(self.answers, "it has not come back", 2)
        words = self.words()
        self.assertGreater(words["memory_overload"], 0)  # {"end_reason": "memory_overload"}

    def unanswered(self, held):
        """A connection that is not accepted."""
        for _ in range(20):
            held += [self.connect(HANG) for _ in range(100)]
            sock = self.connect(HEAD + b"\r\n")
            sock.settimeout(0.3)
            try:
                sock.recv(1000)
            except TimeoutError:
                sock.settimeout(20 * SLOW)
                return sock
            except OSError:
                pass  # It was accepted and shed.
        self.fail(f"all were accepted\n{self.proxy.log}")

    def test_a_limit_below_what_the_engine_needs_itself_is_refused(self):
        config = CONFIG.format(port=self.origin.port, memory="8MiB")
        code, told, _ = run_to_exit(config)
        self.assertEqual(code, 4, told)
        self.assertRegex(told, r"pk.yaml:2:\d+: error.* 8 MiB .*too little")

    def test_more_than_there_is_is_lowered_and_said(self):
        self.start("900000MiB")
        self.assertTrue(self.said("limits.memory is lowered to"))


@unittest.skipIf(skips("test_memory.shedding"), "sanitizers cost memory")
class Streams(Short):
    """What has many requests on one connection, or no connection at all, is on the account, too."""

    def start(self, config):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="pkrig-plugins-")))
        self.proxy = Proxy(config, args=with_test_plugins(config, folder))
        self.addCleanup(self.proxy.stop)

    def test_at_90_percent_connections_of_a_codec_that_hold_most_are_ended(self):
        config = CONFIG.format(port=self.origin.port, memory="48MiB")
        many = '- { name: many, address: "127.0.0.1:0", codecs: [ http2 ], limits: { connection_window: 4MiB } }'
        self.start(config.replace("listeners:\n", f"listeners:\n  {many}\n"))
        idle = h2.Client(self.proxy.port("many"))
        self.addCleanup(idle.close)
        idle.headers(1, h2.request("/here"))
        self.assertEqual(idle.response(1), (200, b"here"))
        big = []
        while not self.said("the largest requests are ended"):
            self.assertLess(len(big), 100, self.proxy.log)
            c = h2.Client(self.proxy.port("many"))
            self.addCleanup(c.close)
            big.append(c)
            for stream in range(1, 101, 2):
                c.headers(stream, h2.request("/no-read", "POST"), h2.END_HEADERS)
                for _ in range(4):
                    c.send(h2.frame(h2.DATA, 0, stream, b"a" * 16000))
        self.assertEqual(idle.goaway(), h2.NO_ERROR)  # At 80 %.
        self.until(lambda: any(c.goaway(0.1) == h2.CALM for c in big), "none is told")
        for c in big:
            c.close()
        self.until(self.answers, "it has not come back")
        self.assertGreater(self.words().get("memory_shed", 0), 0)

    def answers(self):
        with h2.Client(self.proxy.port("many")) as c:
            c.headers(1, h2.request("/here"))
            return c.response(1, 1) == (200, b"here")

    def test_at_90_percent_detached_subrequests_that_hold_most_are_ended(self):
        config = CONFIG.format(port=self.origin.port, memory="40MiB")
        self.start(
            config.replace("    forward: app", "    filters: [ probe: a ]\n    forward: app")
        )
        ask = b"GET /ok HTTP/1.1\r\nHost: a\r\nX-A: request=sub-hoard:/ok?size=300000\r\n\r\n"
        sock = self.connect()
        for _ in range(900):
            try:
                sock.sendall(ask)
                reply = sock.recv(4000)
            except ConnectionError:
                reply = b""  # It was shed.
            if b" 200 " not in reply or b"Connection: close" in reply:
                sock = self.connect()
            if self.said("the largest requests are ended"):
                break
        self.until(lambda: self.said("detached  cause 8"), "none was ended")


@unittest.skipIf(skips("test_memory.shedding"), "sanitizers cost memory")
class Uploads(Short):
    """F22, S30: a thousand big uploads to an origin that does not read."""

    def crowd(self, most, upload=CHUNKS):
        engine = self.proxy.engine_pid()
        socks, peak = [self.connect(upload) for _ in range(1000)], 0

        def watch():
            nonlocal peak
            peak = max(peak, procs.rss_bytes(self.proxy.pid))

        for _ in range(10):
            self.pour(socks, 0.3)
            watch()
        self.assertLess(peak, most)
        for sock in socks:
            sock.close()
        self.until(self.answers, "it has not come back")
        self.assertEqual(self.proxy.engine_pid(), engine, "the engine was killed")
        return socks

    def test_within_a_configured_limit(self):
        self.start("48MiB")
        self.crowd(48 * MIB + 20 * MIB)  # And the master, and counters where coverage is measured.
        self.assertGreater(self.words().get("memory_shed", 0), 0)

    def test_without_a_tight_limit_each_holds_256_kib_at_most(self):
        self.start("8GiB")
        self.crowd(procs.rss_bytes(self.proxy.pid) + 1000 * 256 * 1024)
        self.assertNotIn("memory_shed", self.words())

    @unittest.skipUnless(os.access(CGROUP, os.W_OK), "needs a writable memory cgroup, version 1")
    def test_within_a_cgroup_of_64_mib(self):
        self.within_a_cgroup()
        self.crowd(64 * MIB)
        self.assertGreater(self.words().get("memory_shed", 0), 0)
        self.assertIn("oom_kill 0", self.oom_control())

    @unittest.skipUnless(os.access(CGROUP, os.W_OK), "needs a writable memory cgroup, version 1")
    def test_what_goes_past_the_engine_fits_into_the_cgroup_too(self):
        """A splice's bytes stand in pipes and sockets, which are the system's, and on no account."""
        self.within_a_cgroup()
        self.crowd(64 * MIB, UPLOAD)
        self.assertIn("oom_kill 0", self.oom_control())

    def within_a_cgroup(self):
        group = CGROUP / f"pkrig-{os.getpid()}"
        group.mkdir()
        self.addCleanup(self.remove, group)
        (group / "memory.limit_in_bytes").write_text(str(64 * MIB))
        enter = f'echo $$ > {group}/cgroup.procs; exec "$@"'
        self.start("8GiB", prefix=["sh", "-c", enter, "sh"])
        self.assertTrue(self.said("lowered to 44 MiB: 70% of the cgroup's limit"), self.proxy.log)
        self.oom_control = (group / "memory.oom_control").read_text

    def remove(self, group):
        self.proxy.cleanup()
        self.until(lambda: not (group / "cgroup.procs").read_text(), "somebody is left in it")
        group.rmdir()


if __name__ == "__main__":
    unittest.main()
