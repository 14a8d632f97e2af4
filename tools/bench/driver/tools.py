"""The two programs of the bench: built when needed, and run."""

import fcntl
import json
import pathlib
import subprocess

from driver import processes

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
BUILD = REPOSITORY / "build-bench" / "tools"


class Failed(Exception):
    """A run that cannot be counted, with the reason."""


def build():
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # The tests of two presets may want it at once.
        if not (BUILD / "build.ninja").exists():
            made = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
            _quiet(["cmake", "--fresh", "-S", HERE, "-B", BUILD, *made])
        _quiet(["cmake", "--build", BUILD, "--target", "bench_backend", "bench_load", "-j2"])


def _quiet(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(
            f"bench: {' '.join(map(str, command))} failed:\n" f"{done.stdout}{done.stderr}"
        )


def start_backend(cpu):
    """The origin, and its port."""
    backend, ports = start_backends(cpu, 1)
    return backend, ports[0]


def start_backends(cpu, count):
    """The origin, and so many ports of it: one process, so that it costs the same whichever is asked."""
    ports = set()
    while len(ports) < count:
        ports.add(processes.free_port())
    ports = sorted(ports)
    backend = processes.start(
        [BUILD / "bench/bench_backend", *ports], cpu, stdout=subprocess.PIPE, text=True
    )
    if backend.stdout.readline() != "ready\n":
        raise Failed("the backend did not start")
    return backend, ports


def start_load(port, cpu, *arguments):
    command = [BUILD / "bench/bench_load", "--port", port, *arguments]
    return processes.start(command, cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def load(port, cpu, *arguments):
    """One run of the generator. Any error or wrong answer fails it."""
    process = start_load(port, cpu, *arguments)
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        raise Failed("bench_load hangs") from None
    finally:
        processes.stop(process)
    if not output.startswith("{"):
        raise Failed(f"bench_load ended with {process.returncode}: {output.strip()}")
    sample = json.loads(output)
    if sample["errors"] or sample["wrong"]:
        raise Failed(
            f"{sample['errors']} errors and {sample['wrong']} wrong answers; the first: "
            + sample["first_failure"]
        )
    if sample["requests"] == 0:
        raise Failed("no request was completed")
    return sample
