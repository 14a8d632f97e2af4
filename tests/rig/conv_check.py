"""What a conversation says of one message: its status, fields, body and trailers."""
import difflib
import re

from .escapes import to_bytes, to_text
from .stage import Failure


def same_status(want, got):
    """`want` is 200, 4xx, or a choice: 400|431."""
    return any(re.match(word.replace("x", r"\d") + r"\Z", str(got)) for word in want.split("|"))


def difference(want, got):
    """Both as escaped lines, what differs marked: - expected, + got."""
    lines = difflib.ndiff(to_text(want).split("\n"), to_text(got).split("\n"))
    return "\n".join("    " + line for line in lines if not line.startswith("?"))


def quoted(text):
    match = re.match(r'"(.*)"\s*$', text)
    if not match:
        raise Failure(f"a body is written in double quotes: {text}")
    return to_bytes(match[1])


def check_message(message, checks):
    if message.start.startswith(b"HTTP/1.0"):
        raise Failure(f"the proxy speaks HTTP/1.1, also to HTTP/1.0: {message.start!r}")
    for mark, text, line in checks:
        problem = _CHECKS[mark](message, text)
        if problem:
            raise Failure(f"line {line}: {problem}")


def _has(message, text):
    name, _, value = text.partition(":")
    want = to_bytes(value.strip())
    got = message.all(name)
    if got != [want]:
        return f"expected one {name}: {to_text(want)}; got {got} in\n{difference(b'', message.raw)}"


def _lacks(message, text):
    if message.all(text.strip()):
        return f"expected no {text}; got {message.all(text.strip())}"


def _matches(message, text):
    name, _, pattern = text.partition(":")
    got = message.all(name)
    if not any(re.search(pattern.strip(), value.decode("latin-1")) for value in got):
        return f"expected {name} to match {pattern.strip()}; got {got}"


def _body(message, text):
    want = quoted(text)
    if message.body != want:
        return f"the body differs (- expected, + got):\n{difference(want, message.body)}"


def _body_prefix(message, text):
    want = quoted(text)
    if not want.startswith(message.body):
        return f"the body is no prefix (- expected, + got):\n{difference(want, message.body)}"


def _trailer(message, text):
    name, _, value = text.partition(":")
    got = [v for n, v in message.trailers if n.lower() == name.strip().lower().encode()]
    if got != [to_bytes(value.strip())]:
        return f"expected trailer {text}; got {message.trailers}"


def _raw(message, text):
    want = to_bytes(text)
    if message.raw != want:
        return f"the bytes differ (- expected, + got):\n{difference(want, message.raw)}"


def _nowhere(message, text):
    found = re.search(text.encode(), message.raw)
    if found:
        return f"nothing was to match {text}; got\n{difference(b'', message.raw)}"


_CHECKS = {
    "-": _nowhere,
    "|": _has,
    "!": _lacks,
    "~": _matches,
    "=": _body,
    "^": _body_prefix,
    "+": _trailer,
    "@": _raw,
}
