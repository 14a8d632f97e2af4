"""Reads a .conv file: blocks of config, each followed by conversations and tables. See tests/README.md."""
import re
from dataclasses import dataclass, field

from .escapes import to_bytes

_STEP = re.compile(
    r"(client\d*|origin\d*|access|log)\s+(>|<|:|connect|half-close|close|rst|flush)(?:\s(.*))?$"
)
_CHECK = re.compile(r"([|!~=^+@-])\s(.*)$")


class ConvError(Exception):
    pass


@dataclass
class Step:
    line: int
    actor: str
    op: str
    text: str
    checks: list = field(default_factory=list)


@dataclass
class Case:
    name: str
    line: int
    split: bool
    steps: list = field(default_factory=list)


@dataclass
class Row:
    line: int
    verdict: str
    end: str
    name: str
    data: bytes


@dataclass
class Table:
    kind: str  # "requests" or "responses"
    method: str
    line: int
    rows: list = field(default_factory=list)


@dataclass
class Block:
    config: str
    line: int
    items: list = field(default_factory=list)


def parse(text):
    """The file's blocks in order."""
    blocks, item, in_config = [], None, False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip()
        if in_config and (not line or line[0] == " "):
            blocks[-1].config += line[2:] + "\n"
            continue
        in_config = False
        if not line.strip() or line.lstrip().startswith("# ") or line.strip() == "#":
            continue
        if line == "config":
            blocks.append(Block("", number))
            in_config, item = True, None
        elif line[0] != " ":
            if not blocks:
                blocks.append(Block("", number))
            item = _item(line, number)
            blocks[-1].items.append(item)
        elif isinstance(item, Case):
            _add_step(item, line.strip(), number)
        elif isinstance(item, Table):
            item.rows.append(_row(item, line.strip(), number))
        else:
            raise ConvError(f"line {number}: indented text before any conversation")
    for block in blocks:
        for item in block.items:
            if not (item.steps if isinstance(item, Case) else item.rows):
                raise ConvError(f"line {item.line}: nothing follows this title")
    return blocks


def _item(line, number):
    table = re.match(r"table (requests|responses)(?: to ([A-Z]+))?$", line)
    if table:
        return Table(table[1], table[2] or "GET", number)
    split = line.endswith("[split]")
    return Case(line.removesuffix("[split]").strip(), number, split)


def _add_step(case, line, number):
    check = _CHECK.match(line)
    if check:
        if not case.steps or case.steps[-1].op != "<":
            raise ConvError(f"line {number}: a check follows a `<` line")
        case.steps[-1].checks.append((check[1], check[2], number))
        return
    match = _STEP.match(line)
    if not match:
        raise ConvError(f"line {number}: not a step: {line!r}")
    actor, op, text = match[1], match[2], match[3] or ""
    last = case.steps[-1] if case.steps else None
    if op == ">":
        data = to_bytes(text)
        if last and last.op == ">" and last.actor == actor:
            last.text += data
            return
        text = data
    if op != "flush":
        case.steps.append(Step(number, actor, op, text))
    else:
        case.steps.append(Step(number, actor, "flush", ""))


def _row(table, line, number):
    parts = line.split(" | ", 3 if table.kind == "responses" else 2)
    parts = [part.strip() for part in parts[:-1]] + [parts[-1].lstrip(" ")]
    if len(parts) != (4 if table.kind == "responses" else 3):
        raise ConvError(f"line {number}: a row of {table.kind} has too few columns")
    end = parts.pop(1) if table.kind == "responses" else ""
    return Row(number, parts[0], end, parts[1], to_bytes(parts[2]))
