"""A network of the test's own, in which it may give the machine addresses and take them away."""
import ctypes
import os
import subprocess
import unittest

_CLONE_NEWNET, _CLONE_NEWNS = 0x40000000, 0x00020000


def enter():
    """Moves this thread, and what it starts from here on, into a new network with loopback only.

    For setUpModule of a file that wants it: there is no way back. Skips where the system does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise unittest.SkipTest(f"no private network: {os.strerror(ctypes.get_errno())}")
    ip("link", "set", "lo", "up")


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


def replace_file(path, text, folder):
    """`path` reads as `text` from here on, for this thread and what it starts; for setUpModule, after enter()."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise unittest.SkipTest(f"no private files: {os.strerror(ctypes.get_errno())}")
    ours = os.path.join(folder, os.path.basename(path))
    with open(ours, "w", encoding="ascii") as file:
        file.write(text)
    for words in (["--make-rprivate", "/"], ["--bind", ours, path]):
        subprocess.run(["mount", *words], check=True, capture_output=True, timeout=10)
