"""Bodies in files, sent to another endpoint or collected; disks that are full or gone, clients that leave, a reload (issue 6)."""
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import procs  # noqa: E402
from rig.pkrig import SLOW, Proxy  # noqa: E402
from rig.sanitized import skips  # noqa: E402
from rig.served import ThreadServer  # noqa: E402
from rig.stage import with_test_plugins  # noqa: E402
from rig.waiting import soon  # noqa: E402

CONFIG = """
{top}
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
logs: [ access_log: {{ format: json, path: $TMP/access.log, buffer: 1KiB }} ]
upstreams:
  app:
    balancer: round_robin
    retry_budget: {{ least: 1000 }}
    attempt: [ retry: {{ on: [ connect_error, reset, 503 ], {retry} }} ]
    endpoints: [ "127.0.0.1:{first}", {{ address: "127.0.0.1:{second}", backup: true }} ]
routes:
  - match: {{ path: / }}
    limits: {{ request_body: 2GiB, {limits} }}
    filters: [ {filters} ]
    forward: app
"""
MIB = 1 << 20
PATTERN = bytes(range(251)) * 4177  # About 1 MiB, and no power of two.


def pattern(size):
    """A body whose every 64 KiB are others, piece by piece."""
    sent = 0
    while sent < size:
        piece = PATTERN[: min(len(PATTERN), size - sent)]
        sent += len(piece)
        yield piece


def digest(size):
    sha = hashlib.sha256()
    for piece in pattern(size):
        sha.update(piece)
    return sha.hexdigest()


class Origin(ThreadServer):
    """Takes whole bodies and answers with their digest; or does what its `fault` says, of a list the next one."""

    def __init__(self):
        super().__init__(backlog=128)
        self.fault, self.seen = None, []
        self.reading = threading.Event()
        self.begin_serving()

    @staticmethod
    def _pieces(stream, head):
        found = re.search(rb"(?i)content-length: (\d+)", head)
        if found:
            left = int(found[1])
            while left:
                piece = stream.read(min(left, 1 << 16))
                if not piece:
                    raise OSError("cut")
                left -= len(piece)
                yield piece
            return
        if b"chunked" not in head.lower():
            return
        while True:
            line = stream.readline()
            size = int(line, 16) if line else -1
            if size < 0:
                raise OSError("cut")
            if size == 0:
                while stream.readline().strip():
                    pass
                return
            piece = stream.read(size + 2)
            if len(piece) < size + 2:
                raise OSError("cut")
            yield piece[:-2]

    def _one(self, conn, stream):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return False
            head += line
        fault = self.fault.pop(0) if isinstance(self.fault, list) else self.fault
        sha, size = hashlib.sha256(), 0
        for piece in self._pieces(stream, head):
            sha.update(piece)
            size += len(piece)
            if size > 100_000:
                self.reading.set()
            if isinstance(fault, int) and size >= fault:
                return self._reset(conn)
        self.seen.append((head.split(b" ")[0].decode(), size, sha.hexdigest()))
        fault = self.fault if fault is None else fault
        if fault == "reset":
            return self._reset(conn)
        if fault == "503":
            conn.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")
            return True
        body = sha.hexdigest().encode()
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return True

    @staticmethod
    def _reset(conn):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


