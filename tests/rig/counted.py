"""The engine with malloc_count.c before its C library: what the process took from the heap and moved
by splice, from its start to its end. Of no use with sanitizers, which have an allocator of their own.
"""
import subprocess
from pathlib import Path

from .proxy import Proxy


class Counter:
    """Built once into `folder`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.library = self.folder / "malloc_count.so"
        source = Path(__file__).with_name("malloc_count.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", self.library, source], check=True)

    def run(self, config, use, splice_pause=0):
        """Counts while `use(port)` runs. `splice_pause`: microseconds that each splice takes longer, so
        that both its peers are always ahead of the proxy."""
        counted = self.folder / "count"
        counted.unlink(missing_ok=True)
        env = {"LD_PRELOAD": str(self.library), "PKRIG_MALLOC_COUNT": str(counted)}
        if splice_pause:
            env["PKRIG_SPLICE_PAUSE"] = str(splice_pause)
        with Proxy(config, args=["--single-process"], env=env) as proxy:
            use(proxy.port())
        return dict(pair.split("=") for pair in counted.read_text().split())
