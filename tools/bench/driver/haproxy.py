"""HAProxy, one thread. It keeps and shares connections to the origin (`http-reuse always`)."""

from driver import certificate
from driver.contestants import Contestant, route_prefixes, version_of

FORWARDED = """
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Real-IP %[src]"""

CONFIG = """
global
    nbthread 1
    maxconn 8500
    maxpipes 128
    ulimit-n 20000

defaults
    mode http
    option splice-response
    http-reuse always
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout tunnel 1h
    timeout http-keep-alive 300s

frontend web
    bind 127.0.0.1:{port} backlog 4096{tls}{forwarded}
    {choice}

backend app
    server origin 127.0.0.1:{origin}
"""


class Haproxy(Contestant):
    name = "haproxy"
    package = "haproxy"
    variants = (*Contestant.variants, "tls")

    def version(self):
        return version_of(["haproxy", "-v"], r"version ([\d.]+)")

    def config(self, variant, port, origin, folder):
        choice = "default_backend app"
        if variant == "routes":
            lines = folder / "routes.map"
            lines.write_text("".join(f"{prefix} app\n" for prefix in route_prefixes()))
            choice = f"use_backend %[path,map_beg({lines})]"
        return CONFIG.format(
            port=port,
            origin=origin,
            choice=choice,
            tls=self.tls(variant, folder),
            forwarded=FORWARDED if variant == "forwarded" else "",
        )

    @staticmethod
    def tls(variant, folder):
        if variant not in ("tls", "h2"):
            return ""
        own = f" ssl crt {certificate.make(folder)}/both.pem"
        return own + " alpn h2,http/1.1" if variant == "h2" else own

    def command(self, config, folder):
        return ["haproxy", "-db", "-f", config]
