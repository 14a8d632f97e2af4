"""Plays one row of a table: odd bytes on one side, judged by what the other side receives."""
import re

from . import http1
from .conv_check import check_message, difference, quoted, same_status
from .escapes import indented
from .stage import Failure

FOLLOW_UP = b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_CLEAN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean"
_HOP_BY_HOP = ("keep-alive", "proxy-connection", "te", "upgrade", "trailer-field")


def request_modes(row):
    """Whole and byte by byte; and with a second request behind, where that one has a clear meaning."""
    modes = ["whole", "split"]
    return modes if row.verdict.split()[0] == "abort" else modes + ["followed"]


def send(stage, wire, data, split):
    if split:
        stage.drip(wire, data)
    else:
        wire.send(data)


class RequestRow:
    """The client's bytes are odd; the origin answers whatever it can read, and records."""

    def __init__(self, stage, row, mode):
        self.stage, self.row, self.mode = stage, row, mode
        self.seen, self.bad = [], []

    def run(self):
        stage, row = self.stage, self.row
        client = stage.connect()
        send(
            stage,
            client,
            row.data + (FOLLOW_UP if self.mode == "followed" else b""),
            self.mode == "split",
        )
        client.half_close()
        ended = stage.pump(lambda: self._serve() or client.ended)
        self.replies = self._replies(client)
        self.origin_bytes = b"".join(bytes(w.record) for w in stage.origins["origin"].wires)
        stage.settle()
        self._serve()
        self.origin_bytes = b"".join(bytes(w.record) for w in stage.origins["origin"].wires)
        reset = client.reset
        stage.clear()
        if self.bad:
            raise Failure(
                f"the origin received what is no request in normal form: {self.bad[0]}\n{self._story()}"
            )
        if not ended:
            raise Failure(f"the connection neither answered nor ended within 5 s\n{self._story()}")
        if reset and not self.replies:
            raise Failure("a reset ate the answer")
        problem = self._judge()
        if problem:
            raise Failure(f"{problem}\n{self._story()}")

    def _serve(self):
        for wire in self.stage.origins["origin"].wires:
            if wire.name in [name for name, _ in self.bad]:
                continue
            try:
                while wire.received:
                    found = http1.read_request(wire.received)
                    if not found:
                        break
                    del wire.received[: found[1]]
                    self._note(found[0])
                    wire.send(_OK)
            except http1.Malformed as error:
                self.bad.append((wire.name, str(error)))
                wire.close()
        return False

    def _note(self, message):
        self.seen.append(message)
        extra = [name for name in _HOP_BY_HOP if message.get(name)]
        if extra:
            self.bad.append(("fields", f"hop-by-hop fields forwarded: {extra}"))

    def _replies(self, client):
        replies, data = [], bytearray(client.record)
        method = "HEAD" if self.row.data.startswith(b"HEAD ") else "GET"
        while data:
            reply, end = http1.read_response(data, method, ended=True)
            del data[:end]
            method = "GET"
            if reply.status >= 200:
                replies.append(reply)
        return replies

    def _judge(self):
        words = self.row.verdict.split(None, 1)
        return getattr(self, "_" + words[0].replace("|", "_or_"))(
            words[1] if len(words) > 1 else ""
        )

    def _refuse(self, status):
        if self.origin_bytes:
            return "expected a refusal before anything is forwarded, but the origin received bytes"
        if len(self.replies) != 1 or not same_status(
            status or "4xx|501|505", self.replies[0].status
        ):
            return f"expected one {status or 'error'} reply, then the end"

    def _abort(self, _):
        if self.seen:
            return "expected no complete request at the origin"
        if len(self.replies) > 1 or any(r.status < 400 for r in self.replies):
            return "expected at most one reply, an error"

    def _abort_or_forward(self, what):
        return self._forward(what) if self.seen else self._abort("")

    def _forward(self, what):
        """[TARGET] ["BODY"]: the origin gets one request, in normal form, with exactly this body."""
        match = re.match(r'([^"\s]\S*)?\s*(".*")?$', what)
        expected = 2 if self.mode == "followed" else 1
        if len(self.seen) != expected or [r.status for r in self.replies] != [200] * expected:
            return f"expected {expected} request(s) forwarded and answered"
        if match[1] and self.seen[0].target != match[1]:
            return f"expected target {match[1]}, got {self.seen[0].target}"
        body = quoted(match[2]) if match[2] else b""
        if self.seen[0].body != body:
            return f"the body differs:\n{difference(body, self.seen[0].body)}"
        if expected == 2 and self.seen[1].target != "/after":
            return "the request behind was not read as it was sent"

    def _either(self, what):
        if not self.seen and not self.origin_bytes:
            return self._refuse("")
        return self._forward(what) if what else self._one_form()

    def _one_form(self):
        if len(self.seen) > (2 if self.mode == "followed" else 1):
            return f"{len(self.seen)} requests at the origin: one client request became several"
        if any(m.target != "/after" for m in self.seen[1:]):
            return "the request behind was not read as it was sent"
        answered = sum(r.status == 200 for r in self.replies)
        if answered != len(self.seen):
            return f"{len(self.seen)} requests at the origin, but {answered} answers to the client"

    def _story(self):
        replies = b"".join(r.raw for r in self.replies)
        return (
            f"  client sent ({self.mode}):\n{indented(self.row.data, '    ')}\n"
            f"  client received:\n{indented(replies, '    ')}\n"
            f"  origin received:\n{indented(self.origin_bytes, '    ')}"
        )


