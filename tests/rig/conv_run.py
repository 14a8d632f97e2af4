"""Plays one conversation on a stage: each step either happens as written or raises Failure."""
import re
import time

from . import http1
from .conv_check import check_message, difference, quoted, same_status
from .escapes import indented, to_bytes
from .proxy import SLOW
from .stage import PACE_S, PATIENCE_MS, Failure

PATIENCE = f"{PATIENCE_MS}ms"  # how long a step waits that names no bound


def seconds(word):
    match = re.match(r"(\d+)(ms|s)$", word)
    if not match:
        raise Failure(f"not a duration: {word}")
    return int(match[1]) / (1000 if match[2] == "ms" else 1)


class Play:
    def __init__(self, stage, case, byte_by_byte):
        self.stage, self.case, self.byte_by_byte = stage, case, byte_by_byte
        self.log_at = len(stage.proxy.lines)
        self.clock = time.monotonic()

    def run(self):
        for step in self.case.steps:
            try:
                self._step(step)
            except (Failure, http1.Malformed) as error:
                raise Failure(f"line {step.line}: {error}\n{self._transcript()}") from None
        leftover = self.stage.clear()
        if leftover:
            text = "\n".join(f"{name}:\n{indented(data, '  got > ')}" for name, data in leftover)
            raise Failure(f"the origin received what the conversation does not tell of:\n{text}")

    def _transcript(self):
        wires = list(self.stage.clients.values())
        wires += [w for o in self.stage.origins.values() for w in o.wires]
        parts = []
        for wire in wires:
            state = "reset" if wire.reset else "ended" if wire.eof else "open"
            parts.append(
                f"  {wire.name} received in all ({state}):\n{indented(wire.record, '    ')}"
            )
        return "\n".join(parts)

    def _step(self, step):
        kind = step.actor.rstrip("0123456789")
        getattr(self, f"_{kind}")(step)
        if step.op in (">", "rst", "close", "half-close"):
            self.clock = time.monotonic()

    # --- the two ends ---

    def _client(self, step):
        if step.op == "connect":
            self.stage.connect(step.actor, step.text or None)
        elif step.op == "<":
            self._client_receives(step)
        elif step.op == ":":
            self._client_state(step)
        else:
            self._act(self.stage.client(step.actor), step)

    def _origin(self, step):
        origin = self.stage.origins[step.actor]
        if step.op == "<":
            self._origin_receives(origin, step)
        elif step.op == ":":
            self._origin_state(origin, step)
        else:
            wire = self.stage.current.get(step.actor)
            if not wire:
                raise Failure(f"{step.actor} has no connection yet")
            self._act(wire, step)

    def _act(self, wire, step):
        if step.op == ">":
            if not self.byte_by_byte:
                wire.send(step.text)
            else:
                self.stage.drip(wire, step.text)
        elif step.op == "half-close":
            wire.half_close()
        elif step.op == "flush":
            self.stage.pump(lambda: not wire.pending)
            time.sleep(PACE_S)
        else:
            self.stage.pump(lambda: not wire.pending)
            wire.close(rst=step.op == "rst")

    # --- what a client sees ---

    def _client_receives(self, step):
        """STATUS [to METHOD] [kept|closed|reset|ended|cut] [within D] [after D]"""
        wire, words = self.stage.client(step.actor), step.text.split()
        opts = self._options(words, ("to", "within", "after"))
        status = words.pop(0)
        found = []

        def arrived():
            if not found:
                reply = http1.read_response(wire.received, opts.get("to", "GET"), wire.ended)
                if reply:
                    found.append(reply[0])
                    del wire.received[: reply[1]]
            return found or wire.ended

        limit = seconds(opts.get("within", PATIENCE))
        if not self.stage.pump(arrived, limit) or not found:
            what = "closed" if wire.eof else "reset" if wire.reset else f"nothing within {limit} s"
            raise Failure(
                f"expected {step.text}; got {what} after\n{indented(wire.received, '  < ')}"
            )
        self._not_before(opts)
        message = found[0]
        if not same_status(status, message.status):
            raise Failure(f"expected {step.text}; got\n{indented(message.raw, '  < ')}")
        if not message.complete and "cut" not in words:
            raise Failure(f"the response was cut short:\n{indented(message.raw, '  < ')}")
        check_message(message, step.checks)
        for word in words:
            self._client_end(step.actor, wire, word, message)

    def _not_before(self, opts):
        if "after" in opts and time.monotonic() - self.clock < seconds(opts["after"]):
            raise Failure(
                f"came after {time.monotonic() - self.clock:.3f} s, before {opts['after']}"
            )

    def _client_end(self, actor, wire, word, message=None):
        if word == "kept":
            self.stage.alive(actor)
        elif word == "cut":
            if message.complete and not wire.reset and not self._ends(wire, "reset"):
                raise Failure(f"a cut that nobody can see:\n{indented(message.raw, '  < ')}")
        elif word in ("closed", "reset", "ended"):
            if not self._ends(wire, word):
                state = (
                    "a reset" if wire.reset else "an orderly end" if wire.eof else "it stays open"
                )
                raise Failure(f"expected then {word}; got {state}")
            if wire.received:
                raise Failure(f"bytes after the answer:\n{indented(wire.received, '  < ')}")
        else:
            raise Failure(f"unknown word {word!r}")

    def _ends(self, wire, how, limit=PATIENCE_MS / 1000):
        self.stage.pump(lambda: wire.ended, limit)
        return {"closed": wire.eof, "reset": wire.reset, "ended": wire.ended}[how]

    def _client_state(self, step):
        wire, words = self.stage.client(step.actor), step.text.split()
        opts = self._options(words, ("within", "after"))
        if words == ["nothing", "yet"]:
            self.stage.settle()
            wire.fill()
            if wire.received or wire.ended:
                raise Failure(f"expected nothing yet; got\n{indented(wire.received, '  < ')}")
            return
        word = words[0]
        if word == "raw":
            return self._raw(wire, quoted(step.text.split(None, 1)[1]))
        if word == "begun":
            return self._begun(wire, quoted(step.text.split(None, 1)[1]))
        if word not in ("closed", "reset", "ended"):
            raise Failure(f"unknown state {step.text!r}")
        if not self._ends(wire, word, seconds(opts.get("within", PATIENCE))):
            raise Failure(f"expected {step.text}; eof={wire.eof} reset={wire.reset}")
        self._not_before(opts)
        if wire.received:
            raise Failure(f"bytes before the end:\n{indented(wire.received, '  < ')}")

    def _raw(self, wire, want):
        """Exactly these bytes have come, of no message: what a tunnel carries."""
        self.stage.pump(lambda: len(wire.received) >= len(want) or wire.ended)
        got = bytes(wire.received)
        if got != want:
            raise Failure(f"expected (-), got (+)\n{difference(want, got)}")
        wire.received.clear()

    def _begun(self, wire, want):
        """Of the response that is under way, exactly this much of the body has come."""

        def so_far():
            found = b"\r\n\r\n" in wire.received and http1.read_response(wire.received, ended=True)
            return found[0].body if found else None

        if not self.stage.pump(lambda: so_far() == want or wire.ended) or so_far() != want:
            raise Failure(
                f"expected a response begun with (-), got (+)\n{difference(want, so_far() or b'')}"
            )

    # --- what an origin sees ---

    def _origin_receives(self, origin, step):
        """METHOD TARGET [head] [same|new connection] [within D], or: body [within D]"""
        words = step.text.split()
        opts = self._options(words, ("within",))
        limit = seconds(opts.get("within", PATIENCE))
        if words == ["body"]:
            wire = self.stage.current[step.actor]
            message = self._request_on([wire], limit, http1.read_request, wire.head_bytes)[1]
            wire.head_bytes = b""
            check_message(message, step.checks)
            return
        before = self.stage.current.get(step.actor)
        head_only = "head" in words
        reader = http1.read_head if head_only else http1.read_request
        wire, message = self._request_on(origin.wires, limit, reader)
        http1.check_request_line(message)
        if head_only:
            wire.head_bytes = message.raw
        self.stage.current[step.actor] = wire
        got = f"{message.method} {message.target}"
        if got != to_bytes(" ".join(words[:2])).decode("latin-1"):
            raise Failure(f"expected {step.text}; got\n{indented(message.raw, '  > ')}")
        if "same" in words and wire is not before:
            raise Failure(f"expected the same connection, got {wire.name}")
        if "new" in words and wire is before:
            raise Failure(f"expected a new connection, got {wire.name} again")
        check_message(message, step.checks)

    def _request_on(self, wires, limit, reader, prefix=b""):
        found = []

        def arrived():
            for wire in wires:
                if found:
                    break
                message = (wire.received or prefix) and reader(prefix + wire.received)
                if message:
                    found.append((wire, message[0]))
                    del wire.received[: message[1] - len(prefix)]
            return found

        if not self.stage.pump(arrived, limit):
            raise Failure(f"no request reached the origin within {limit * SLOW:.2f} s")
        return found[0]

    def _origin_state(self, origin, step):
        words = step.text.split()
        opts = self._options(words, ("within", "after"))
        if words[0] == "nothing":
            self.stage.settle()
            origin.accept()
            for wire in origin.wires:
                wire.fill()
                if wire.received:
                    raise Failure(
                        f"expected nothing at the origin; got\n{indented(wire.received, '  > ')}"
                    )
        elif words[0] == "raw":
            self._raw(self.stage.current[step.actor], quoted(step.text.split(None, 1)[1]))
        elif words[0] in ("closed", "reset"):
            wire = self.stage.current[step.actor]
            if not self._ends(wire, words[0], seconds(opts.get("within", PATIENCE))):
                raise Failure(f"expected {step.text}; eof={wire.eof} reset={wire.reset}")
        elif words[0] == "gone":
            wire = self.stage.current[step.actor]
            if not self.stage.pump(lambda: wire.ended, seconds(opts.get("within", PATIENCE))):
                raise Failure(f"{wire.name} is still open")
            self._not_before(opts)
            wire.received.clear()
        elif words[1:] in (["connection"], ["connections"]):
            self.stage.pump(lambda: origin.accepted >= int(words[0]))
            self.stage.settle()
            origin.accept()
            if origin.accepted != int(words[0]):
                raise Failure(f"expected {step.text}; got {origin.accepted}")
        else:
            raise Failure(f"unknown state {step.text!r}")

    # --- logs ---

    def _access(self, step):
        """Some line of the access log has these members; looked for when the proxy has ended."""
        self.stage.expect_access(f"{self.case.name}: line {step.line}", step.text)

    def _log(self, step):
        self.stage.proxy.wait_log(step.text, 5 * SLOW, self.log_at)

    @staticmethod
    def _options(words, names):
        """Takes `name value` pairs out of `words`."""
        found = {}
        for name in names:
            if name in words:
                at = words.index(name)
                found[name] = words[at + 1]
                del words[at : at + 2]
        return found
