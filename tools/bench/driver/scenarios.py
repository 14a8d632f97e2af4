"""The scenarios: what is asked, what is compared, what has to be reached."""

import dataclasses
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Scenario:
    id: str
    title: str
    unit: str  # Of the figure; lower is better.
    target: Optional[float] = None  # Of the ratio to nginx in the same run.
    figure_max: Optional[float] = None  # Of our figure itself.
    kind: str = "cpu"  # cpu, rate, h2, idle, routes, workers or balancers: which measurement it is.
    variant: str = "plain"  # Which config each contestant gets.
    load: tuple = ()  # Arguments of bench_load.
    seconds: float = 1.0


ALL = [
    Scenario("S1", "keep-alive, 1 KB", "µs", 0.82, load=("--connections", 64, "--size", 1024)),
    Scenario(
        "S1f",
        "S1 with X-Forwarded-*",
        "µs",
        0.85,
        variant="forwarded",
        load=("--connections", 64, "--size", 1024, "--forwarded"),
    ),
    Scenario(
        "S1r",
        "S1 at 8,000 requests/s: p99",
        "µs",
        1.0,
        kind="rate",
        seconds=2.0,
        load=("--connections", 64, "--size", 1024, "--rate", 8000),
    ),
    Scenario(
        "S1w",
        "S1, a second worker",
        "µs",
        kind="workers",
        load=("--connections", 64, "--size", 1024),
    ),
    Scenario(
        "S2",
        "client Connection: close",
        "µs",
        0.80,
        load=("--connections", 64, "--size", 1024, "--close"),
    ),
    Scenario("S3", "100 KB response", "µs", 0.60, load=("--connections", 64, "--size", 102400)),
    Scenario(
        "S4",
        "10 MB response, per GB",
        "ms",
        0.45,
        seconds=1.5,
        load=("--connections", 16, "--size", 10485760),
    ),
    Scenario(
        "S5",
        "S1 over TLS 1.3",
        "µs",
        0.78,
        variant="tls",
        load=("--connections", 64, "--size", 1024, "--tls"),
    ),
    Scenario(
        "S5b",
        "100 KB over TLS 1.3",
        "µs",
        0.95,
        variant="tls",
        load=("--connections", 64, "--size", 102400, "--tls"),
    ),
    Scenario(
        "S6",
        "a full handshake, ECDSA P-256",
        "µs",
        1.0,
        variant="tls",
        load=("--connections", 64, "--size", 1024, "--tls", "--close"),
    ),
    Scenario(
        "S6r",
        "a resumed handshake",
        "µs",
        0.9,
        variant="tls",
        load=("--connections", 64, "--size", 1024, "--resume", "--close"),
    ),
    Scenario(
        "S7",
        "HTTP/2 over TLS, 8 x 32 streams, 1 KB",
        "µs",
        0.72,
        kind="h2",
        variant="h2",
        load=("--connections", 8, "--streams", 32, "--size", 1024),
    ),
    Scenario(
        "S11",
        "POST 64 KB",
        "µs",
        0.90,
        variant="post",
        load=("--connections", 64, "--size", 1024, "--post", 65536),
    ),
    Scenario(
        "S12",
        "WebSocket echo, 100 bytes",
        "µs",
        0.90,
        variant="websocket",
        load=("--connections", 64, "--size", 100, "--websocket"),
    ),
    Scenario(
        "S13",
        "an idle keep-alive connection",
        "bytes",
        figure_max=1024,
        kind="idle",
        load=("--connections", 8000, "--size", 1024),
    ),
    Scenario(
        "S13t",
        "an idle TLS connection",
        "bytes",
        figure_max=12288,
        kind="idle",
        variant="tls",
        load=("--connections", 4000, "--size", 1024, "--tls"),
    ),
    Scenario(
        "S14",
        "10,000 routes",
        "µs",
        kind="routes",
        variant="routes",
        load=("--connections", 64, "--size", 1024),
    ),
    Scenario(
        "S15",
        "S1 before 4 endpoints, each balancer",
        "µs",
        kind="balancers",
        load=("--connections", 64, "--size", 1024, "--sources"),
    ),
]

WORKERS_CPU_MAX = 1.11  # S1w: CPU per request of two workers to that of one.
WORKERS_RATE_MIN = 1.8  # And requests per second...
WORKERS_CPUS_MIN = 4  # ...where there are so many CPUs: else it cannot be told.
BALANCER_TO_ROUND_ROBIN_MAX = 1.0  # S15: of each other one.
ROUTES = 10_000
ROUTES_TO_OWN_S1_MAX = 1.05  # S14, of ours, to our own S1.
ROUTES_START_S_MAX = 0.12
ROUTES_MEMORY_MAX = 40e6


def chosen(names):
    known = {scenario.id.lower(): scenario for scenario in ALL}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        raise SystemExit(
            f"bench: no scenario {', '.join(unknown)}; there are "
            + ", ".join(scenario.id for scenario in ALL)
        )
    return [known[name.lower()] for name in names] if names else list(ALL)


def figure(scenario, sample):
    """The figure of one sample of bench_load, in the scenario's unit."""
    if scenario.kind == "rate":
        return sample["p99_us"]
    if scenario.unit == "ms":
        return sample["cpu_ns"] / 1e6 / (sample["bytes"] / 1e9)
    return sample["cpu_ns"] / 1e3 / sample["requests"]
