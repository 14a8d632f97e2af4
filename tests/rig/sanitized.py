"""What a build with a sanitizer cannot judge: named in tests/sanitizers_skip.txt, and nowhere else."""
from pathlib import Path

from .proxy import SLOW

LIST = Path(__file__).parents[1] / "sanitizers_skip.txt"


def reasons():
    """{name: reason}"""
    lines = [line for line in LIST.read_text().splitlines() if line and line[0] != "#"]
    return {name: reason.strip() for name, _, reason in (line.partition(":") for line in lines)}


def skips(name):
    """Whether this build leaves out what the list calls so. It must be in the list."""
    assert reasons()[name], f"{name} has no reason"
    return SLOW > 1
