"""All of the rig that a test_*.py needs, under one name."""
from .ports import Full, Refusing, Taken  # noqa: F401
from .procs import alive, children, cpu_seconds, fd_count, pipe_fds, rss_bytes, tree  # noqa: F401
from .proxy import SLOW, Proxy, ProxyError, build_dir, run_to_exit  # noqa: F401
from .apps import NodeApp  # noqa: F401
from .origin import Origin  # noqa: F401