class ResponseRow:
    """The origin's answer to /first is odd; /second, on kept and on fresh connections, stays clean."""

    def __init__(self, stage, row, mode, method):
        self.stage, self.row, self.mode, self.method = stage, row, mode, method

    def run(self):
        stage = self.stage
        client = stage.connect()
        self.story = ""
        try:
            reply = self._ask(client, self.method, "/first")
            self._judge(reply, client)
            if not client.ended and not client.received:
                self._clean(client, "on the same connection", may_end=True)
            elif client.received:
                raise Failure("bytes after the answer")
            self._clean(stage.connect("client2"), "on a fresh connection", may_end=False)
        except (Failure, http1.Malformed) as error:
            raise Failure(
                f"{error}\n  origin sent ({self.mode}, then {self.row.end}):\n"
                f"{indented(self.row.data, '    ')}\n  client received:\n"
                f"{indented(client.record, '    ')}"
            ) from None
        finally:
            stage.clear()

    def _serve(self):
        origin = self.stage.origins["origin"]
        for wire in list(origin.wires):
            found = wire.received and not wire.closed and http1.read_request(wire.received)
            if not found:
                continue
            del wire.received[: found[1]]
            if found[0].target != "/first":
                wire.send(_CLEAN)
                continue
            send(self.stage, wire, self.row.data, self.mode == "split")
            if self.row.end == "half":
                wire.half_close()
            elif self.row.end != "keep":
                wire.close(rst=self.row.end == "rst")
        return False

    def _ask(self, client, method, target):
        client.send(f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        found = []

        def arrived():
            self._serve()
            while not found:
                reply = http1.read_response(client.received, method, client.ended)
                if not reply:
                    break
                del client.received[: reply[1]]
                if reply[0].status >= 200:
                    found.append(reply[0])
            return found or client.ended

        if not self.stage.pump(arrived):
            raise Failure(f"no complete answer to {target} within 5 s")
        return found[0] if found else None

    def _judge(self, reply, client):
        if reply:
            check_message(reply, [])
        words = self.row.verdict.split(None, 1)
        statuses, body = words[0], words[1] if len(words) > 1 else None
        if reply is None:
            if "cut" in statuses:
                return
            raise Failure("closed with no answer")
        if reply.complete and not self._cut_by_reset(reply, client):
            if not same_status(statuses, reply.status):
                raise Failure(
                    f"expected {self.row.verdict}, got {reply.status} and a complete answer"
                )
            if body and reply.status != 502 and reply.body != quoted(body):
                raise Failure(f"the body differs:\n{difference(quoted(body), reply.body)}")
        elif "cut" not in statuses:
            raise Failure(f"expected {self.row.verdict}, got a cut answer")
        elif body and not quoted(body).startswith(reply.body):
            raise Failure(f"the body is no prefix:\n{difference(quoted(body), reply.body)}")

    def _cut_by_reset(self, reply, client):
        framed = reply.get("content-length") is not None or reply.get("transfer-encoding")
        return client.reset and not framed

    def _clean(self, client, where, may_end):
        reply = self._ask(client, "GET", "/second")
        if reply is None and may_end and not client.received:
            return
        if reply is None or reply.status != 200 or reply.body != b"clean":
            raise Failure(
                f"poisoned: the next answer {where} is not the clean one:\n"
                f"{indented(reply.raw if reply else client.record, '    ')}"
            )
