"""The generator notices a proxy that lies: each case is an origin with one fault."""

import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from driver import processes, tools  # noqa: E402


def pattern(size):
    """The bytes of pattern.hpp."""
    state, body = 0x2545F491, bytearray()
    for _ in range(size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        body.append(state >> 24)
    return bytes(body)


def answer(ident, body, length=None, status="200 OK"):
    head = (
        f"HTTP/1.1 {status}\r\ncontent-length: {len(body) if length is None else length}\r\n"
        f"x-bench-id: {ident}\r\n\r\n"
    )
    return head.encode() + body


class Liar(threading.Thread):
    """Answers each request with what `fault(ident)` returns; then closes if it is told to."""

    def __init__(self, fault, close):
        super().__init__(daemon=True)
        self.fault, self.close_after = fault, close
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                while request := client.recv(65536):
                    ident = re.search(rb"id=([0-9a-f]{8})", request).group(1).decode()
                    client.sendall(self.fault(ident))
                    if self.close_after:
                        break


def granted(echo):
    """A WebSocket that answers each message with what `echo` makes of it."""

    class Socket(Liar):
        def run(self):
            while True:
                try:
                    client, _ = self.listener.accept()
                except OSError:
                    return
                with client:
                    self.serve(client)

        @staticmethod
        def serve(client):
            client.recv(65536)
            client.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            )
            while frame := client.recv(65536):
                mask = frame[2:6]
                text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(frame[6:]))
                client.sendall(echo(b"\x81" + bytes([len(text)]) + text))

    return Socket(None, False)


def run(fault, *arguments, close=False):
    liar = fault if isinstance(fault, Liar) else Liar(fault, close)
    liar.start()
    command = [
        tools.BUILD / "bench/bench_load",
        "--port",
        liar.port,
        "--connections",
        1,
        "--size",
        600,
        "--requests",
        3,
        *arguments,
    ]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=30
    )
    liar.listener.close()
    return done.returncode, json.loads(done.stdout)


BODY = pattern(600)


class Judged(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tools.build()

    def wrong(self, fault, why, **options):
        code, result = run(fault, **options)
        self.assertEqual(code, 1)
        self.assertGreater(result["wrong"] + result["errors"], 0)
        self.assertIn(why, result["first_failure"])

    def test_a_right_answer_counts(self):
        code, result = run(lambda ident: answer(ident, BODY))
        self.assertEqual((code, result["requests"], result["bytes"]), (0, 3, 1800))

    def test_one_changed_byte(self):
        changed = BODY[:299] + bytes([BODY[299] ^ 1]) + BODY[300:]
        self.wrong(lambda ident: answer(ident, changed), "wrong byte")

    def test_the_answer_of_another_request(self):
        self.wrong(lambda ident: answer("ffffffff", BODY), "another request")

    def test_a_shorter_answer(self):
        self.wrong(lambda ident: answer(ident, BODY[:-1]), "Content-Length")

    def test_an_error_status(self):
        self.wrong(lambda ident: answer(ident, BODY, status="502 Bad Gateway"), "502")

    def test_bytes_after_the_answer(self):
        self.wrong(lambda ident: answer(ident, BODY) + b"x", "after the response")

    def test_a_cut_answer(self):
        self.wrong(lambda ident: answer(ident, BODY[:99], 600), "closed before", close=True)


class Echoed(unittest.TestCase):
    """Messages of a WebSocket are judged like responses."""

    @classmethod
    def setUpClass(cls):
        tools.build()

    def load(self, peer):
        return run(peer, "--websocket", "--size", 100)

    def wrong(self, peer, why):
        code, result = self.load(peer)
        self.assertEqual(code, 1)
        self.assertIn(why, result["first_failure"])

    def test_a_right_echo_counts(self):
        code, result = self.load(granted(lambda frame: frame))
        self.assertEqual((code, result["requests"], result["bytes"]), (0, 3, 300))

    def test_one_changed_byte(self):
        self.wrong(granted(lambda frame: frame[:-1] + b"\0"), "wrong byte")

    def test_the_message_of_another(self):
        self.wrong(granted(lambda frame: frame[:2] + b"ffffffff" + frame[10:]), "wrong byte")

    def test_a_frame_too_many(self):
        self.wrong(granted(lambda frame: frame + frame), "wrong byte")

    def test_no_upgrade(self):
        self.wrong(lambda ident: answer(ident, BODY), "answered: HTTP/1.1 200")


class WithBackend(unittest.TestCase):
    """Generator and origin agree in every mode."""

    @classmethod
    def setUpClass(cls):
        tools.build()
        cls.backend, cls.port = tools.start_backend(0)

    @classmethod
    def tearDownClass(cls):
        cls.backend.stdout.close()
        processes.stop(cls.backend)

    def load(self, *arguments):
        return tools.load(self.port, 0, "--connections", 4, *arguments)

    def test_modes(self):
        for arguments in (
            (),
            ("--close",),
            ("--post", 65536),
            ("--size", 1 << 20),
            ("--routes", 100),
            ("--sources", "--cookie", "a=b", "--cookie", "a=c"),
            ("--websocket", "--size", 100),
        ):
            with self.subTest(arguments=arguments):
                self.assertGreaterEqual(self.load("--requests", 200, *arguments)["requests"], 200)

    def test_an_open_loop_keeps_its_rate(self):
        sample = self.load("--rate", 500, "--warmup", 0.1, "--seconds", 0.4)
        self.assertLess(sample["requests"], 300)  # A closed loop would do thousands.
        self.assertGreater(sample["requests"], 50)
        self.assertLessEqual(sample["p50_us"], sample["p99_us"])

    def test_missing_forwarded_fields_are_refused(self):
        with self.assertRaisesRegex(tools.Failed, "400"):
            self.load("--requests", 10, "--forwarded")

    def test_cpu_time_of_the_accounted_process_is_read(self):
        sample = self.load("--requests", 500, "--account", self.backend.pid)
        self.assertGreater(sample["cpu_ns"], 500 * 1000)


if __name__ == "__main__":
    unittest.main()
