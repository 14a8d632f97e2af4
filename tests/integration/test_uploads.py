"""Long bodies of requests, most of which go past the proxy by splice: what the origin gets is what the
client sent, and no byte of what follows."""
import random
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import Proxy  # noqa: E402

CONFIG = """
listeners: [ { name: web, address: "127.0.0.1:0" } ]
upstreams: { app: { endpoints: [ "127.0.0.1:%d" ] } }
routes: [ { match: { path: / }, forward: app, limits: { request_body: 1GiB } } ]
"""
LENGTH = 5_000_000
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LENGTH
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODY = random.Random(7).randbytes(LENGTH)
HELD_BACK = 0.2  # Seconds that TCP waits for company.


def take(link, size):
    got = bytearray()
    while len(got) < size:
        part = link.recv(min(size - len(got), 1 << 20))
        if not part:
            break
        got += part
    return bytes(got)


def take_head(link):
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        part = link.recv(1)
        if not part:
            break
        got += part
    return got


class Uploads(unittest.TestCase):
    def setUp(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)
        proxy = Proxy(CONFIG % self.listening.getsockname()[1])
        self.addCleanup(proxy.__exit__, None, None, None)
        self.proxy = proxy.__enter__()
        self.client = socket.create_connection(("127.0.0.1", self.proxy.port()), 10)
        self.addCleanup(self.client.close)

    def send(self, data):
        """From another thread; joined at the end."""
        thread = threading.Thread(target=self.client.sendall, args=(data,))
        thread.start()
        self.addCleanup(thread.join)

    @staticmethod
    def send_what_goes(link, data):
        try:
            link.sendall(data)
        except OSError:
            pass

    def origin(self):
        link, _ = self.listening.accept()
        link.settimeout(10)
        self.addCleanup(link.close)
        return link

    def test_every_byte_arrives_and_the_next_request_is_another(self):
        self.send(HEAD + BODY + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        origin = self.origin()
        self.assertIn(b"POST / ", take_head(origin))
        self.assertEqual(take(origin, LENGTH), BODY)
        origin.sendall(ANSWER)
        self.assertTrue(take_head(self.client).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(take(self.client, 2), b"ok")
        self.assertIn(b"GET /next ", take_head(origin))  # On the same connection, behind it.
        origin.sendall(ANSWER)
        self.assertTrue(take_head(self.client).startswith(b"HTTP/1.1 200 "))

    def test_an_origin_that_does_not_read_for_a_while(self):
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.send(HEAD + BODY)
        origin = self.origin()
        take_head(origin)
        taken = 0
        for size in (1, 1000, 100_000):
            self.assertEqual(take(origin, size), BODY[taken : taken + size])
            taken += size
            self.client.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                self.client.recv(1)  # Neither an answer nor an error: it waits for the origin.
        self.client.settimeout(10)
        self.assertEqual(take(origin, LENGTH - taken), BODY[taken:])
        origin.sendall(ANSWER)
        self.assertTrue(take_head(self.client).startswith(b"HTTP/1.1 200 "))

    def test_a_client_that_pauses_has_all_it_sent_passed_on_at_once(self):
        self.client.sendall(HEAD)
        sent = 0
        origin = self.origin()
        take_head(origin)
        for size in (1, 100_000, 300_001, 7):
            best = HELD_BACK
            for _ in range(5):
                began = time.monotonic()
                self.send(BODY[sent : sent + size])
                self.assertEqual(take(origin, size), BODY[sent : sent + size])
                best = min(best, time.monotonic() - began)
                sent += size
            self.assertLess(best, HELD_BACK / 2, size)

    def test_a_client_that_leaves_in_the_middle_is_seen_by_the_origin(self):
        self.client.sendall(HEAD + BODY[:2_000_000])
        origin = self.origin()
        take_head(origin)
        self.client.close()
        self.assertLess(len(take(origin, LENGTH)), LENGTH)

    def test_an_origin_that_answers_in_the_middle_and_goes(self):
        """What still comes is nobody's: above all not the next connection's, that has the same fd."""
        for _ in range(20):
            client = socket.create_connection(("127.0.0.1", self.proxy.port()), 10)
            sender = threading.Thread(target=self.send_what_goes, args=(client, HEAD + BODY))
            sender.start()
            origin = self.origin()
            take_head(origin)
            take(origin, 200_000)
            origin.sendall(
                b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
            )
            origin.shutdown(socket.SHUT_WR)
            other = socket.create_connection(("127.0.0.1", self.proxy.port()), 10)
            other.sendall(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
            another = self.origin()
            self.assertTrue(take_head(another).startswith(b"GET /other "))
            another.sendall(ANSWER)
            self.assertTrue(take_head(other).startswith(b"HTTP/1.1 200 "))
            self.assertTrue(take_head(client).startswith(b"HTTP/1.1 413 "))
            client.close()
            sender.join()
            another.settimeout(0.05)
            with self.assertRaises(TimeoutError):
                self.assertEqual(another.recv(1000), b"")
            for each in (origin, other, another):
                each.close()
        self.assertFalse([line for line in self.proxy.lines if "engine" in line], self.proxy.log)

    def test_an_early_answer_arrives_whole_though_its_client_takes_it_slowly_and_sends_on(self):
        """F12: more than is read on for."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        client.settimeout(10)
        client.connect(("127.0.0.1", self.proxy.port()))
        threads = [threading.Thread(target=self.send_what_goes, args=(client, HEAD + BODY))]
        threads[0].start()
        origin = self.origin()
        take_head(origin)
        take(origin, 200_000)
        answer = (
            b"HTTP/1.1 413 No\r\nContent-Length: 500000\r\nConnection: close\r\n\r\n"
            + BODY[:500_000]
        )
        threads.append(threading.Thread(target=self.send_what_goes, args=(origin, answer)))
        threads[1].start()
        self.assertTrue(take_head(client).startswith(b"HTTP/1.1 413 "))
        got = b""
        while len(got) < 500_000:
            time.sleep(0.02)  # Its pace, which is what this is about.
            part = client.recv(8_192)
            self.assertTrue(part, f"cut after {len(got)}")
            got += part
        self.assertEqual(got, BODY[:500_000])
        client.close()
        for each in threads:
            each.join()

    def test_an_origin_that_leaves_in_the_middle_is_told_to_the_client(self):
        sender = threading.Thread(target=self.send_what_goes, args=(self.client, HEAD + BODY))
        sender.start()
        origin = self.origin()
        take_head(origin)
        take(origin, 100_000)
        origin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        origin.close()
        self.assertTrue(take_head(self.client).startswith(b"HTTP/1.1 502 "))
        self.client.close()
        sender.join()


if __name__ == "__main__":
    unittest.main()
