"""A name server that says whatever a test wants: `liar.zone["app.test"] = good("127.0.0.2", ttl=1)`.

A lie is a function from a Query to the messages that are sent back, none for silence. UDP and TCP, same port.
"""
import ipaddress
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

A, CNAME, AAAA = 1, 5, 28


@dataclass
class Query:
    raw: bytes
    name: str
    type: int
    source: int  # port
    tcp: bool
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self):
        return struct.unpack("!H", self.raw[:2])[0]

    def reply(self, records=(), rcode=0, flags=0, number=None, question=None):
        """records: (name, type, ttl, data)."""
        head = struct.pack(
            "!6H",
            self.id if number is None else number,
            0x8180 | flags | rcode,
            1,
            len(records),
            0,
            0,
        )
        name, kind = question or (self.name, self.type)
        body = encode(name) + struct.pack("!2H", kind, 1)
        for owner, kind, ttl, data in records:
            body += encode(owner) + struct.pack("!2HIH", kind, 1, ttl, len(data)) + data
        return head + body


def encode(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + b"\0"


def decode(raw, at=12):
    labels = []
    while raw[at]:
        labels.append(raw[at + 1 : at + 1 + raw[at]].decode())
        at += 1 + raw[at]
    return ".".join(labels), struct.unpack("!H", raw[at + 1 : at + 3])[0]


def records_of(name, addresses, ttl, kind):
    all_of_kind = (ipaddress.ip_address(a) for a in addresses)
    version = {A: 4, AAAA: 6}.get(kind)
    return [(name, kind, ttl, a.packed) for a in all_of_kind if a.version == version]


def good(*addresses, ttl=1):
    return lambda q: [q.reply(records_of(q.name, addresses, ttl, q.type))]


def code(rcode):
    return lambda q: [q.reply(rcode=rcode)]


empty, servfail, nxdomain, refused = code(0), code(2), code(3), code(5)


def silent(_):
    return []


class Liar:
    """`with Liar() as liar:`; names that its zone does not have do not exist."""

    def __init__(self, host="127.0.0.1", port=0):
        self.zone, self.queries, self.lock = {}, [], threading.Lock()
        self.tcp = socket.create_server((host, port))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((host, self.port))
        self.address = f"{host}:{self.port}"

    def __enter__(self):
        self.ended = False
        self.udp.settimeout(0.05)
        self.tcp.settimeout(0.05)
        self.threads = [threading.Thread(target=w, daemon=True) for w in (self._udp, self._tcp)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        for thread in self.threads:
            thread.join(10)
        self.udp.close()
        self.tcp.close()

    def asked(self, name, kind=None):
        with self.lock:
            return [q for q in self.queries if q.name == name and kind in (None, q.type)]

    def _answers(self, raw, source, tcp):
        name, kind = decode(raw)
        query = Query(raw, name, kind, source, tcp)
        with self.lock:
            self.queries.append(query)
        return self.zone.get(name.lower(), nxdomain)(query)

    def _udp(self):
        while not self.ended:
            try:
                raw, peer = self.udp.recvfrom(4096)
            except TimeoutError:
                continue
            for message in self._answers(raw, peer[1], False):
                self.udp.sendto(message, peer)

    def _tcp(self):
        while not self.ended:
            try:
                conn, peer = self.tcp.accept()
            except TimeoutError:
                continue
            with conn:
                conn.settimeout(2)
                try:
                    size = struct.unpack("!H", conn.recv(2, socket.MSG_WAITALL))[0]
                    raw = conn.recv(size, socket.MSG_WAITALL)
                    for message in self._answers(raw, peer[1], True):
                        conn.sendall(struct.pack("!H", len(message)) + message)
                    conn.recv(1)  # Until the client closes.
                except (OSError, struct.error):
                    pass
