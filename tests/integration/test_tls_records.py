"""S42: hellos and records of unusual sizes, towards a listener with TLS."""
import select
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.certs import Authority  # noqa: E402
from rig.pkrig import SLOW, Proxy  # noqa: E402

CONFIG = """
listeners:
  - name: web
    address: "127.0.0.1:0"
    transport: {{ tls: [ {{ cert: {pem}, key: {key} }} ] }}
routes:
  - match: {{ path: / }}
    handler: {{ respond: {{ body: here }} }}
"""
HANDSHAKE = 22


def records(data):
    """[(type, version, payload)] of whole records."""
    found = []
    while data:
        size = int.from_bytes(data[3:5], "big")
        found.append((data[0], data[1:3], data[5 : 5 + size]))
        data = data[5 + size :]
    return found


def data_packets_received(sock):
    """tcpi_data_segs_in of linux/tcp.h"""
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160), 152)[
        0
    ]


def in_records_of(size, data):
    """The same bytes in smaller records; those that are sealed stay as they are."""
    out, sealed = b"", False
    for kind, version, payload in records(data):
        sealed = sealed or kind != HANDSHAKE
        step = max(1, len(payload)) if sealed else size
        for at in range(0, len(payload), step):
            part = payload[at : at + step]
            out += bytes([kind]) + version + len(part).to_bytes(2, "big") + part
    return out


class Records(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = Path(tempfile.mkdtemp(prefix="pkrig-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.ca = Authority(folder, "root")
        pem = cls.ca.issue("app", "DNS:app.test")
        folder.chmod(0o755)
        cls.proxy = Proxy(CONFIG.format(pem=pem, key=pem.with_suffix(".key")))
        cls.addClassCleanup(cls.proxy.stop)

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 10 * SLOW)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(sock.close)
        return sock

    def ask(self, version, send, names=("http/1.1",)):
        """A request over a handshake whose bytes `send(sock, bytes)` sends."""
        context = ssl.create_default_context(cafile=self.ca.pem)
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(list(names))
        into, out, sock = ssl.MemoryBIO(), ssl.MemoryBIO(), self.connect()
        tls = context.wrap_bio(into, out, server_hostname="app.test")

        def until(call):
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    if out.pending:
                        send(sock, out.read())
                    part = sock.recv(1 << 16)
                    self.assertTrue(part, "closed")
                    into.write(part)

        until(tls.do_handshake)
        tls.write(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        send(sock, out.read())
        reply = until(lambda: tls.read(1 << 16))
        self.assertTrue(reply.startswith(b"HTTP/1.1 200 "), reply)
        self.assertTrue(reply.endswith(b"here"), reply)

    VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

    def test_each_byte_comes_alone(self):
        def send(sock, data):
            for at in range(len(data)):
                sock.sendall(data[at : at + 1])

        for version in self.VERSIONS:
            with self.subTest(version):
                self.ask(version, send)

    def test_records_of_one_byte(self):
        for version in self.VERSIONS:
            with self.subTest(version):
                self.ask(version, lambda sock, data: sock.sendall(in_records_of(1, data)))

    def open(self):
        context = ssl.create_default_context(cafile=self.ca.pem)
        tls = context.wrap_socket(self.connect(), server_hostname="app.test")
        self.addCleanup(tls.close)
        return tls

    def test_tickets_answer_and_goodbye_leave_together(self):
        """Each packet would cost a way through the stack, and wake the client."""
        tls = self.open()
        tls.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
        reply = b"".join(iter(lambda: tls.recv(1 << 16), b""))
        self.assertTrue(reply.endswith(b"here"), reply)
        self.assertTrue(tls.session.has_ticket)
        self.assertEqual(data_packets_received(tls), 2)  # The first is the server's flight.

    def test_tickets_come_to_who_asks_nothing(self):
        tls = self.open()
        self.assertTrue(select.select([tls], [], [], 5 * SLOW)[0], "no ticket")
        tls.setblocking(False)
        with self.assertRaises(ssl.SSLWantReadError):
            tls.recv(1)
        self.assertTrue(tls.session.has_ticket)

    def test_a_request_without_tls_is_answered(self):
        sock = self.connect()
        sock.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertTrue(answer.endswith(b"by https://\n"), answer)

    def test_a_large_hello_in_one_record_and_in_many(self):
        names = ["http/1.1"] + [f"{i:03}" + "x" * 250 for i in range(60)]
        for size in (1 << 14, 100):
            for version in self.VERSIONS:
                with self.subTest(size=size, version=version):
                    self.ask(
                        version, lambda sock, data: sock.sendall(in_records_of(size, data)), names
                    )

    def test_a_hello_without_end_is_refused_by_its_length(self):
        """16 MiB are announced; not even one is taken."""
        sock = self.connect()
        sock.sendall(b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + b"\0" * 16380)
        sent, alert = 16384, b""
        sock.settimeout(0.01)
        deadline = time.monotonic() + 5 * SLOW
        try:
            while sent < 1 << 20 and time.monotonic() < deadline:
                try:
                    alert = sock.recv(100)
                    break
                except TimeoutError:
                    sock.sendall(b"\x16\x03\x01\x40\x00" + b"\0" * 16384)
                    sent += 16384
        except (ConnectionResetError, BrokenPipeError):
            alert = b"\x15"  # Gone already: that is as good.
        self.assertLess(sent, 1 << 18)
        self.assertEqual(alert[:1], b"\x15", alert)

    def test_an_empty_record_and_one_that_is_too_long(self):
        for record in (b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\xff\xff" + b"\0" * 100):
            with self.subTest(record[:5]):
                sock = self.connect()
                sock.sendall(record)
                sock.shutdown(socket.SHUT_WR)
                said = b""
                try:
                    while part := sock.recv(100):
                        said += part
                except ConnectionResetError:
                    pass
                self.assertNotIn(b"HTTP", said)
                self.assertIn(said[:1], (b"", b"\x15"))


if __name__ == "__main__":
    unittest.main()
