"""The files of a tree, what changed in it, and where it was built."""

import functools
import os
import pathlib
import subprocess

from source import Source

CODE = (".c", ".h", ".cpp", ".hpp")


class Tree:
    def __init__(self, root, build=None, base=None):
        self.root = pathlib.Path(root).resolve()
        self.build = pathlib.Path(build).resolve() if build else self.root / "build"
        self.base = base
        self.notes = []  # What could not be checked, and why.
        self.paths = self._paths()

    def _git(self, *words):
        return subprocess.run(["git", "-C", self.root, *words], capture_output=True, text=True)

    def _paths(self):
        """Relative paths with '/', sorted: tracked and new files, or all where git knows none."""
        if (self.root / ".git").exists():
            listed = self._git("ls-files", "-z", "-co", "--exclude-standard").stdout.split("\0")
        else:
            listed = [
                os.path.relpath(os.path.join(folder, name), self.root)
                for folder, _, names in os.walk(self.root)
                for name in names
            ]
        return sorted({path for path in listed if path and (self.root / path).is_file()})

    def under(self, *folders, ends=CODE):
        """Paths in any of the folders that end in one of `ends`."""
        inside = tuple(folder + "/" for folder in folders)
        return [path for path in self.paths if path.startswith(inside) and path.endswith(ends)]

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        return (self.root / path).read_text(errors="replace")

    @functools.lru_cache(maxsize=None)
    def source(self, path):
        return Source(self.text(path))

    def plugins(self):
        """Names of the plugins: the folders of plugins/ that are built."""
        return sorted(
            {
                path.split("/")[1]
                for path in self.under("plugins", ends="/CMakeLists.txt")
                if path.count("/") == 2
            }
        )

    def changed(self):
        """Paths that differ from the base, the work tree counted."""
        if self.base == "ALL" or not (self.root / ".git").exists():
            return self.paths
        base = self.base or self._default_base()
        if not base:
            self.notes.append("no commit to compare with: all files count as changed")
            return self.paths
        diff = self._git("diff", "--name-only", "-z", base)
        if diff.returncode != 0:
            raise SystemExit(f"tools/check: --base: {diff.stderr.strip()}")
        new = self._git("ls-files", "-z", "-o", "--exclude-standard").stdout
        names = set(diff.stdout.split("\0") + new.split("\0"))
        return [path for path in self.paths if path in names]

    def _default_base(self):
        for name in ("@{upstream}", "origin/HEAD", "origin/main", "origin/master", "HEAD~1"):
            found = self._git("merge-base", "HEAD", name)
            if found.returncode == 0:
                return found.stdout.strip()
        return None
