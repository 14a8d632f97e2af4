"""Judges the JSON access log that a run left behind."""
import json
import re

from .escapes import to_text


def fits(line, wanted):
    """`wanted` maps members to values; "~re" is a regex; the member "*" is the line's whole text."""
    for key, want in wanted.items():
        have = (
            line.decode("utf-8", "replace") if key == "*" else json.loads(line).get(key, "(absent)")
        )
        if isinstance(want, str) and want.startswith("~"):
            if not re.search(want[1:], str(have)):
                return False
        elif have != want:
            return False
    return True


def missing(path, expected):
    """Texts about every expectation that no line fits, and about every line that is no JSON object."""
    if not expected:
        return []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        return [f"no access log: {error}"]
    last = lines.pop()
    problems = [f"the access log ends inside a line: {to_text(last)}"] if last else []
    for line in lines:
        try:
            if not isinstance(json.loads(line.decode("utf-8")), dict):
                raise ValueError("not an object")
        except ValueError as error:
            problems.append(f"access log: not JSON ({error}): {to_text(line)}")
    if problems:
        return problems
    shown = b"\n".join(line for line in lines if b"pkrig-alive" not in line)
    for title, members in expected:
        if not any(fits(line, json.loads(members)) for line in lines):
            problems.append(
                f"{title}: no access-log line has {members} among\n{to_text(shown, 6000)}"
            )
    return problems
