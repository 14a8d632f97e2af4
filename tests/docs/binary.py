"""The binary under test: PKERNEL_BUILD is its build directory."""
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PKERNEL_BUILD", ROOT / "build")).resolve()


def pkernel(*words, cwd=ROOT):
    """Exit code and everything that it printed."""
    run = subprocess.run(
        [BUILD / "pkernel", "--plugins-dir", BUILD / "plugins", *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return run.returncode, run.stdout


def validate(file, cwd=ROOT):
    return pkernel("validate", "--config", str(file), cwd=cwd)


def make_certificate(folder, name, hosts):
    folder.mkdir(exist_ok=True)
    names = ",".join(f"DNS:{host}" for host in hosts)
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test".split()
    subprocess.run(
        ["openssl", *words, "-addext", f"subjectAltName={names}"]
        + ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
        check=True,
        capture_output=True,
    )
