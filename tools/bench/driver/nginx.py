"""nginx, tuned: no tcp_nopush, kept connections on both sides without a count, bodies in memory."""

import os

from driver import certificate
from driver.contestants import Contestant, route_prefixes, version_of

FORWARDED = """
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Real-IP $remote_addr;"""

UPGRADE = """
    proxy_set_header Upgrade $http_upgrade;"""

# Mozilla "intermediate", as ours; tickets are on by default.
TLS = """ ssl;
        ssl_certificate {cert}/cert.pem;
        ssl_certificate_key {cert}/cert.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ecdh_curve X25519:prime256v1:secp384r1;
        ssl_prefer_server_ciphers off"""

CONFIG = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 18000; }}
http {{
    access_log off;
    tcp_nopush off;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_body_buffer_size 128k;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "{connection}";{upgrade}
    proxy_set_header Host $http_host;{forwarded}
    proxy_max_temp_file_size 0;
    proxy_buffer_size 32k;
    proxy_buffers 8 32k;
    proxy_busy_buffers_size 128k;
    upstream app {{
        server 127.0.0.1:{origin};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 300s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
{locations}
    }}
}}
"""


class Nginx(Contestant):
    name = "nginx"
    package = "nginx"
    variants = (*Contestant.variants, "tls")

    def version(self):
        return version_of(["nginx", "-v"], r"nginx/([\d.]+)")

    def config(self, variant, port, origin, folder):
        prefixes = route_prefixes() if variant == "routes" else ["/"]
        locations = "\n".join(
            f"        location {prefix} {{ proxy_pass http://app; }}" for prefix in prefixes
        )
        return CONFIG.format(
            folder=folder,
            port=port,
            origin=origin,
            locations=locations,
            tls=self.tls(variant, folder),
            user="user root;" if os.getuid() == 0 else "",
            connection="upgrade" if variant == "websocket" else "",
            upgrade=UPGRADE if variant == "websocket" else "",
            forwarded=FORWARDED if variant == "forwarded" else "",
        )

    @staticmethod
    def tls(variant, folder):
        if variant not in ("tls", "h2"):
            return ""
        own = TLS.format(cert=certificate.make(folder))
        return own.replace(" ssl;", " ssl http2;") if variant == "h2" else own

    def command(self, config, folder):
        return ["nginx", "-p", folder, "-e", folder / "error.log", "-c", config]
