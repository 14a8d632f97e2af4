"""S13: no spelling of a path brings a request to an origin that reads it as the path that a route denies.

Some 3,000 targets are made of traversals, encodings and separators. What comes through is read again in the ways in
which origins read: none of them may see the denied path where the proxy did not.
"""
import itertools
import re
import socket
import sys
import unittest
from pathlib import Path
from urllib.parse import unquote_to_bytes

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig import http1  # noqa: E402
from rig.pkrig import SLOW, Origin, Proxy  # noqa: E402

OPEN_BELOW_PUBLIC = """
listeners:
  - {{ name: web, address: "127.0.0.1:0" }}
upstreams:
  app: {{ endpoints: [ "127.0.0.1:{port}" ] }}
routes:
  - match: {{ path: /admin }}
    handler: {{ respond: {{ status: 403, body: "denied" }} }}
  - match: {{ path: /public }}
    forward: app
"""
OPEN_ELSEWHERE = OPEN_BELOW_PUBLIC.replace("/public", "/")

# The list of S13, and what each gets where only /public is open.
LISTED = {
    "/public/../admin": {400, 403},
    "/public/%2e%2e/admin": {400, 403},
    "/public/..%2fadmin": {400, 403},
    "/ADMIN": {404},
    "//admin": {403, 404},
    "/admin%00": {400},
    "/admin;x": {403, 404},
    "/public/..;/admin": {400, 403},
    "/%61dmin": {403},
    "/public\\..\\admin": {400, 403, 404},
    "/./admin": {403},
    "/x/%252e%252e/admin": {404},
    "/admin/": {403},
    "/admin/x": {403},
    "/admin%2fx": {403, 404},
    "/admin?x": {403},
    "/admin%3fx": {404},
    "/admin%20": {404},
    "/admin.": {404},
    "/public/%zz": {400},
    "/public/%0d%0aX:%20y": {400},
    "/public/\x7f": {400},
    "/public/..%00/admin": {400},
    "/public/.%2e/admin": {400, 403},
    "/public/%2e./admin": {400, 403},
    "/public/..%5cadmin": {400, 403},
    "/public/x/../../admin": {400, 403},
    "/public//../admin": {400, 403},
    "/public/...//admin": {200},
    "/../admin": {400, 403},
}

HEADS = ("", "/public", "/public/x", "/x", "/public/", "/%70ublic", "/public;a=b", "/PUBLIC")
STEPS = (
    "/..",
    "/%2e%2e",
    "/.%2E",
    "/..;",
    "/..;a=b",
    "/..%3b",
    "%2f..",
    "\\..",
    "%5c..",
    "/..%2f",
    "/..%5c",
    "/.",
    "/%2e",
    "/",
    "%2f",
    "/%252e%252e",
    "/..%c0%af",
    "/..%20",
    "/%09..",
    "/...",
)
TAILS = (
    "/admin",
    "%2fadmin",
    "\\admin",
    "/%61dmin",
    "/admin;x",
    "/admin%2fx",
    "admin",
    "/%2561dmin",
)


def resolve(path):
    """Dot segments resolved; what climbs over the root stays at it, as most origins do."""
    kept = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


def decode(path):
    return unquote_to_bytes(path).decode("latin-1")


def node(path):
    """A WHATWG URL: backslashes are slashes, encoded dots are dots, an encoded slash is none."""
    return resolve(re.sub(r"(?i)%2e", ".", path.replace("\\", "/")))


def php(path):
    """Decoded once, then resolved."""
    return resolve(decode(path))


def windows(path):
    return resolve(decode(path).replace("\\", "/"))


def tomcat(path):
    """Path parameters go first, then it is decoded and resolved."""
    return resolve(decode(re.sub(r";[^/]*", "", path)))


def merging(path):
    """Empty segments count for nothing (nginx)."""
    return resolve(re.sub("/+", "/", decode(path)))


READERS = (resolve, node, php, windows, tomcat, merging)


def is_admin(path):
    return path == "/admin" or path.startswith("/admin/")


def targets():
    """Each once; those that are no request line at all (a space in them) are left out."""
    made = {
        head + "".join(steps) + tail
        for head in HEADS
        for count in (0, 1, 2)
        for steps in itertools.product(STEPS, repeat=count)
        for tail in TAILS
        if count < 2 or (steps[0] in STEPS[:8] and tail in TAILS[:3])
    }
    return sorted(target for target in made if target.startswith("/"))


class Confusion(unittest.TestCase):
    def start(self, config):
        self.origin = Origin().__enter__()
        self.addCleanup(self.origin.__exit__)
        self.proxy = Proxy(config.format(port=self.origin.port))
        self.addCleanup(self.proxy.stop)
        self.sock = None

    def ask(self, target):
        """The status; the connection is kept as long as the proxy keeps it."""
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.proxy.port()), 10 * SLOW)
            self.addCleanup(self.sock.close)
        self.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
        data = bytearray()
        while not (found := http1.read_response(data)):
            more = self.sock.recv(65536)
            self.assertTrue(more, f"{target}: closed without an answer")
            data += more
        if found[0].status == 400:
            self.sock.close()
            self.sock = None
        return found[0].status

    def came_through(self):
        """What the origin has been asked for, without queries."""
        return [head.target.split("?")[0] for head in self.origin.heads]

    def test_what_the_list_names(self):
        self.start(OPEN_BELOW_PUBLIC)
        for target, wanted in LISTED.items():
            with self.subTest(target):
                got = self.ask(target)
                # An origin of the rig knows no /public: its 404 counts as let through.
                through = len(self.origin.heads) > 0
                self.origin.heads.clear()
                self.assertIn(200 if through else got, wanted)

    def hold(self, config, readers):
        self.start(config)
        asked = targets()
        for target in asked:
            self.ask(target)
        wrong = {
            f"{path} is {reader(path)} to {reader.__name__}"
            for path in self.came_through()
            for reader in readers
            if is_admin(reader(path))
        }
        self.assertEqual(sorted(wrong)[:20], [])
        self.assertGreater(len(asked), 3000)
        self.assertGreater(len(self.origin.heads), 100, "hardly anything was let through")

    def test_no_origin_reads_the_denied_path_below_an_open_one(self):
        self.hold(OPEN_BELOW_PUBLIC, READERS)

    def test_nor_where_all_else_is_open(self):
        """Without a second reading of slashes: that is what flags of a path are for, and a rule that reads them."""
        self.hold(OPEN_ELSEWHERE, (resolve, node))


if __name__ == "__main__":
    unittest.main()
