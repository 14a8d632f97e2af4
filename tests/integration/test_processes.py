"""Processes: start, stop, crash, exit codes (F27, F28, F36, section G, design-details 3, 20)."""
import fcntl
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client, pkrig  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy, Refusing, Taken, run_to_exit  # noqa: E402
from rig.proxy import command  # noqa: E402
from rig.sanitized import skips  # noqa: E402
from rig.waiting import soon  # noqa: E402

RESPOND = """
listeners:
  - {{ name: web, address: "{address}" }}
routes:
  - match: {{ path: / }}
    handler: {{ respond: {{ status: 200, body: "ok" }} }}
"""
FORWARD = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: / }}
    forward: app
"""
UNIX = """
listeners:
  - { name: web, address: "127.0.0.1:0" }
  - { name: sock, address: "unix:$TMP/pk.sock" }
upstreams:
  app: { endpoints: [ "unix:$TMP/pk.sock" ] }
routes:
  - match: { listener: sock }
    handler: { respond: { status: 200, body: "sock" } }
  - match: { path: / }
    forward: app
"""
ANY_PORT = RESPOND.format(address="127.0.0.1:0")


def ask(port, path="/", sock=None):
    """One GET on `sock` or a connection of its own: (socket, the answer's bytes up to the end of its head)."""
    sock = sock or socket.create_connection(("127.0.0.1", port), 10)
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            break
        data += more
    return sock, data


FORWARD_UNIX = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "unix:{0}" ], timeouts: {{ connect: {1} }} }}
routes:
  - match: {{ path: / }}
    forward: app
"""


class FullPath:
    """A unix socket whose backlog is full, until it serves."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.path = f"{self.folder}/full.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.first = []
        try:
            while True:
                self.first.append(socket.socket(socket.AF_UNIX))
                self.first[-1].setblocking(False)
                self.first[-1].connect(self.path)
        except BlockingIOError:
            pass

    def serve(self, count):
        for _ in range(len(self.first) - 1):
            self.listener.accept()[0].close()
        for _ in range(count):
            conn, _ = self.listener.accept()
            conn.recv(4096)
            conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (*self.first, self.listener):
            one.close()
        shutil.rmtree(self.folder)


