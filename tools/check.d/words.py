"""Words that may not stand in some code: locks, waits for fds, types without a fixed layout."""

import re

from rule import Rule

LOCK_FREE = ("kernel/net", "kernel/http", "kernel/upstream", "kernel/route", "kernel/stream")
_LOCK = re.compile(
    r"\b(?:\w*_?mutex\w*|lock_guard|unique_lock|scoped_lock|shared_lock"
    r"|condition_variable\w*|call_once|counting_semaphore|binary_semaphore"
    r"|latch|barrier|pthread_\w*lock\w*)\b"
)
_POLL = re.compile(r"\b(?:epoll_\w+|(?:p?poll|p?select|io_uring_\w+)(?=\s*\())")
_POLLERS = ("kernel/net/", "kernel/runtime/")
_ABI_TYPE = re.compile(
    r"\b(?:bool|_Bool|size_t|ssize_t|wchar_t|time_t|off_t|long|short|int" r"|unsigned|enum\s+\w+)\b"
)


def matches(tree, paths, pattern):
    """(path, line, word, name of the function around it or the word): the first of each line."""
    for path in paths:
        source = tree.source(path)
        seen = set()
        for match in pattern.finditer(source.code):
            line = source.line_of(match.start())
            if line in seen:
                continue
            seen.add(line)
            around = (name for name, first, last in source.functions if first <= line <= last)
            yield path, line, match[0], next(around, match[0])


def locks(tree):
    for path, line, word, around in matches(tree, tree.under(*LOCK_FREE), _LOCK):
        yield path, line, f"no lock on the hot path: {word}", around


def polls(tree):
    paths = [
        path
        for path in tree.under("kernel", "plugins", "sdk/include")
        if not path.startswith(_POLLERS) and not path.endswith("_test.cpp")
    ]
    for path, line, word, around in matches(tree, paths, _POLL):
        yield path, line, f"the kernel's loop polls every fd: not {word}", around


def abi_types(tree):
    headers = tree.under("sdk/include/pkernel/abi")
    for path, line, word, _ in matches(tree, headers, _ABI_TYPE):
        yield path, line, f"types of the ABI have a fixed width: not {word}", word


RULES = [
    Rule("locks", f"No lock in {', '.join(LOCK_FREE)}: they are the hot path.", locks),
    Rule(
        "polls",
        "No epoll, poll, select or io_uring outside "
        + " and ".join(_POLLERS)
        + ": one loop owns every fd.",
        polls,
    ),
    Rule(
        "abi-types",
        "Headers of the ABI use fixed-width types: no bool, size_t, int or named " "enum.",
        abi_types,
    ),
]
