#!/usr/bin/env python3
"""The layout of the ABI: writes the program that prints it, and compares what it prints.

    layout.py write OUT.c HEADER...   the program: one line a struct, a member, an enumerated value
    layout.py check PROGRAM DIR       against every layout-*.txt in DIR; 1 when something moved
    layout.py record PROGRAM FILE     writes the file of a version that is not released yet

What is recorded never moves, shrinks or changes its value. The newest file must also be complete.
Drafts (abi/draft/) are outside the promise and are not recorded.
"""
import pathlib
import re
import subprocess
import sys

STRUCT = re.compile(r"typedef struct (pk_\w+) \{(.*?)\n\} \1;", re.S)
ENUM = re.compile(r"enum \{(.*?)\}", re.S)


# Made by one side only and reached by pointer or stride, so that they may grow without a size of their own.
GROWS = {
    "pk_field",
    "pk_slice",
    "pk_annotation",
    "pk_option",
    "pk_node",
    "pk_endpoint",
    "pk_stream",
    "pk_conn",
}


def members(body):
    for declaration in body.split(";"):
        text = " ".join(declaration.split())
        if not text:
            continue
        pointer = re.search(r"\(\*(\w+)\)\(", text)
        yield pointer.group(1) if pointer else re.search(r"(\w+)(\[\w+\])?$", text).group(1)


def write(out, headers):
    lines = ["#include <stddef.h>", "#include <stdio.h>"]
    body = []
    for header in headers:
        text = re.sub(r"/\*.*?\*/", "", pathlib.Path(header).read_text(), flags=re.S)
        lines.append(f'#include "{pathlib.Path(header).resolve()}"')
        code = "\n".join(x for x in text.split("\n") if not x.rstrip().endswith("\\"))
        for name, fields in STRUCT.findall(code):
            body.append(f'    printf("struct {name} size %zu\\n", sizeof({name}));')
            for field in members(fields):
                body.append(
                    f'    printf("{name}.{field} at %zu size %zu\\n", '
                    f"offsetof({name}, {field}), sizeof((({name}*)0)->{field}));"
                )
        for values in ENUM.findall(code):
            for value in re.findall(r"\b(PK_\w+)\b\s*(?==|,|$|\n)", values):
                body.append(f'    printf("{value} = %u\\n", (unsigned){value});')
    lines += [
        "#define FIELD(suffix, name) printf(\"PK_FIELD_\" #suffix \" = %u\\n\", "
        "(unsigned)PK_FIELD_##suffix);",
        "int main(void) {",
        *body,
        "    PKERNEL_FIELD_LIST(FIELD)",
        "    return 0;",
        "}",
        "",
    ]
    pathlib.Path(out).write_text("\n".join(lines))


def table(lines):
    entries = {}
    for line in lines:
        if line and not line.startswith("#"):
            key, value = re.match(r"(struct \w+|\S+) (.*)", line).groups()
            entries[key] = value
    return entries


def version_of(path):
    return [int(n) for n in re.findall(r"\d+", path.name)]


def check(program, folder):
    now = table(
        subprocess.run([program], capture_output=True, text=True, check=True).stdout.split("\n")
    )
    files = sorted(pathlib.Path(folder).glob("layout-*.txt"), key=version_of)
    broken, missing = [], []
    if not files:
        broken.append(f"no layout-*.txt in {folder}")
    for path in files:
        then = table(path.read_text().split("\n"))
        for key, value in then.items():
            name = key.removeprefix("struct ")
            may_grow = name in GROWS or then.get(f"{name}.size") == "at 0 size 4"
            grown = (
                key.startswith("struct ")
                and key in now
                and may_grow
                and (int(now[key].split()[1]) >= int(value.split()[1]))
            )
            if now.get(key) != value and not grown:
                broken.append(f"{path.name}: {key} was {value}, is {now.get(key, 'gone')}")
        if path == files[-1]:
            missing = [key for key in now if now[key] != then.get(key)]
    for line in broken:
        print("broken:", line)
    for key in missing:
        print(f"not recorded: {key} {now[key]}")
    if missing and not broken:
        print(
            f"Additions only: record them (layout.py record) in {files[-1].name}, or in the "
            "next version's file once that one is released."
        )
    return 1 if broken or missing else 0


def record(program, path):
    text = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    head = (
        "# Layout of the ABI on 64-bit machines. Written by tests/abi/layout.py, compared by the\n"
        "# test abi.layout. Frozen at the release of the version in its name.\n"
    )
    pathlib.Path(path).write_text(head + text)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], sys.argv[3:])
    elif sys.argv[1] == "check":
        sys.exit(check(sys.argv[2], sys.argv[3]))
    else:
        record(sys.argv[2], sys.argv[3])
