"""Waiting for what another process does in its own time."""
import time

from .proxy import SLOW


def soon(holds, within=5):
    """Whether holds() becomes true in that many seconds."""
    deadline = time.monotonic() + within * SLOW
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
