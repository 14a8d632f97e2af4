"""Real Node.js applications behind the proxy, asked with curl and raw sockets. test_node_bulk.py has the gigabytes."""
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import loss_client  # noqa: E402
from rig.pkrig import SLOW, NodeApp, Proxy  # noqa: E402

CONFIG = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app:
    {balancer}
    endpoints: [ {endpoints} ]
routes:
  - match: {{ path: / }}
    filters: [ forwarded ]
    forward: app
"""


def config(*apps):
    endpoints = ", ".join(f'"127.0.0.1:{app.port}"' for app in apps)
    return CONFIG.format(
        endpoints=endpoints, balancer="balancer: round_robin" if len(apps) > 1 else ""
    )


def curl(*args, data=None):
    """(exit code, standard output)"""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", str(int(20 * SLOW)), *args], input=data, capture_output=True
    )
    return done.returncode, done.stdout


class JsonApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.app = NodeApp("json_api")
        cls.addClassCleanup(cls.app.__exit__)
        cls.proxy = Proxy(config(cls.app), workers=2)
        cls.addClassCleanup(cls.proxy.stop)
        cls.url = f"http://127.0.0.1:{cls.proxy.port()}"

    def call(self, method, path, value=None):
        extra = (
            ["-H", "Content-Type: application/json", "--data-binary", json.dumps(value)]
            if value is not None
            else []
        )
        code, out = curl("-X", method, "-w", "\n%{http_code}", *extra, self.url + path)
        self.assertEqual(code, 0)
        body, status = out.rsplit(b"\n", 1)
        return int(status), json.loads(body) if body else None

    def test_create_read_list_delete(self):
        status, item = self.call("POST", "/items", {"name": "tëst"})
        self.assertEqual((status, item["name"]), (201, "tëst"))
        self.assertEqual(self.call("GET", f"/items/{item['id']}"), (200, item))
        self.assertIn(item, self.call("GET", "/items")[1])
        self.assertEqual(self.call("DELETE", f"/items/{item['id']}"), (204, None))
        self.assertEqual(self.call("GET", f"/items/{item['id']}")[0], 404)

    def test_the_app_learns_who_asks(self):
        status, seen = self.call("GET", "/whoami?a=%2F")
        self.assertEqual((status, seen["url"]), (200, "/whoami?a=%2F"))
        self.assertEqual(seen["headers"]["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(seen["headers"]["host"], f"127.0.0.1:{self.proxy.port()}")
        self.assertRegex(seen["headers"]["via"], r"^1\.1 ")

    def test_what_the_app_refuses_is_the_apps_answer(self):
        status, out = self.call("POST", "/items", "no object")[0], None
        self.assertIn(status, (201, 400), out)
        code, out = curl("--data-binary", "{broken", self.url + "/items")
        self.assertEqual(code, 0)
        self.assertIn("error", json.loads(out))

    def test_one_connection_carries_many_requests(self):
        code, out = curl(
            "-w",
            "%{num_connects} ",
            *[f"{self.url}/items?{i}" for i in range(20)],
            *["-o", "/dev/null"] * 20,
        )
        self.assertEqual((code, out.split()), (0, [b"1"] + [b"0"] * 19))

    def test_head_and_http_1_0(self):
        code, out = curl("-I", self.url + "/items")
        self.assertEqual((code, out.split(b"\r\n")[0]), (0, b"HTTP/1.1 200 OK"))
        code, out = curl("--http1.0", self.url + "/items")
        self.assertEqual((code, type(json.loads(out))), (0, list))


class Kept(unittest.TestCase):
    def test_node_closes_idle_connections_and_nobody_notices(self):
        """F05, small: keepAliveTimeout of 5 ms against requests every few ms."""
        with NodeApp("json_api", KEEP_ALIVE_MS="5") as app, Proxy(config(app)) as proxy:
            plan = loss_client.Plan(port=proxy.port(), path="/items", seconds=2, rate=400)
            result = loss_client.run(plan)
            self.assertEqual(result["lost"], 0, result)

    def test_an_app_that_is_killed_and_comes_back(self):
        with NodeApp("json_api") as app, Proxy(config(app), workers=2) as proxy:
            done = []
            load = threading.Thread(
                target=lambda: done.append(
                    loss_client.run(
                        loss_client.Plan(port=proxy.port(), path="/items", seconds=3, rate=300)
                    )
                )
            )
            load.start()
            for _ in range(3):
                app.kill()
                app.start()
                self.wait_good(proxy)
            load.join()
            result = done[0]
            kinds = {k for k in loss_client.KINDS if result[k]}
            self.assertLessEqual(kinds, {"ok", "wrong_status", "short_body"}, result)
            self.assertGreater(result["ok"], 100, result)

    def test_one_of_two_apps_is_killed_under_load(self):
        with NodeApp("json_api") as one, NodeApp("json_api") as two, Proxy(
            config(one, two), workers=2
        ) as proxy:
            timer = threading.Timer(0.7, one.kill)
            timer.start()
            result = loss_client.run(
                loss_client.Plan(port=proxy.port(), path="/items", seconds=2, rate=300)
            )
            timer.join()
            self.assertEqual(result["lost"], 0, result)

    def wait_good(self, proxy):
        deadline = time.monotonic() + 5 * SLOW
        while curl("-f", "-o", "/dev/null", f"http://127.0.0.1:{proxy.port()}/items")[0] != 0:
            self.assertLess(time.monotonic(), deadline, "not back")


class ServerSentEvents(unittest.TestCase):
    def test_every_event_comes_when_it_is_sent(self):
        with NodeApp("sse") as app, Proxy(config(app)) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW) as sock:
                sock.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                data = self.until(sock, b"", b": open\n\n")
                self.assertIn(b"text/event-stream", data)
                for i in range(50):
                    app.get_json(f"/next?data=event-{i}", "POST")
                    data = self.until(sock, data, f"data: event-{i}\n\n".encode())
                app.get_json("/end", "POST")
                self.until(sock, data, b"\r\n0\r\n\r\n")

    def until(self, sock, data, mark):
        while mark not in data:
            more = sock.recv(65536)
            self.assertTrue(more, f"closed before {mark!r}")
            data += more
        return data

    def test_a_client_that_leaves_is_noticed_by_the_app(self):
        with NodeApp("sse") as app, Proxy(config(app)) as proxy:
            sock = socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW)
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            self.until(sock, b"", b": open\n\n")
            self.assertEqual(app.get_json("/count")["streams"], 1)
            sock.close()
            deadline = time.monotonic() + 2 * SLOW
            while app.get_json("/count")["streams"]:
                self.assertLess(time.monotonic(), deadline, "the app still holds the stream")


class Bodies(unittest.TestCase):
    """The small twins of test_node_bulk.py."""

    def test_uploads_arrive_whole(self):
        with NodeApp("upload") as app, Proxy(config(app)) as proxy:
            url = f"http://127.0.0.1:{proxy.port()}/up"
            for size in (0, 1, 65535, 65536, 1 << 20, 20_000_000):
                body = (b"%07d\n" % size * (size // 8 + 1))[:size]
                want = hashlib.sha256(body).hexdigest()
                for extra in (
                    [],
                    ["-H", "Transfer-Encoding: chunked"],
                    ["-H", "Expect: 100-continue"],
                ):
                    with self.subTest(size=size, extra=extra):
                        code, out = curl("--data-binary", "@-", *extra, url, data=body)
                        self.assertEqual(code, 0)
                        seen = json.loads(out)
                        self.assertEqual((seen["bytes"], seen["sha256"]), (size, want))

    def test_downloads_arrive_whole_with_their_trailer(self):
        with NodeApp("download") as app, Proxy(config(app)) as proxy:
            for size in (0, 1, 65536, 20_000_000):
                with self.subTest(size):
                    body, trailers = self.download(proxy.port(), f"/?size={size}&trailer=1")
                    self.assertEqual(len(body), size)
                    self.assertEqual(trailers, hashlib.sha256(body).hexdigest())

    def download(self, port, path):
        """(body, the X-Sha256 trailer), read by Node's own strict client."""
        script = """
          require('node:http').get(process.argv[1], (res) => {
            const parts = [];
            res.on('data', (part) => parts.push(part));
            res.on('end', () => { process.stderr.write(res.trailers['x-sha256'] || 'none');
                                  process.stdout.write(Buffer.concat(parts)); });
          });"""
        done = subprocess.run(
            ["node", "-e", script, f"http://127.0.0.1:{port}{path}"],
            capture_output=True,
            timeout=30 * SLOW,
            check=True,
        )
        return done.stdout, done.stderr.decode()

    def test_an_upload_over_the_default_limit_is_refused_at_the_head(self):
        with NodeApp("upload") as app, Proxy(config(app)) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port()), 10 * SLOW) as sock:
                sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n")
                self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 413 "))


if __name__ == "__main__":
    unittest.main()
