"""Apache with the event MPM, one process: a thread for each request that is under way."""

import os

from driver.contestants import Contestant, route_prefixes, version_of

MODULES = "/usr/lib/apache2/modules"
NAMES = "mpm_event authz_core proxy proxy_http headers".split()

FORWARDED = """
RequestHeader set X-Forwarded-Proto http
RequestHeader set X-Real-IP expr=%{REMOTE_ADDR}"""

CONFIG = """
{modules}
ServerRoot {folder}
ServerName bench.local
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LogLevel crit
{user}
Listen 127.0.0.1:{port}
ListenBacklog 4096
StartServers 1
ServerLimit 1
ThreadLimit 256
ThreadsPerChild 256
MaxRequestWorkers 256
AsyncRequestWorkerFactor 100
MaxConnectionsPerChild 0
MaxKeepAliveRequests 0
KeepAlive On
KeepAliveTimeout 300
ProxyPreserveHost On
ProxyAddHeaders {add}{forwarded}
{passes}
"""


class Apache(Contestant):
    name = "apache2"
    package = "apache2-bin"

    def version(self):
        return version_of(["apache2", "-v"], r"Apache/([\d.]+)")

    def config(self, variant, port, origin, folder):
        prefixes = route_prefixes() if variant == "routes" else ["/"]
        passes = "\n".join(
            f"ProxyPass {prefix} http://127.0.0.1:{origin}{prefix} keepalive=On"
            for prefix in prefixes
        )
        return CONFIG.format(
            modules="\n".join(f"LoadModule {n}_module {MODULES}/mod_{n}.so" for n in NAMES),
            folder=folder,
            port=port,
            passes=passes,
            user="User www-data\nGroup www-data" if os.getuid() == 0 else "",
            add="On" if variant == "forwarded" else "Off",
            forwarded=FORWARDED if variant == "forwarded" else "",
        )

    def command(self, config, folder):
        return ["apache2", "-DFOREGROUND", "-f", config]
