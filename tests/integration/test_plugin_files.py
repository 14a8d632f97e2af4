"""F34, S45: plugin files that cannot be used. Exit code 3 and one sentence that names the file, before any of its code runs.

The broken files are made of respond.so; what only a compiler can make (a constructor that crashes, init that
throws) is in tests/unit/plugin.
"""
import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.pkrig import Proxy, build_dir, run_to_exit  # noqa: E402

CONFIG = """
listeners:
  - { name: web, address: "127.0.0.1:0" }
routes:
  - match: { path: / }
    handler: { respond: { status: 200, body: "ok" } }
"""
INSECURE = "--allow-insecure-plugins-dir lets it pass"
NOTE_MAGIC = struct.pack("<I", 0x6C6E726B)


class Folder(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="pkrig-plugins-"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.dir.chmod(0o755)
        self.good = (build_dir() / "plugins" / "respond.so").read_bytes()
        self.file = self.dir / "respond.so"

    def put(self, data, mode=0o755):
        self.file.write_bytes(data)
        self.file.chmod(mode)

    def patched(self, at, data):
        return self.good[:at] + data + self.good[at + len(data) :]

    def note(self):
        """Where the plugin's note begins."""
        at = self.good.index(NOTE_MAGIC)
        while struct.unpack_from("<I", self.good, at + 4)[0] > 4096:
            at = self.good.index(NOTE_MAGIC, at + 1)
        return at

    def refused(self, sentence, hint=""):
        """Exit 3, and exactly one error, which reads so ($F: the file, $D: its directory), with this below it."""
        for command in ([], ["validate"]):
            code, err, out = run_to_exit(CONFIG, ["--plugins-dir", str(self.dir), *command])
            self.assertEqual(code, 3, err + out)
            errors = [line for line in (err + out).splitlines() if "error[E" in line]
            self.assertEqual(len(errors), 1, err + out)
            want = (
                re.escape(sentence)
                .replace(r"\$F", re.escape(str(self.file)))
                .replace(r"\$D", re.escape(str(self.dir)))
            )
            want = want.replace(r"\.\.\.", ".*")
            self.assertRegex(errors[0], r"pk\.yaml:6:16: error\[E04\d\d\]: " + want + "$")
            self.assertIn(f"^~~~~~~ {hint}" if hint else "^~~~~~~\n", err + out)


class Broken(Folder):
    def test_missing(self):
        self.refused("'respond' needs plugins/respond.so, which is not in $D")

    def test_missing_with_a_name_that_is_near(self):
        (self.dir / "respnod.so").write_bytes(self.good)
        self.refused(
            "'respond' needs plugins/respond.so, which is not in $D", "did you mean 'respnod'?"
        )

    def test_empty(self):
        self.put(b"")
        self.refused("$F is empty")

    def test_text(self):
        self.put(b"#!/bin/sh\necho I am a plugin\n")
        self.refused("$F is a text file, not a shared library")

    def test_bytes(self):
        self.put(bytes(range(256)) * 100)
        self.refused("$F is not an ELF file, so not a shared library")

    def test_truncated(self):
        for size in (3, 15, 40, 100, 1000, len(self.good) // 2, len(self.good) - 1):
            with self.subTest(size):
                self.put(self.good[:size])
                self.refused("$F is ...")

    def test_another_machine(self):
        self.put(self.patched(18, struct.pack("<H", 183)))
        self.refused("$F is built for aarch64; this kernel runs on x86-64")

    def test_32_bits(self):
        self.put(self.patched(4, b"\1"))
        self.refused("$F is not a 64-bit library, which this kernel needs")

    def test_a_program(self):
        self.put(self.patched(16, struct.pack("<H", 2)))
        self.refused("$F is not a shared library (its ELF type is 2)")

    def test_a_library_that_is_no_plugin(self):
        self.put(self.good.replace(b"pkernel\0", b"qkernel\0"))
        self.refused(
            "$F carries no plugin note: it is a library, but not a plugin built with the SDK"
        )

    def test_another_abi(self):
        at = self.note()
        self.put(self.patched(at + 8, struct.pack("<I", 999)))
        self.refused("$F is built for plugin ABI 999.0; this kernel speaks ...")
        self.put(self.patched(at + 12, struct.pack("<I", 999)))
        self.refused("$F needs plugin ABI ....999...")

    def test_another_name(self):
        at = self.note() + 16
        self.assertEqual(self.good[at : at + 8], b"respond\0")
        self.put(self.patched(at, b"somebody"))
        self.refused("$F ...")

    def damage(self, places):
        """One byte at a time: refused in a sentence, or harmless."""
        for place in places:
            for value in {0x00, 0xFF} - {self.good[place]}:
                self.put(self.patched(place, bytes([value])))
                code, err, out = run_to_exit(CONFIG, ["--plugins-dir", str(self.dir), "validate"])
                self.assertIn(code, (0, 3), f"byte {place} is {value:#x}\n{err}{out}")

    def test_damage_of_the_header_and_the_note_never_crashes(self):
        self.damage([*range(0, 64, 3), *range(self.note() - 24, self.note() + 400, 31)])

    def test_damage_of_the_program_headers_never_crashes(self):
        self.damage(range(64, 64 + 5 * 56, 23))

    def test_a_directory_and_a_fifo(self):
        self.file.mkdir()
        self.refused("$F ...")
        self.file.rmdir()
        os.mkfifo(self.file)
        self.refused("$F is not a regular file")

    def test_no_directory(self):
        shutil.rmtree(self.dir)
        self.refused(
            "'respond' needs plugins/respond.so, but the directory $D does not exist",
            "--plugins-dir says where plugins are",
        )

    def test_one_that_nothing_names_may_be_broken(self):
        self.put(self.good)
        (self.dir / "other.so").write_bytes(b"")
        code, err, out = run_to_exit(CONFIG, ["--plugins-dir", str(self.dir), "validate"])
        self.assertEqual(code, 0, err + out)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Trust(Folder):
    """S45: only root and we ourselves may have written what is loaded."""

    def let_pass(self):
        code, err, out = run_to_exit(
            CONFIG, ["--plugins-dir", str(self.dir), "--allow-insecure-plugins-dir", "validate"]
        )
        self.assertEqual(code, 0, err + out)

    def test_a_directory_that_others_may_write(self):
        self.put(self.good)
        self.dir.chmod(0o777)
        self.refused("plugins directory $D is writable by others", INSECURE)
        self.let_pass()

    def test_a_file_that_others_may_write(self):
        self.put(self.good, 0o666)
        self.refused("$F is writable by others", INSECURE)
        self.let_pass()

    def test_a_file_of_another_user(self):
        self.put(self.good)
        os.chown(self.file, 12345, 12345)
        self.refused("$F belongs to user id 12345, ...", INSECURE)
        self.let_pass()

    def test_a_link_out_of_the_directory(self):
        with tempfile.TemporaryDirectory() as other:
            elsewhere = Path(other) / "respond.so"
            elsewhere.write_bytes(self.good)
            self.file.symlink_to(elsewhere)
            self.refused(f"$F is a symbolic link out of its directory, to {elsewhere}", INSECURE)

    def test_a_link_inside_is_fine(self):
        (self.dir / "respond-1.0.so").write_bytes(self.good)
        self.file.symlink_to("respond-1.0.so")
        code, err, out = run_to_exit(CONFIG, ["--plugins-dir", str(self.dir), "validate"])
        self.assertEqual(code, 0, err + out)


class Replaced(Folder):
    """F35: what happens to the file under a running proxy does not happen to the proxy."""

    def test_overwritten_truncated_and_removed(self):
        self.put(self.good)
        with Proxy(CONFIG, args=["--plugins-dir", str(self.dir)]) as proxy:
            for act in (
                lambda: self.put(b"\0" * len(self.good)),
                lambda: self.put(b""),
                self.file.unlink,
            ):
                act()
                with socket.create_connection(("127.0.0.1", proxy.port()), 5) as sock:
                    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 200"))


if __name__ == "__main__":
    unittest.main()
