"""h2o, one thread. It cannot set X-Forwarded-Host or X-Real-IP without mruby, so S1f is not for it."""

import os

from driver.contestants import Contestant, route_prefixes, version_of

CONFIG = """num-threads: 1
max-connections: 18000
http1-request-timeout: 300
pid-file: {folder}/h2o.pid
error-log: {folder}/error.log
{user}listen: {{ host: 127.0.0.1, port: {port} }}
hosts:
  default:
    proxy.preserve-host: ON
    proxy.timeout.keepalive: 300000
    paths:
{paths}
"""


class H2o(Contestant):
    name = "h2o"
    package = "h2o"
    variants = ("plain", "post", "routes")

    def version(self):
        return version_of(["h2o", "--version"], r"version ([\d.]+)")

    def config(self, variant, port, origin, folder):
        prefixes = route_prefixes() if variant == "routes" else ["/"]
        paths = "\n".join(
            f'      "{prefix}": {{ proxy.reverse.url: "http://127.0.0.1:{origin}{prefix}" }}'
            for prefix in prefixes
        )
        user = "user: root\n" if os.getuid() == 0 else ""
        return CONFIG.format(folder=folder, port=port, paths=paths, user=user)

    def command(self, config, folder):
        return ["h2o", "-m", "worker", "-c", config]
