"""Counts what is lost under load, by kind. `python3 -m rig.loss_client --port N --path /ok --seconds 5`

Clients that keep their connection, and clients that connect for each request, send at a given rate
for a given time. Each request ends in exactly one of KINDS; only `ok` is not a loss. Nothing is ever
sent again: a loss that a retry would hide is seen.
"""
import argparse
import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass

from . import http1
from .waiting import soon

KINDS = (
    "ok",
    "refused",
    "reset",
    "closed_first",
    "closed_reused",
    "short_body",
    "bad_hash",
    "wrong_status",
    "malformed",
    "timeout",
)


@dataclass
class Plan:
    port: int
    host: str = "127.0.0.1"
    path: str = "/ok"
    keep_alive: int = 4  # clients that keep their connection
    connecting: int = 2  # clients that connect for each request
    rate: float = 2000  # requests per second, all clients together
    seconds: float = 5
    requests: int = 0  # not more than these, however much time is left
    post_share: float = 0.0  # of the requests: these carry `body` and are counted apart
    body: bytes = b"x" * 64
    status: int = 200
    expect: bytes = None  # the right body, when it is known
    timeout: float = 5
    unique: bool = False  # appends a number to each path, to count executions

    @property
    def digest(self):
        return self.expect is not None and hashlib.sha256(self.expect).digest()


class Lost(Exception):
    pass


class Link:
    """One connection of one client."""

    def __init__(self, plan):
        self.plan, self.reader, self.writer, self.used = plan, None, None, 0

    async def open(self):
        try:
            self.reader, self.writer = await asyncio.open_connection(self.plan.host, self.plan.port)
        except ConnectionRefusedError:
            raise Lost("refused") from None
        except OSError:
            raise Lost("reset") from None

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None
        self.used = 0

    async def ask(self, method, path, body, keep, fields=""):
        """The response; `fields` are further field lines, each with its CR LF."""
        if not self.writer:
            await self.open()
        reused, data = self.used > 0, bytearray()
        self.used += 1
        head = f"{method} {path} HTTP/1.1\r\nHost: load.test\r\n{fields}"
        head += "" if keep else "Connection: close\r\n"
        head += f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        try:
            self.writer.write(head.encode() + b"\r\n" + body)
            reply = await self._read(method, data)
        except OSError:
            raise Lost("short_body" if data else "reset") from None
        if reply is None:
            raise Lost("closed_reused" if reused else "closed_first")
        if not reply.complete:
            raise Lost("short_body")
        if (reply.get("connection") or b"").lower() == b"close" or not keep:
            self.close()
        return reply

    async def _read(self, method, data):
        while True:
            found = http1.read_response(data, method)
            if found and found[0].status >= 200:
                return found[0]
            if found:
                del data[: found[1]]
                continue
            more = await self.reader.read(1 << 16)
            if not more:
                found = data and http1.read_response(data, method, ended=True)
                return found[0] if found else None
            data += more


class Load:
    def __init__(self, plan):
        self.plan, self.counts, self.by_method = plan, Counter(), Counter()
        self.sent, self.slowest, self.spent, self.first_losses = 0, 0.0, 0.0, []
        self.posted, self.lost_posts = [], []
        self._stopped = False

    async def run(self):
        start = time.monotonic()
        self._end = start + self.plan.seconds
        clients = [self._client(True, i) for i in range(self.plan.keep_alive)]
        clients += [self._client(False, i) for i in range(self.plan.connecting)]
        self._gap = len(clients) / self.plan.rate
        await asyncio.gather(*clients)
        return self.result(time.monotonic() - start)

    def stop(self):
        """From any thread: no further request is begun."""
        self._stopped = True

    async def _client(self, keep, number):
        link, due = Link(self.plan), time.monotonic()
        try:
            while (
                not self._stopped
                and time.monotonic() < self._end
                and self.sent < (self.plan.requests or 1 << 62)
            ):
                await self._one(link, keep)
                due = max(due + self._gap, time.monotonic() - 1)
                await asyncio.sleep(max(0, due - time.monotonic()))
        finally:
            link.close()

    async def _one(self, link, keep):
        plan, number, start = self.plan, self.sent, time.monotonic()
        self.sent += 1
        post = (number * plan.post_share) % 1 >= 1 - plan.post_share if plan.post_share else False
        method = "POST" if post else "GET"
        path = (
            f"{plan.path}{'&' if '?' in plan.path else '?'}n={number}" if plan.unique else plan.path
        )
        try:
            reply = await asyncio.wait_for(
                link.ask(method, path, plan.body if post else b"", keep), plan.timeout
            )
            kind = self._judge(reply)
        except Lost as lost:
            kind = str(lost)
        except asyncio.TimeoutError:
            kind = "timeout"
        except http1.Malformed:
            kind = "malformed"
        if kind not in ("ok", "wrong_status", "bad_hash"):
            link.close()
        self._note(kind, method, path, start)

    def _judge(self, reply):
        if reply.status != self.plan.status:
            return "wrong_status"
        if self.plan.digest and hashlib.sha256(reply.body).digest() != self.plan.digest:
            return "bad_hash"
        return "ok"

    def _note(self, kind, method, path, start):
        self.counts[kind] += 1
        self.by_method[f"{method} {kind}"] += 1
        took = time.monotonic() - start
        self.slowest = max(self.slowest, took)
        self.spent += took
        if method == "POST":
            self.posted.append(path)
        if kind != "ok" and len(self.first_losses) < 20:
            self.first_losses.append(f"{self.sent}: {method} {path} {kind}")

    def result(self, took):
        counts = {kind: self.counts[kind] for kind in KINDS}
        return {
            "sent": self.sent,
            "lost": self.sent - counts["ok"],
            **counts,
            "by_method": dict(self.by_method),
            "mean_ms": round(self.spent / max(1, self.sent) * 1000, 3),
            "slowest_ms": round(self.slowest * 1000, 1),
            "per_second": round(self.sent / took, 1),
            "first_losses": self.first_losses,
        }


class Background:
    """Plays the plan in a thread of its own while the block runs; `result` is there when it has ended."""

    def __init__(self, plan):
        self.load, self.result = Load(plan), None
        self._thread = threading.Thread(target=self._play)

    def _play(self):
        self.result = asyncio.run(self.load.run())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.load.stop()
        self._thread.join()

    def sends(self, more, within=10):
        """Waits: whether so many more requests have been sent in that many seconds."""
        enough = self.load.sent + more
        return soon(lambda: self.load.sent >= enough, within)


def run(plan):
    """Plays the plan to its end: the result as a dict."""
    return asyncio.run(Load(plan).run())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in (
        ("port", None),
        ("rate", 2000.0),
        ("seconds", 5.0),
        ("keep-alive", 4),
        ("connecting", 2),
        ("post-share", 0.0),
        ("status", 200),
        ("timeout", 5.0),
    ):
        parser.add_argument(
            "--" + name,
            type=type(default) if default is not None else int,
            default=default,
            required=default is None,
        )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--path", default="/ok")
    parser.add_argument("--unique", action="store_true")
    result = run(Plan(**vars(parser.parse_args())))
    print(json.dumps(result, indent=2))
    raise SystemExit(1 if result["lost"] or not result["sent"] else 0)


if __name__ == "__main__":
    main()
