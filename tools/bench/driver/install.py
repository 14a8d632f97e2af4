"""Peers that are missing: installed when asked, or named with the line that installs them."""

import os
import subprocess


def packages(names):
    prefix = [] if os.getuid() == 0 else ["sudo", "-n"]
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names]
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    # A package must not start its service: it would take port 80 and our CPUs.
    for command in (["apt-get", "update", "-qq"], ["env", "RUNLEVEL=1", *install]):
        try:
            subprocess.run(prefix + command, check=True, env=environment, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            raise SystemExit(
                "bench: cannot install; as root: apt-get install -y " + " ".join(names)
            ) from None


def ensure(contestants, asked):
    """Those that are there, after installing the missing ones if asked or if root."""
    missing = [c for c in contestants if not c.available() and c.package]
    if missing and (asked or os.getuid() == 0):
        names = [contestant.package for contestant in missing]
        print(f"installing: {' '.join(names)}", flush=True)
        packages(names)
    elif missing:
        print(
            "not installed, left out: "
            + " ".join(c.package for c in missing)
            + " (--install installs)",
            flush=True,
        )
    return [contestant for contestant in contestants if contestant.available()]
