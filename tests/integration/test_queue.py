"""Requests that wait for a place at a full upstream: their order, their end, reloads and stops meanwhile (issue 6)."""
import http.client
import json
import socket
import struct
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import SLOW, Proxy  # noqa: E402
from rig.served import ThreadServer  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
logs: [ access_log: {{ format: json, path: $TMP/access.log, buffer: 1KiB }} ]
upstreams:
  app:
    {queue}
    {more}
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: /here }}
    handler: {{ respond: {{ status: 200, body: "here" }} }}
  - match: {{ path: / }}
    forward: app
"""


class Origin(ThreadServer):
    """Notes each request and how many it has at once; answers when it is let go on."""

    def __init__(self):
        super().__init__(backlog=256)
        self.places = threading.Semaphore(0)
        self.changed = threading.Condition()
        self.seen, self.now, self.most, self.resets = [], 0, 0, 0
        self.begin_serving()

    def close(self):
        super().close()
        self.let_go(10_000)

    def let_go(self, count=1):
        self.places.release(count)

    def _one(self, conn, stream):
        line = stream.readline()
        if not line:
            return False
        while stream.readline().strip():
            pass
        with self.changed:
            self.seen.append(line.split(b" ")[1].decode())
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
        self.places.acquire()
        with self.changed:
            self.now -= 1
            cut = self.resets > 0
            self.resets -= cut
        if cut:
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True

    def has_seen(self, count):
        with self.changed:
            return self.changed.wait_for(lambda: len(self.seen) >= count, 20 * SLOW)


class Queue(unittest.TestCase):
    def start(
        self,
        queue="queue: { size: 100, timeout: 60s }",
        more="",
        places=1,
        count=1,
        backup="",
        **how,
    ):
        self.origins = [Origin() for _ in range(count)]
        self.origin = self.origins[0]
        for each in self.origins:
            self.addCleanup(each.close)
        self.text = self.config(queue, more, places, backup)
        self.proxy = Proxy(self.text, **how)
        self.addCleanup(self.proxy.stop)

    def config(self, queue, more="", places=1, backup=""):
        """`backup` goes to all endpoints but the first."""
        endpoints = ", ".join(
            f'{{ address: "127.0.0.1:{o.port}", max_connections: {places}{backup if n else ""} }}'
            for n, o in enumerate(self.origins)
        )
        return CONFIG.format(queue=queue, more=more, endpoints=endpoints)

    def ask(self, path):
        """A request on a connection of its own, which the only worker has read when this returns."""
        sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 30 * SLOW)
        self.addCleanup(sock.close)
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        # What came before this was dealt with before.
        conn = http.client.HTTPConnection("127.0.0.1", self.proxy.port(), timeout=30 * SLOW)
        for _ in range(2):
            conn.request("GET", "/here")
            self.assertEqual(conn.getresponse().read(), b"here")
        conn.close()
        return sock

    @staticmethod
    def answer(sock):
        """(status, fields)"""
        with sock.makefile("rb") as stream:
            status = int(stream.readline().split(b" ")[1])
            fields = dict(
                line.strip().lower().split(b": ", 1) for line in iter(stream.readline, b"\r\n")
            )
            stream.read(int(fields[b"content-length"]))
        return status, fields

    def statuses(self, socks):
        return [self.answer(sock)[0] for sock in socks]

    def records(self):
        self.proxy.finish()
        lines = (self.proxy.dir / "access.log").read_text().splitlines()
        return [r for r in map(json.loads, lines) if r["target"] != "/here"]

    def test_fifty_wait_for_one_place_and_go_in_turn(self):
        self.start()
        socks = [self.ask(f"/{i}") for i in range(50)]
        self.assertEqual(self.origin.seen, ["/0"])
        self.origin.let_go(50)
        self.assertEqual(self.statuses(socks), [200] * 50)
        self.assertEqual(self.origin.seen, [f"/{i}" for i in range(50)])
        self.assertEqual(self.origin.most, 1)
        waited = {r["target"]: r["upstream_queue_ms"] for r in self.records()}
        self.assertIsNone(waited.pop("/0"))
        self.assertEqual(len(waited), 49)
        self.assertTrue(all(ms > 0 for ms in waited.values()))

    def test_more_than_may_wait_are_refused_at_once(self):
        self.start("queue: 2")
        socks = [self.ask(f"/{i}") for i in range(3)]
        status, fields = self.answer(self.ask("/refused"))
        self.assertEqual((status, fields[b"retry-after"]), (503, b"1"))
        self.assertIn(b"queue_full", fields[b"proxy-status"])
        self.origin.let_go(3)
        self.assertEqual(self.statuses(socks), [200] * 3)
        words = {r["target"]: r["end_reason"] for r in self.records()}
        self.assertEqual(words.pop("/refused"), "queue_full")  # {"end_reason": "queue_full"}
        self.assertEqual(set(words.values()), {"complete"})

    def test_who_comes_while_all_are_down_is_told_so_whoever_waits(self):
        self.start(more="health: [ health_passive: { failures: 1, cooldown: 60s } ]")
        waiting = [self.ask(f"/{i}") for i in range(21)][1:]
        self.origin.refuse()
        self.origin.resets = 1
        self.origin.let_go()
        self.proxy.wait_log("down \\(health_passive", 10 * SLOW)
        # One of them may be the trial that a down endpoint gets twice a second.
        for late in ("/21", "/22", "/23"):
            status, fields = self.answer(self.ask(late))
            if b"upstream_down" in fields[b"proxy-status"]:
                break
        self.assertEqual((status, fields[b"retry-after"]), (503, b"1"))
        waiting[-1].setblocking(False)
        self.assertRaises(BlockingIOError, waiting[-1].recv, 1)  # It goes on waiting.
        for sock in waiting:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    def start_beside_a_dead_one(self, **how):
        """The one endpoint has a request, so the next goes to the backup, which refuses."""
        self.start(count=2, backup=", backup: true", **how)
        self.origins[1].refuse()
        return self.ask("/first")

    def test_who_was_refused_by_one_endpoint_waits_for_the_place_of_another(self):
        first = self.start_beside_a_dead_one(more="balancer: round_robin")
        second = self.ask("/second")
        self.origin.let_go(2)
        self.assertEqual(self.statuses([first, second]), [200] * 2)
        record = next(r for r in self.records() if r["target"] == "/second")
        self.assertEqual(record["attempts"], 2)
        self.assertIn("connect_refused", record["failed_attempts"])
        self.assertGreater(record["upstream_queue_ms"], 0)

    def test_an_endpoint_that_went_down_before_it_is_asked_again_leaves_it_to_others(self):
        """Nobody has a place at first, so the same one would have been asked again in two seconds."""
        first = self.start_beside_a_dead_one(
            queue="balancer: round_robin",
            more="attempt: [ retry: { delay: 2s } ]\n    health: [ health_passive: 1 ]",
        )
        second = self.ask("/second")
        self.proxy.wait_log("down \\(health_passive", 10 * SLOW)
        self.origin.let_go(2)
        self.assertEqual(self.statuses([first, second]), [200] * 2)

    def test_a_full_endpoint_beside_one_that_is_down_is_not_all_down(self):
        self.start(queue="balancer: round_robin", count=2, more="health: [ health_passive: 1 ]")
        socks = [self.ask("/0"), self.ask("/1")]
        self.origins[0].refuse()
        self.origins[0].resets = 1
        self.origins[0].let_go()
        self.proxy.wait_log("down \\(health_passive", 10 * SLOW)
        status, fields = self.answer(self.ask("/2"))
        self.assertEqual(status, 503)
        self.assertIn(b"no_endpoint", fields[b"proxy-status"])
        self.origins[1].let_go()
        self.assertEqual(sorted(self.statuses(socks)), [200, 502])

    def test_without_a_queue_nobody_waits(self):
        self.start(queue="")
        first = self.ask("/0")
        self.assertEqual(self.answer(self.ask("/1"))[0], 503)
        self.origin.let_go()
        self.assertEqual(self.answer(first)[0], 200)
        self.assertEqual([r["end_reason"] for r in self.records()], ["no_endpoint", "complete"])

    def test_who_waits_too_long_is_refused(self):
        self.start("queue: { size: 9, timeout: 200ms }")
        first = self.ask("/0")
        late = [self.ask(f"/{i}") for i in range(1, 4)]
        for sock in late:
            status, fields = self.answer(sock)
            self.assertEqual((status, fields[b"retry-after"]), (503, b"1"))
            self.assertIn(b"queue_timeout", fields[b"proxy-status"])
        self.origin.let_go()
        self.assertEqual(self.answer(first)[0], 200)
        # The place is free again, and nobody stands before who comes now.
        self.origin.let_go()
        self.assertEqual(self.answer(self.ask("/5"))[0], 200)
        self.assertEqual(self.origin.seen, ["/0", "/5"])
        for record in self.records()[:3]:
            self.assertEqual(
                record["end_reason"], "queue_timeout"
            )  # {"end_reason": "queue_timeout"}
            self.assertGreaterEqual(record["upstream_queue_ms"], 199)

    def test_clients_that_leave_make_room(self):
        self.start("queue: { size: 3, timeout: 60s }")
        socks = [self.ask(f"/{i}") for i in range(4)]
        for i in (1, 3):  # The first in line, and the last.
            socks[i].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socks[i].close()
        socks += [self.ask("/4"), self.ask("/5")]
        self.origin.let_go(4)
        self.assertEqual(self.statuses([socks[i] for i in (0, 2, 4, 5)]), [200] * 4)
        self.assertEqual(self.origin.seen, ["/0", "/2", "/4", "/5"])

    def test_two_workers_share_the_places(self):
        self.start(workers=2, places=2, count=2, more="balancer: round_robin")
        for each in self.origins:
            each.let_go(1000)
        found, lock = [], threading.Lock()

        def client():
            conn = http.client.HTTPConnection("127.0.0.1", self.proxy.port(), timeout=60 * SLOW)
            for _ in range(20):
                conn.request("GET", "/x")
                reply = conn.getresponse()
                reply.read()
                with lock:
                    found.append(reply.status)
            conn.close()

        threads = [threading.Thread(target=client) for _ in range(24)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(found, [200] * 480)
        for each in self.origins:
            self.assertLessEqual(each.most, 2)
        self.assertTrue(any(r["upstream_queue_ms"] for r in self.records()))

    def test_a_reload_in_the_middle(self):
        self.start()
        socks = [self.ask(f"/{i}") for i in range(3)]
        queue = "queue: { size: 50, timeout: 60s }"
        self.assertIn("reloaded", self.proxy.reload(self.config(queue)))
        socks += [self.ask(f"/{i}") for i in range(3, 6)]
        self.assertEqual(self.origin.seen, ["/0"])
        self.origin.let_go(6)
        self.assertEqual(self.statuses(socks), [200] * 6)
        self.assertEqual(self.origin.most, 1)

    def test_a_reload_that_makes_places(self):
        """For those who wait already, before who comes now."""
        self.start()
        socks = [self.ask(f"/{i}") for i in range(4)]
        queue = "queue: { size: 50, timeout: 60s }"
        self.assertIn("reloaded", self.proxy.reload(self.config(queue, places=2)))
        socks += [self.ask("/new"), self.ask("/new")]
        self.assertTrue(self.origin.has_seen(3))
        self.assertEqual(sorted(self.origin.seen), ["/0", "/1", "/2"])
        self.origin.let_go(6)
        self.assertEqual(self.statuses(socks), [200] * 6)

    def test_a_reload_sends_who_waits_to_a_new_endpoint(self):
        """With no place in the queue for one more: who stands in it is not refused for that."""
        queue = "queue: { size: 9, timeout: 60s }"
        self.start(queue)
        socks = [self.ask(f"/{i}") for i in range(10)]
        fresh = Origin()
        self.addCleanup(fresh.close)
        self.origins = [fresh]
        self.assertIn("reloaded", self.proxy.reload(self.config("queue: { size: 3 }")))
        self.assertTrue(fresh.has_seen(1))
        self.assertEqual(self.answer(self.ask("/refused"))[0], 503)
        fresh.let_go(9)
        self.assertEqual(self.statuses(socks[1:]), [200] * 9)
        self.assertEqual(fresh.seen, [f"/{i}" for i in range(1, 10)])
        self.origin.let_go()
        self.assertEqual(self.answer(socks[0])[0], 200)
        self.assertEqual(self.origin.seen, ["/0"])

    def test_a_reload_takes_a_repeated_request_to_the_new_endpoints(self):
        """It waits for its next attempt meanwhile; `least_conn` counted it, and the next one does not."""
        more = "attempt: [ retry: { tries: 3, delay: 2s } ]"
        self.start(queue="balancer: least_conn", more=more, count=2, places=9)
        for each in self.origins:
            each.refuse()
        sock = self.ask("/late")
        self.origins = [Origin(), Origin()]
        for each in self.origins:
            self.addCleanup(each.close)
            each.let_go()
        self.assertIn(
            "reloaded", self.proxy.reload(self.config("balancer: round_robin", more, places=9))
        )
        self.assertEqual(self.answer(sock)[0], 200)
        self.assertEqual(sum((each.seen for each in self.origins), []), ["/late"])
        ports = [each.port for each in self.origins]
        self.assertIn(int(self.records()[0]["endpoint"].split(":")[1]), ports)

    def test_a_stop_in_the_middle_serves_who_waits(self):
        self.start()
        socks = [self.ask(f"/{i}") for i in range(4)]
        self.proxy.process.terminate()
        self.origin.let_go(4)
        self.assertEqual(self.statuses(socks), [200] * 4)
        self.assertEqual(self.proxy.wait_exit(), 0)

    def test_a_second_attempt_respects_the_places(self):
        more = "attempt: [ retry: { on: [ reset ], tries: 3, delay: 1ms } ]\n"
        more += "    retry_budget: { least: 1000 }"
        self.start(more=more)
        self.origin.resets = 2
        socks = [self.ask(f"/{i}") for i in range(3)]
        self.origin.let_go(5)
        self.assertEqual(self.statuses(socks), [200] * 3)
        self.assertEqual(self.origin.most, 1)
        self.assertEqual(self.origin.seen, ["/0", "/0", "/0", "/1", "/2"])


if __name__ == "__main__":
    unittest.main()