class Start(unittest.TestCase):
    def test_it_serves_with_a_master_and_one_engine(self):
        with Proxy(ANY_PORT, workers=2) as proxy:
            sock, data = ask(proxy.port())
            sock.close()
            self.assertTrue(data.startswith(b"HTTP/1.1 200"), data)
            self.assertEqual(len(pkrig.tree(proxy.pid)), 2)

    def test_single_process_is_one(self):
        with Proxy(ANY_PORT, args=["--single-process"]) as proxy:
            ask(proxy.port())[0].close()
            self.assertEqual(pkrig.tree(proxy.pid), [proxy.pid])

    def test_port_0_listens_where_it_says(self):
        with Proxy(ANY_PORT) as proxy:
            self.assertGreater(proxy.port("web"), 0)
            self.assertIn(f"127.0.0.1:{proxy.port('web')}", proxy.log)

    def test_ipv6_and_dual_stack(self):
        with Proxy(RESPOND.format(address="[::1]:0")) as proxy:
            sock = socket.create_connection(("::1", proxy.port()), 5)
            self.assertTrue(ask(0, sock=sock)[1].startswith(b"HTTP/1.1 200"))
            sock.close()

    def test_a_port_alone_is_both_families(self):
        with Proxy(RESPOND.format(address=":0")) as proxy:
            for host in ("127.0.0.1", "::1"):
                sock = socket.create_connection((host, proxy.port()), 5)
                self.assertTrue(ask(0, sock=sock)[1].startswith(b"HTTP/1.1 200"), host)
                sock.close()

    def test_ipv4_alone_is_not_ipv6(self):
        with Proxy(RESPOND.format(address="127.0.0.1:0")) as proxy:
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("::1", proxy.port()), 5)

    def test_a_unix_socket_as_listener_and_as_endpoint(self):
        """The proxy is its own origin, over a path; the file is gone after the end, a stale one is replaced."""
        for _ in range(2):
            with Proxy(UNIX) as proxy:
                path = Path(proxy.address("sock").removeprefix("unix:"))
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(str(path))
                    self.assertTrue(ask(0, sock=sock)[1].startswith(b"HTTP/1.1 200"))
                sock, data = ask(proxy.port("web"))
                sock.close()
                self.assertTrue(data.startswith(b"HTTP/1.1 200"), data)
            self.assertFalse(path.exists())

    def test_a_unix_socket_whose_backlog_is_full_is_waited_for_as_one_of_tcp_is(self):
        with FullPath() as full, Proxy(FORWARD_UNIX.format(full.path, "10s")) as proxy:
            socks = [socket.create_connection(("127.0.0.1", proxy.port()), 10) for _ in range(20)]
            for sock in socks:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            full.serve(len(socks))
            for sock in socks:
                self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 200"))
                sock.close()

    def test_and_no_longer_than_a_connect_may_take(self):
        with FullPath() as full, Proxy(FORWARD_UNIX.format(full.path, "200ms")) as proxy:
            sock, data = ask(proxy.port())
            sock.close()
            self.assertTrue(data.startswith(b"HTTP/1.1 504"), data)
            self.assertIn(b"connect_timeout", data)

    def test_a_stale_unix_socket_is_replaced_a_live_one_is_not(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/pk.sock"
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(path)
                other.listen()
                code, err, _ = run_to_exit(RESPOND.format(address=f"unix:{path}"))
                self.assertEqual(code, 4, err)
            with Proxy(RESPOND.format(address=f"unix:{path}")), socket.socket(
                socket.AF_UNIX
            ) as sock:
                sock.connect(path)
                self.assertTrue(ask(0, sock=sock)[1].startswith(b"HTTP/1.1 200"))

    def test_all_descriptors_are_close_on_exec(self):
        with Proxy(ANY_PORT) as proxy:
            for pid in pkrig.tree(proxy.pid):
                for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                    if int(fd) > 2:
                        flags = (
                            Path(f"/proc/{pid}/fdinfo/{fd}")
                            .read_text()
                            .split("flags:")[1]
                            .split()[0]
                        )
                        self.assertTrue(int(flags, 8) & os.O_CLOEXEC, f"fd {fd} of {pid}")


BAD = """listeners:
  - { name: web, address: "127.0.0.1:0", timeouts: { head: 10seconds } }
upstreams:
  api: { endpoints: [ "127.0.0.1:3000/base" ] }
routes:
  - match: { path: / }
    forwrd: api
  - match: { path: /x }
    forward: apii
"""
TOLD = """$F:2:60: error[E0207]: duration '10seconds' is not valid; write 10s
$F:4:23: error[E0301]: endpoint '127.0.0.1:3000/base' holds a path; write '127.0.0.1:3000': the path of a request \
goes there as it came
  4 |   api: { endpoints: [ "127.0.0.1:3000/base" ] }
    |                       ^~~~~~~~~~~~~~~~~~~~~
$F:7:5: error[E0142]: unknown option 'forwrd' in route #1
  7 |     forwrd: api
    |     ^~~~~~ did you mean 'forward'?
    = options here: name, match, filters, forward, handler, upgrade, logs, attempt, timeouts, limits
    = docs: pkernel describe route
$F:9:14: error[E0303]: there is no upstream 'apii'
  9 |     forward: apii
    |              ^~~~ did you mean 'api'?
    = upstreams here: api
4 errors, 0 warnings
"""
TAKEN = """$F:3:27: error[E0501]: cannot listen on 127.0.0.1:$P: the address is in use
  3 |   - { name: web, address: "127.0.0.1:$P" }
    |                           ^~~~~~~~~~~~$~ "ss -ltnp 'sport = :$P'" shows who has it; change the port here or stop it
1 error, 0 warnings
"""


class ExitCodes(unittest.TestCase):
    def expect(self, code, config, *patterns, args=()):
        got, err, out = run_to_exit(config, args)
        self.assertEqual(got, code, err)
        for pattern in patterns:
            self.assertRegex(err + out, pattern)

    def test_a_port_in_use_is_4_and_names_the_line(self):
        taken = Taken()
        self.addCleanup(taken.close)
        self.expect(
            4, RESPOND.format(address=f"127.0.0.1:{taken.port}"), r"pk\.yaml:3:\d+: error", "in use"
        )

    def form(self, config, args=()):
        """The errors to the letter; $F stands for the file."""
        err = run_to_exit(config, args)[1]
        err = "".join(
            line for line in err.splitlines(True) if not re.match(r"\d{4}-\d\d-\d\dT", line)
        )
        return re.sub(r"\S+/pk\.yaml", "$F", err)

    def test_errors_have_their_form(self):
        """G: every error at once, with position, line, caret, suggestion and where to read on."""
        self.assertEqual(self.form(BAD, ["validate"]), TOLD)
        taken = Taken()
        self.addCleanup(taken.close)
        want = TAKEN.replace("$P", str(taken.port)).replace("$~", "~" * len(str(taken.port)))
        self.assertEqual(self.form(RESPOND.format(address=f"127.0.0.1:{taken.port}")), want)

    def test_errors_for_machines(self):
        code, err, out = run_to_exit(BAD, ["--format", "json", "validate"])
        told = json.loads(out)
        self.assertEqual((code, told["errors"], told["exit_code"]), (1, 4, 1), err)
        self.assertEqual(
            [(d["code"], d["line"], d["column"]) for d in told["diagnostics"]],
            [("E0207", 2, 60), ("E0301", 4, 23), ("E0142", 7, 5), ("E0303", 9, 14)],
        )

    def test_a_port_in_use_without_a_master_is_4_too(self):
        taken = Taken()
        self.addCleanup(taken.close)
        self.expect(
            4,
            RESPOND.format(address=f"127.0.0.1:{taken.port}"),
            "in use",
            args=["--single-process"],
        )

    @unittest.skipIf(skips("test_processes.threads"), "see sanitizers_skip.txt")
    def test_too_few_threads_is_4_and_says_which_limits_there_are(self):
        """As TasksMax= of a service or the address space may be too small for the workers asked for."""
        config = RESPOND.format(address="127.0.0.1:0")
        proxy = Proxy(config, workers=256, prefix=["prlimit", f"--as={700 << 20}"], start=False)
        self.addCleanup(proxy.cleanup)
        with self.assertRaisesRegex(AssertionError, r"exit code 4"):
            proxy.start(20 * SLOW)
        self.assertRegex(proxy.log, r"error no thread for worker \d+ of 256: .*TasksMax")
        self.assertNotRegex(proxy.log, "SIGABRT")

    def test_an_address_that_is_not_ours_is_4(self):
        self.expect(4, RESPOND.format(address="192.0.2.1:0"), r"pk\.yaml:3:\d+: error")

    def test_an_unknown_option_is_1_with_position_and_suggestion(self):
        config = ANY_PORT.replace("handler:", "handlr:")
        self.expect(
            1,
            config,
            r"pk\.yaml:6:\d+: error\[E\d{4}\]: unknown option 'handlr'",
            "did you mean 'handler'",
        )

    def test_each_mistake_is_1(self):
        good = ANY_PORT
        for name, config in (
            ("no YAML", "listeners: [ }"),
            ("empty", ""),
            ("a list on top", "- a\n"),
            ("no routes", good.split("routes:")[0]),
            ("no listeners", "routes:" + good.split("routes:")[1]),
            ("a duplicate key", good + "\nroutes:\n  - match: { path: / }\n    forward: x\n"),
            ("an unknown upstream", good.replace("handler:", "forward: nowhere\n    # handler:")),
            ("two ends of a route", good + "    forward: nowhere\n"),
            ("no end of a route", good.replace("    handler:", "    # handler:")),
            ("a bad address", good.replace("127.0.0.1:0", "127.0.0.1:port")),
            ("a port too large", good.replace("127.0.0.1:0", "127.0.0.1:65536")),
            ("a bad status", good.replace("200", "2000")),
            ("a duration without a unit", good.replace('0" }', '0", timeouts: { head: 10 } }')),
            ("a size without a unit", good.replace('0" }', '0", limits: { head: 10 } }')),
            ("a word for a duration", good.replace('0" }', '0", timeouts: { head: soon } }')),
            ("an alias", good.replace("name: web", "name: &a web")),
            ("a tag", good.replace("name: web", "name: !x web")),
            (
                "two listeners of one name",
                good.replace("routes:", '  - { name: web, address: "127.0.0.1:0" }\nroutes:'),
            ),
            ("several endpoints and no balancer", FORWARD.format(port="1\", \"127.0.0.1:2")),
        ):
            with self.subTest(name):
                self.expect(1, config, r"error\[E\d{4}\]")

    def test_all_mistakes_are_told_at_once(self):
        config = ANY_PORT.replace("handler:", "handlr:").replace("name: web", "nam: web")
        self.expect(1, config, "(?s)nam.*handlr|handlr.*nam", r"[2-9] errors")

    def test_a_missing_plugin_is_3_and_names_the_file(self):
        self.expect(
            3,
            ANY_PORT.replace("respond: {", "no_such_plugin: {"),
            r"pk\.yaml:6:\d+",
            r"no_such_plugin\.so",
        )

    def test_a_missing_config_file_is_1_and_names_it(self):
        code, err, _ = run_to_exit(args=["--config", "/nowhere/pk.yaml"])
        self.assertEqual(code, 1, err)
        self.assertIn("/nowhere/pk.yaml", err)

    def test_a_wrong_option_of_the_command_line_is_2(self):
        code, err, _ = run_to_exit(ANY_PORT, args=["--no-such-option"])
        self.assertEqual(code, 2, err)
        code, err, _ = run_to_exit(ANY_PORT, args=["no-such-command"])
        self.assertEqual(code, 2, err)

    def test_validate_tells_good_from_bad_and_binds_nothing(self):
        taken = Taken()
        self.addCleanup(taken.close)
        self.expect(0, RESPOND.format(address=f"127.0.0.1:{taken.port}"), args=["validate"])
        self.expect(1, ANY_PORT.replace("handler:", "handlr:"), "handlr", args=["validate"])

    def test_version_and_help_are_0(self):
        for args in (["version"], ["--help"]):
            code, err, out = run_to_exit(args=args)
            self.assertEqual(code, 0, err)
            self.assertIn("pkernel", (out + err).lower())


class Stop(unittest.TestCase):
    def setUp(self):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)

    def proxy(self, workers=2):
        proxy = Proxy(FORWARD.format(port=self.origin.port), workers=workers)
        self.addCleanup(proxy.cleanup)
        return proxy

    def test_each_signal_to_stop_ends_an_idle_proxy_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            proxy = self.proxy()
            proxy.signal(number)
            self.assertEqual(proxy.wait_exit(5), 0, proxy.log)

    def test_the_second_signal_ends_it_at_once_whatever_the_two_are(self):
        for first, second in ((signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
            self.origin.heads.clear()
            proxy = self.proxy(workers=1)
            sock = socket.create_connection(("127.0.0.1", proxy.port()), 10)
            sock.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
            while not self.origin.heads:
                time.sleep(0.001)
            proxy.signal(first)
            proxy.wait_log("draining", 5 * SLOW)
            self.assertIsNone(proxy.process.poll())
            proxy.signal(second)
            start = time.monotonic()
            self.assertEqual(proxy.wait_exit(5), 0, proxy.log)
            self.assertLess(time.monotonic() - start, 1 * SLOW)
            sock.close()

    def test_an_idle_connection_gets_its_next_answer_while_it_drains(self):
        """With Connection: close, rather than a reset in the face of a request that is under way."""
        proxy = self.proxy(workers=1)
        busy = socket.create_connection(("127.0.0.1", proxy.port()), 10)
        busy.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        idle, _ = ask(proxy.port(), "/ok")
        proxy.signal(signal.SIGTERM)
        proxy.wait_log("draining", 5 * SLOW)
        data = ask(0, "/ok", idle)[1]
        self.assertTrue(data.startswith(b"HTTP/1.1 200"), data)
        self.assertIn(b"connection: close", data.lower())
        for sock in (busy, idle):
            sock.close()

    def test_what_is_in_flight_is_finished(self):
        proxy = self.proxy(workers=1)
        sock = socket.create_connection(("127.0.0.1", proxy.port()), 10)
        sock.sendall(b"GET /slow-head?ms=10 HTTP/1.1\r\nHost: a\r\n\r\n")
        while not self.origin.heads:
            time.sleep(0.001)
        proxy.signal(signal.SIGTERM)
        data = b""
        while more := sock.recv(65536):
            data += more
        self.assertTrue(data.endswith(b"\r\n\r\nok"), data)
        self.assertIn(b"connection: close", data.lower())
        self.assertEqual(proxy.wait_exit(5), 0, proxy.log)

    def test_an_idle_connection_does_not_hold_it_up(self):
        proxy = self.proxy(workers=1)
        sock, data = ask(proxy.port(), "/ok")
        self.assertIn(b"200", data)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait_exit(5), 0, proxy.log)
        sock.close()

    def test_new_connections_are_refused_while_it_drains(self):
        proxy = self.proxy(workers=1)
        sock = socket.create_connection(("127.0.0.1", proxy.port()), 10)
        sock.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        while not self.origin.heads:
            time.sleep(0.001)
        proxy.signal(signal.SIGTERM)
        deadline = time.monotonic() + 5 * SLOW
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", proxy.port()), 1).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:
                pass  # taken into a backlog that was closed in the same moment
        else:
            self.fail("still accepting")
        self.assertIsNone(proxy.process.poll(), "gone before its request was answered")
        proxy.signal(signal.SIGTERM)
        start = time.monotonic()
        proxy.wait_exit(5)
        self.assertLess(time.monotonic() - start, 1 * SLOW, "the second SIGTERM ends it at once")

    def test_nothing_is_lost_by_sigterm_under_load(self):
        proxy = self.proxy()
        threading.Timer(1, proxy.signal, [signal.SIGTERM]).start()
        result = loss_client.run(loss_client.Plan(port=proxy.port(), seconds=2, rate=500))
        self.assertEqual(proxy.wait_exit(5), 0, proxy.log)
        lost = {
            k: v
            for k, v in result.items()
            if k in loss_client.KINDS and v and k not in ("ok", "refused")
        }
        # An idle connection that the drain closes as a request leaves the client is seen as closed_reused: the
        # answers before it said Connection: close or not; it must not happen more than once a client.
        self.assertLessEqual(lost.pop("closed_reused", 0), 4, result)
        self.assertEqual(lost, {}, result)
        self.assertGreater(result["ok"], 100, result)


class Outlets(unittest.TestCase):
    """F30: nobody reads what it writes; logs are moved away."""

    LOGGED = (
        RESPOND.format(address="127.0.0.1:0")
        + "logs: [ access_log: { format: json, path: $TMP/access.log } ]\n"
    )

    def test_an_origin_that_fails_is_told_without_an_access_log(self):
        """With the id that the error page shows; a client cannot fill the log by it."""
        dead = self.dead_port()
        with Proxy(FORWARD.format(port=dead)) as proxy:
            where = f"http://127.0.0.1:{proxy.port()}/"
            with self.assertRaises(urllib.error.HTTPError) as answer:
                request = urllib.request.Request(where, headers={"Accept": "application/json"})
                urllib.request.urlopen(request, timeout=10 * SLOW)
            page = json.load(answer.exception)
            told = f"upstream 'app', endpoint 127.0.0.1:{dead}: connect_refused (request {page['request_id']})"
            proxy.wait_log("warn .*" + re.escape(told))
            for _ in range(100):
                ask(proxy.port(), "/")[0].close()
        lines = [line for line in proxy.lines if "connect_refused" in line]
        self.assertLess(len(lines), 10 * SLOW)

    def test_a_log_that_was_moved_is_opened_anew_on_usr1(self):
        with Proxy(self.LOGGED) as proxy:
            log, old = proxy.dir / "access.log", proxy.dir / "access.log.1"
            ask(proxy.port(), "/first")[0].close()
            self.until(lambda: "/first" in log.read_text(), "no line")
            log.rename(old)
            proxy.signal(signal.SIGUSR1)
            self.until(log.exists, "no new file")
            ask(proxy.port(), "/second")[0].close()
            self.until(lambda: "/second" in log.read_text(), "no line in the new file")
            self.assertNotIn("/second", old.read_text())

    def test_a_log_on_a_stream_that_is_a_socket(self):
        """As systemd gives it: it cannot be opened again, is shared, and may have no room."""
        mine, theirs = socket.socketpair()
        config = self.LOGGED.replace("$TMP/access.log", "/dev/stdout")
        with tempfile.TemporaryDirectory() as folder, mine, theirs:
            file, path = Path(folder) / "pk.yaml", f"{folder}/s"
            file.write_text(config.replace("127.0.0.1:0", f"unix:{path}"))
            process = subprocess.Popen(
                command(["--config", str(file), "--workers", "1"]),
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=subprocess.DEVNULL,
            )
            self.addCleanup(process.kill)
            self.until(lambda: process.poll() is not None or Path(path).exists(), "not listening")
            self.assertIsNone(process.poll(), "ended")
            self.ask_many(path, b"200")  # More than the socket takes while nobody reads.
            self.assertTrue(os.get_blocking(theirs.fileno()))
            mine.settimeout(5 * SLOW)
            first, _, _ = mine.recv(1 << 20).partition(b"\n")
            self.assertEqual(json.loads(first)["status"], 200)
            process.terminate()
            self.assertEqual(process.wait(10 * SLOW), 0)

    def test_a_full_disk_for_the_log_costs_no_request(self):
        config = self.LOGGED.replace("$TMP/access.log", "/dev/full")
        with Proxy(config) as proxy:
            for i in range(200):
                sock, data = ask(proxy.port(), f"/{i}")
                sock.close()
                self.assertTrue(data.startswith(b"HTTP/1.1 200"), data)

    def test_nobody_reads_stderr(self):
        """A pipe that is full, then one whose reader has gone."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pk.yaml"
            file.write_text(
                FORWARD.format(port=self.dead_port()).replace("127.0.0.1:0", f"unix:{folder}/s")
            )
            ends = os.pipe()
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
            os.set_blocking(ends[1], False)
            process = subprocess.Popen(
                command(["--config", str(file), "--workers", "1", "--log-level", "debug"]),
                stdin=subprocess.DEVNULL,
                stdout=ends[1],
                stderr=ends[1],
            )
            self.addCleanup(process.kill)
            self.until(lambda: b"ready" in self.peek(ends[0]), "not ready")
            try:
                while os.write(ends[1], b"x" * 100):
                    pass
            except BlockingIOError:
                pass
            self.ask_many(f"{folder}/s")
            os.close(ends[0])
            self.ask_many(f"{folder}/s")
            process.terminate()
            self.assertEqual(process.wait(10 * SLOW), 0)
            os.close(ends[1])

    def test_a_refused_reload_waits_for_nobody_who_reads(self):
        """What is wrong with the config goes the way of every line: the engine ends when it is told to."""
        with tempfile.TemporaryDirectory() as folder:
            file, path = Path(folder) / "pk.yaml", f"{folder}/s"
            good = RESPOND.format(address=f"unix:{path}")
            file.write_text(good)
            ends = os.pipe()
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
            process = subprocess.Popen(
                command(["--config", str(file), "--workers", "1"]),
                stdin=subprocess.DEVNULL,
                stdout=ends[1],
                stderr=ends[1],
            )
            self.addCleanup(process.kill)
            self.until(lambda: b"ready" in self.peek(ends[0]), "not ready")
            os.set_blocking(ends[1], False)
            try:
                while os.write(ends[1], b"x" * 100):
                    pass
            except BlockingIOError:
                os.set_blocking(ends[1], True)  # It is one and the same for the process.
            file.write_text(good + "".join(f"mistake_{i}: 1\n" for i in range(300)))
            process.send_signal(signal.SIGHUP)
            self.ask_many(path, b"200")
            process.terminate()
            self.assertEqual(process.wait(5 * SLOW), 0)
            for end in ends:
                os.close(end)

    def test_each_line_of_a_log_for_machines_is_an_event(self):
        """Errors of a config too, at the start and at a reload."""
        broken = RESPOND.format(address="127.0.0.1:0") + "mistake: 1\nlisteneers: []\n"
        code, err, _ = run_to_exit(broken, ["--log-format", "json"])
        self.assertEqual(code, 1)
        for lines in (err.splitlines(), self.reloaded_with(broken)):
            told = [json.loads(line) for line in lines]
            errors = [each["text"] for each in told if each["level"] == "error"]
            self.assertRegex(
                errors[0], r"pk.*\.yaml:\d+:1: error\[E0142\]: unknown option 'mistake'"
            )
            self.assertIn(
                "(did you mean 'listeners'?); options here: include, listeners", errors[1]
            )
            self.assertEqual(errors[2], "2 errors, 0 warnings")

    def reloaded_with(self, config):
        with Proxy(RESPOND.format(address="127.0.0.1:0"), args=["--log-format", "json"]) as proxy:
            proxy.config_file.write_text(config)
            proxy.signal(signal.SIGHUP)
            proxy.wait_log("reload refused")
            return list(proxy.lines)

    def test_standard_descriptors_that_are_closed(self):
        """No socket gets the number of a log, however much is logged."""
        with tempfile.TemporaryDirectory() as folder:
            file, path = Path(folder) / "pk.yaml", Path(folder) / "s"
            file.write_text(
                FORWARD.format(port=self.dead_port()).replace("127.0.0.1:0", f"unix:{path}")
            )
            process = subprocess.Popen(
                command(["--config", str(file), "--workers", "1", "--log-level", "debug"]),
                preexec_fn=lambda: os.closerange(0, 3),
            )
            self.addCleanup(process.kill)
            self.until(path.exists, "not listening")
            self.ask_many(str(path))
            process.terminate()
            self.assertEqual(process.wait(10 * SLOW), 0)

    def dead_port(self):
        dead = Refusing()
        self.addCleanup(dead.close)
        return dead.port

    def peek(self, fd):
        """What is in the pipe, which keeps it all."""
        ready = select.select([fd], [], [], 0.01)[0]
        self.seen = getattr(self, "seen", b"") + (os.read(fd, 4096) if ready else b"")
        return self.seen

    def ask_many(self, path, status=b"502"):
        for _ in range(300):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(5 * SLOW)
                sock.connect(path)
                self.assertTrue(ask(0, sock=sock)[1].startswith(b"HTTP/1.1 " + status))

    def until(self, condition, what):
        self.assertTrue(soon(condition), what)


class Crash(unittest.TestCase):
    """F28: the engine dies under load."""

    def test_the_engine_comes_back_and_nothing_is_refused(self):
        with Origin() as origin, Proxy(FORWARD.format(port=origin.port), workers=2) as proxy:
            done = []
            load = threading.Thread(
                target=lambda: done.append(
                    loss_client.run(
                        loss_client.Plan(
                            port=proxy.port(), seconds=3, rate=500, unique=True, post_share=0.2
                        )
                    )
                )
            )
            load.start()
            pids = self.kill_engines(proxy, 3)
            load.join()
            result = done[0]
            self.assertEqual(result["refused"], 0, result)
            self.assertEqual(
                result["wrong_status"] + result["bad_hash"] + result["timeout"], 0, result
            )
            # Only what was in flight in the engine: at most one request of each client each time.
            self.assertLessEqual(result["lost"], 6 * len(pids), result)
            self.assertGreater(result["ok"], 300, result)
            twice = [key for key, n in origin.counts.items() if n > 1 and "n=" in key]
            self.assertEqual(twice, [])
            self.assertIn("SIGKILL", proxy.log.upper().replace("SIGNAL 9", "SIGKILL"))

    def kill_engines(self, proxy, times):
        pids = []
        for _ in range(times):
            pid = proxy.engine_pid()
            self.assertNotEqual(pid, proxy.pid)
            pids.append(pid)
            start = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            while proxy.engine_pid() in (pid, proxy.pid):
                self.assertLess(time.monotonic() - start, 2 * SLOW, "no new engine within 2 s")
                time.sleep(0.002)
            self.wait_answer(proxy)
        return pids

    def wait_answer(self, proxy):
        sock, data = ask(proxy.port(), "/ok")
        sock.close()
        self.assertTrue(data.startswith(b"HTTP/1.1 200"), data)

    def test_a_waiting_connection_is_served_by_the_next_engine(self):
        with Origin() as origin, Proxy(FORWARD.format(port=origin.port)) as proxy:
            engine = proxy.engine_pid()
            os.kill(engine, signal.SIGKILL)
            while pkrig.alive(engine):
                time.sleep(0.0005)
            self.wait_answer(proxy)

    def test_a_stopped_and_continued_proxy_serves_on(self):
        with Origin() as origin, Proxy(FORWARD.format(port=origin.port)) as proxy:
            sock, _ = ask(proxy.port(), "/ok")
            for number in (signal.SIGSTOP, signal.SIGCONT):
                os.kill(proxy.engine_pid(), number)
            self.assertIn(b"200", ask(proxy.port(), "/ok", sock)[1])
            sock.close()

    def test_the_engine_does_not_outlive_its_master(self):
        with Origin() as origin:
            proxy = Proxy(FORWARD.format(port=origin.port))
            self.addCleanup(proxy.cleanup)
            engine = proxy.engine_pid()
            os.kill(proxy.pid, signal.SIGKILL)
            deadline = time.monotonic() + 5 * SLOW
            while pkrig.alive(engine) and time.monotonic() < deadline:
                time.sleep(0.005)
            self.assertFalse(pkrig.alive(engine))


if __name__ == "__main__":
    unittest.main()
