"""S15: what each balancer adds to a whole request, beside round_robin, alternately. Ours only."""

import dataclasses
import http.client

from driver import contestants, measure, processes, scenarios, stats, tools
from driver.pkernel import CONFIG, Pkernel

SECRET = "0123456789abcdef0123456789abcdef"
REFERENCE = "round_robin"
# Each with a key that is there, and that spreads: clients come from 64 addresses, each request
# has an id of its own, and cookies name all endpoints in turn.
BALANCERS = {
    REFERENCE: "round_robin",
    "least_conn": "least_conn",
    "random_two": "random_two",
    "ip_hash": "ip_hash",
    "consistent_hash": "{ consistent_hash: query.id }",
    "sticky": f"{{ sticky: {{ secret: {SECRET}, fallback: round_robin }} }}",
}
ENDPOINTS = 4


class Balanced(Pkernel):
    """Ours, before several endpoints."""

    def __init__(self, name, build, ports):
        super().__init__(name, build)
        self.ports = ports

    def config(self, variant, port, origin, folder):
        app = f"balancer: {BALANCERS[self.name]}\n    endpoints: [ "
        app += ", ".join(f'"127.0.0.1:{each}"' for each in self.ports) + " ]"
        text = CONFIG.format(
            tls="", port=port, origin=origin, routes="  - { match: { path: / }, forward: app }"
        )
        return text.replace(f'endpoints: [ "127.0.0.1:{origin}" ]', app)


def cookies(port):
    """One for each endpoint, as the proxy gives them out."""
    found = set()
    for _ in range(10 * ENDPOINTS):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        client.request("GET", "/bench?s=16&id=00000000")
        reply = client.getresponse()
        reply.read()
        client.close()
        found.add((reply.getheader("Set-Cookie") or "").split(";")[0])
    if len(found) != ENDPOINTS or "" in found:
        raise tools.Failed(f"sticky gave out {len(found)} cookies before {ENDPOINTS} endpoints")
    return sorted(found)


def run(session, scenario):
    """{"pkernel": the summary of round_robin, with the others' ratios to it in "balancers"}"""
    ours = next((each for each in session.entrants if isinstance(each, Pkernel)), None)
    if ours is None:
        return {}
    backend, ports = tools.start_backends(session.cpus[1], ENDPOINTS)
    running = []
    try:
        for name in BALANCERS:
            entrant = Balanced(name, ours.build, ports)
            folder = session.folder / f"balancer-{name}"
            running.append(contestants.Running(entrant, "plain", ports[0], session.cpus[0], folder))
        more = [word for each in cookies(running[-1].port) for word in ("--cookie", each)]
        scenario = dataclasses.replace(scenario, load=(*scenario.load, *more))
        course = measure.Course(running, session.cpus, session.progress)
        samples = course.alternate(scenario, session.times)
    finally:
        for each in running:
            each.stop()
        backend.stdout.close()
        processes.stop(backend)
    reference = [scenarios.figure(scenario, sample) for sample in samples[REFERENCE]]
    others = {}
    for name in list(BALANCERS)[1:]:
        own = measure.summary(scenario, samples[name], None)
        pairs = stats.ratios(own["samples"], reference)
        own["ratio"] = stats.median(pairs)
        own["ratio_interval"] = list(stats.interval(pairs))
        others[name] = own
    return {ours.name: measure.summary(scenario, samples[REFERENCE], None) | {"balancers": others}}
