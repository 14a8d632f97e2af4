"""pkernel, as a user would write its config: our defaults, and one worker unless the scenario is about two."""

import pathlib

from driver import certificate, tools
from driver.contestants import Contestant, route_prefixes, version_of

CONFIG = """listeners:
  - {{ name: web, address: "127.0.0.1:{port}"{tls} }}
upstreams:
  app:
    endpoints: [ "127.0.0.1:{origin}" ]
routes:
{routes}
"""


class Pkernel(Contestant):
    """The build in a folder; another build can stand beside it under a name of its own."""

    variants = (*Contestant.variants, "tls")

    def __init__(self, name="pkernel", build=tools.REPOSITORY / "build", workers=1):
        self.name, self.workers = name, workers
        self.build = pathlib.Path(build).resolve()

    def binary(self):
        return str(self.build / "pkernel")

    def version(self):
        return version_of([self.binary(), "version"], r"(\d+\.\d+\S*)")

    def config(self, variant, port, origin, folder):
        filters = "filters: [ forwarded ], " if variant == "forwarded" else ""
        upgrade = "upgrade: [ websocket ], " if variant == "websocket" else ""
        prefixes = route_prefixes() if variant == "routes" else ["/"]
        routes = "\n".join(
            f"  - {{ match: {{ path: {prefix} }}, {filters}{upgrade}forward: app }}"
            for prefix in prefixes
        )
        tls = ""
        if variant in ("tls", "h2"):
            at = certificate.make(folder)
            tls = f", transport: {{ tls: [ {{ cert: {at}/cert.pem, key: {at}/cert.key }} ] }}"
        if variant == "h2":  # Without a count of requests, as nginx has none here.
            tls += ", codecs: [ http2, http1 ], limits: { streams_total: 1000000000 }"
        return CONFIG.format(tls=tls, port=port, origin=origin, routes=routes)

    def command(self, config, folder):
        return [
            self.binary(),
            "--plugins-dir",
            self.build / "plugins",
            "--config",
            config,
            "--workers",
            self.workers,
        ]