class Spill(unittest.TestCase):
    def start(
        self, retry="body: 64KiB, spill: 64MiB", top="", limits="spill: 2GiB", filters="", **how
    ):
        self.first, self.second = Origin(), Origin()
        self.addCleanup(self.first.close)
        self.addCleanup(self.second.close)
        self.text = CONFIG.format(
            first=self.first.port,
            second=self.second.port,
            retry=retry,
            top=top,
            limits=limits,
            filters=filters,
        )
        self.proxy = Proxy(self.text, start=False, **how)
        self.addCleanup(self.proxy.stop)
        if filters:
            self.proxy.args += with_test_plugins(filters, self.proxy.dir)
        (self.proxy.dir / "spill").mkdir()
        (self.proxy.dir / "spill").chmod(0o777)

    def run_proxy(self, *args, **how):
        self.start(*args, **how)
        self.proxy.start(20 * SLOW)
        return self.proxy

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 30 * SLOW)
        self.addCleanup(sock.close)
        return sock

    @staticmethod
    def head(method, size, more=""):
        framing = f"Content-Length: {size}" if size is not None else "Transfer-Encoding: chunked"
        return f"{method} /x HTTP/1.1\r\nHost: a\r\n{framing}\r\n{more}\r\n".encode()

    def answer(self, sock):
        """(status, body)"""
        stream = sock.makefile("rb")
        status = int(stream.readline().split(b" ")[1])
        length = 0
        while (line := stream.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, stream.read(length).decode()

    def upload(self, size, method="PUT", chunked=False, more=""):
        sock = self.connect()
        sock.sendall(self.head(method, None if chunked else size, more))
        try:
            for piece in pattern(size):
                sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                sock.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # It was answered before all of it was sent.
        return self.answer(sock)

    def files(self):
        """Descriptors of spill files that the engine has."""
        count = 0
        for fd in Path(f"/proc/{self.proxy.engine_pid()}/fd").iterdir():
            try:
                count += "(deleted)" in os.readlink(fd) and "memfd" not in os.readlink(fd)
            except OSError:
                pass
        return count

    def until(self, condition, what):
        came = soon(condition, within=20)
        self.assertTrue(came, f"{what}\n{self.proxy.log}")

    def records(self):
        self.proxy.finish()
        lines = (self.proxy.dir / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def said(self, text):
        return self.proxy.wait_log(re.escape(text), 10 * SLOW)


class Replay(Spill):
    SIZE = 5_000_000

    def test_a_put_is_sent_again_exactly(self):
        self.run_proxy()
        for fault in ("reset", "503", 1, 2_000_000):
            for chunked in (False, True):
                self.first.fault, self.second.seen = fault, []
                status, body = self.upload(self.SIZE, chunked=chunked)
                self.assertEqual((status, body), (200, digest(self.SIZE)), (fault, chunked))
                self.assertEqual(self.second.seen, [("PUT", self.SIZE, digest(self.SIZE))])
        self.until(lambda: self.files() == 0, "a file is left")
        self.assertEqual(list((self.proxy.dir / "spill").iterdir()), [])
        for record in self.records():
            self.assertEqual((record["attempts"], record["body_kept"]), (2, "file"))
            self.assertEqual(record["request_bytes"], self.SIZE)

    def test_what_fits_stays_in_memory(self):
        self.run_proxy()
        self.first.fault = "reset"
        for size in (1, 60_000):
            self.assertEqual(self.upload(size), (200, digest(size)))
        for size in (65_536, 65_537, 200_000):
            self.assertEqual(self.upload(size), (200, digest(size)))
        kept = [record["body_kept"] for record in self.records()]
        self.assertEqual(kept[:2] + kept[3:], ["memory", "memory", "file", "file"])

    def test_a_third_attempt_begins_at_the_first_byte_again(self):
        self.run_proxy("tries: 3, delay: 0s, body: 64KiB, spill: 64MiB")
        self.first.fault, self.second.fault = "reset", [3_000_000, "none", "none"]
        self.assertEqual(self.upload(self.SIZE), (200, digest(self.SIZE)))
        self.assertEqual(self.records()[0]["attempts"], 3)

    def test_a_post_only_where_the_config_says_so(self):
        self.run_proxy()
        self.first.fault = "reset"
        self.assertEqual(self.upload(self.SIZE, "POST")[0], 502)
        self.assertEqual(self.second.seen, [])
        self.proxy.stop()
        self.run_proxy("body: 64KiB, spill: 64MiB, non_idempotent: true")
        self.first.fault = "reset"
        self.assertEqual(self.upload(self.SIZE, "POST"), (200, digest(self.SIZE)))

    def test_a_body_of_exactly_the_limit_is_kept(self):
        for retry, kept in (
            ("body: 64KiB", "memory"),
            ("body: 64KiB, spill: 1MiB", "memory"),
            ("body: 64KiB, spill: 96KiB", "file"),
        ):
            size = 96 << 10 if kept == "file" else 64 << 10
            self.run_proxy(retry)
            self.first.fault = "reset"
            self.assertEqual(self.upload(size), (200, digest(size)))
            self.assertEqual([r["body_kept"] for r in self.records()], [kept])

    def test_past_the_limit_it_streams_on_and_is_not_sent_again(self):
        for retry, limits in (
            ("body: 64KiB, spill: 1MiB", "spill: 2GiB"),
            ("body: 64KiB, spill: 64MiB", "spill: 1MiB"),
            ("body: 64KiB", "spill: 2GiB"),
        ):
            self.run_proxy(retry, limits=limits)
            self.assertEqual(self.upload(self.SIZE), (200, digest(self.SIZE)))
            self.first.fault = "reset"
            self.assertEqual(self.upload(self.SIZE)[0], 502)
            self.assertEqual((len(self.first.seen), self.second.seen), (2, []))
            self.assertEqual(self.files(), 0)
            self.assertEqual([r["body_kept"] for r in self.records()], ["too_long"] * 2)

    def test_all_files_together_have_a_limit(self):
        self.run_proxy(top="spill: { total: 1MiB }")
        self.assertEqual(self.upload(self.SIZE), (200, digest(self.SIZE)))
        self.assertTrue(self.said("all of spill.total"))
        # What it had is given back.
        self.first.fault = "reset"
        self.until(lambda: self.files() == 0, "a file is left")
        self.assertEqual(self.upload(500_000), (200, digest(500_000)))
        self.assertEqual([r["body_kept"] for r in self.records()], ["no_disk", "file"])

    def test_the_client_leaves_and_nothing_stays(self):
        self.run_proxy(top="spill: $TMP/spill")
        before = self.proxy.fd_count()
        for fault in (None, 300_000):
            self.first.fault = fault
            for _ in range(10):
                sock = self.connect()
                sock.sendall(self.head("PUT", self.SIZE) + PATTERN[:800_000])
                self.until(lambda: self.files() > 0, "no file")
                sock.close()
            self.until(lambda: self.files() == 0, "a file is left")
        self.first.fault = None
        self.assertEqual(self.upload(self.SIZE)[0], 200)
        self.until(lambda: procs.fd_count(self.proxy.pid) <= before + 4, "descriptors are left")

    def test_a_reload_in_the_middle(self):
        self.run_proxy()
        sock = self.connect()
        sock.sendall(self.head("PUT", len(PATTERN) * 2) + PATTERN)
        self.assertTrue(self.first.reading.wait(10 * SLOW))
        self.first.fault = "reset"
        self.assertIn(
            "reloaded",
            self.proxy.reload(self.text.replace("tries: 2", "tries: 3") + "# more\nworkers: 1\n"),
        )
        sock.sendall(PATTERN)
        expected = hashlib.sha256(PATTERN * 2).hexdigest()
        self.assertEqual(self.answer(sock), (200, expected))

    def test_stopped_in_the_middle(self):
        self.run_proxy()
        sock = self.connect()
        sock.sendall(self.head("PUT", len(PATTERN) * 2) + PATTERN)
        self.until(lambda: self.files() > 0, "no file")
        self.first.fault = "reset"
        self.proxy.process.terminate()
        sock.sendall(PATTERN)
        self.assertEqual(self.answer(sock)[0], 200)
        self.assertEqual(self.proxy.wait_exit(), 0)

    def test_many_at_once(self):
        self.run_proxy(workers=2)
        self.first.fault = "reset"
        found, size = [], 1_500_000
        threads = [
            threading.Thread(target=lambda: found.append(self.upload(size))) for _ in range(24)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(found, [(200, digest(size))] * 24)


class Disk(Spill):
    """The file cannot be written: the request itself is not lost by it."""

    SIZE = 5_000_000

    def lives_without(self, why):
        self.assertEqual(self.upload(self.SIZE), (200, digest(self.SIZE)))
        self.first.fault = "reset"
        self.assertEqual(self.upload(self.SIZE)[0], 502)
        self.assertEqual(self.second.seen, [])
        self.assertTrue(self.said(why), self.proxy.log)
        self.assertEqual(self.files(), 0)
        self.assertEqual([r["body_kept"] for r in self.records()], ["no_disk"] * 2)

    def test_it_is_full(self):
        self.start(top="spill: $TMP/spill")
        folder = self.proxy.dir / "spill"
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "none", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("only root may mount a small file system")
        self.addCleanup(subprocess.run, ["umount", str(folder)], check=True)
        self.proxy.start(20 * SLOW)
        self.lives_without("No space left on device")
        self.assertEqual(os.statvfs(folder).f_bfree, os.statvfs(folder).f_blocks)

    def test_a_file_may_not_grow(self):
        self.start(top="spill: $TMP/spill", prefix=["prlimit", "--fsize=4000000"])
        self.proxy.start(20 * SLOW)
        self.lives_without("File too large")

    def test_the_directory_goes(self):
        self.run_proxy(top="spill: $TMP/spill")
        (self.proxy.dir / "spill").rmdir()
        self.lives_without("No such file or directory")


class Collected(Spill):
    """A filter that wants all of a body before it lets its head go on."""

    FILTER = "probe: a"
    SIZE = 3_000_000

    def asks(self, what, **how):
        return self.upload(self.SIZE, "POST", more=f"X-A: quiet=1 {what}\r\n", **how)

    def test_it_goes_on_whole(self):
        self.run_proxy(top="spill: $TMP/spill", filters=self.FILTER)
        for limit in (0, 1, 65536, 1_000_000):
            for chunked in (False, True):
                status, body = self.asks(f"request=collect-spill:{limit}", chunked=chunked)
                self.assertEqual((status, body), (200, digest(self.SIZE)), (limit, chunked))
        self.until(lambda: self.files() == 0, "a file is left")
        status, body = self.upload(900, more="X-A: request=collect-spill:1000\r\n")
        self.assertEqual((status, body), (200, digest(900)))

    def test_the_filter_sees_its_beginning(self):
        self.run_proxy(filters=self.FILTER)
        self.upload(self.SIZE, more="X-A: request=collect-spill:70000\r\n")
        self.proxy.wait_log(r"a saw request collected:70000 end:0 response", 10 * SLOW)

    def test_collected_and_sent_again(self):
        self.run_proxy(filters=self.FILTER)
        self.first.fault = "reset"
        more = "X-A: quiet=1 request=collect-spill:70000\r\n"
        self.assertEqual(self.upload(self.SIZE, more=more), (200, digest(self.SIZE)))
        self.assertEqual(self.second.seen, [("PUT", self.SIZE, digest(self.SIZE))])

    def test_a_subrequest_takes_it_along(self):
        self.run_proxy(filters=self.FILTER)
        status, _ = self.asks("request=collect-spill:70000 collected=sub-collected:/sub")
        self.assertEqual(status, 200)
        self.assertIn(("POST", self.SIZE, digest(self.SIZE)), self.first.seen)
        self.until(lambda: self.files() == 0, "a file is left")

    def test_what_is_too_much_is_refused(self):
        self.run_proxy(filters=self.FILTER, limits="spill: 1MiB")
        self.assertEqual(self.asks("request=collect-spill:70000", chunked=True)[0], 413)
        self.assertEqual(self.first.seen, [])
        self.until(lambda: self.files() == 0, "a file is left")
        self.assertEqual(self.records()[0]["end_reason"], "collected_body_too_large")

    def test_without_a_disk_it_is_refused_too(self):
        self.run_proxy(top="spill: $TMP/spill", filters=self.FILTER)
        (self.proxy.dir / "spill").rmdir()
        self.assertEqual(self.asks("request=collect-spill:70000")[0], 503)
        self.assertTrue(self.said("No such file or directory"))
        self.assertEqual(
            self.records()[0]["end_reason"], "spill_failed"
        )  # "end_reason": "spill_failed"

    def test_a_client_that_leaves_takes_its_file_along(self):
        self.run_proxy(filters=self.FILTER)
        sock = self.connect()
        sock.sendall(self.head("POST", self.SIZE, "X-A: request=collect-spill:1000\r\n") + PATTERN)
        self.until(lambda: self.files() > 0, "no file")
        sock.close()
        self.until(lambda: self.files() == 0, "a file is left")


class Flat(Spill):
    """What is in a file is not in memory."""

    def grown(self, size):
        self.run_proxy(retry="body: 64KiB, spill: 2GiB", top="spill: { total: 3GiB }")
        self.assertEqual(self.upload(MIB)[0], 200)
        before = procs.rss_bytes(self.proxy.pid)
        self.first.fault = "reset"
        self.assertEqual(self.upload(size), (200, digest(size)))
        self.assertEqual(self.second.seen, [("PUT", size, digest(size))])
        return procs.rss_bytes(self.proxy.pid) - before

    def test_64_mib(self):
        grown = self.grown(64 * MIB)
        if not skips("test_spill.memory"):
            self.assertLess(grown, 4 * MIB)

    @unittest.skipIf(skips("test_spill.bulk"), "test_64_mib is its small twin")
    def test_1_gib(self):
        self.assertLess(self.grown(1024 * MIB), 4 * MIB)


if __name__ == "__main__":
    unittest.main()
