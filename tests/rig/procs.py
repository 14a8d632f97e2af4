"""What /proc says about a process and its descendants: memory, descriptors, who is who."""
import os
import resource
import signal
import time


def may_have_descriptors(wanted):
    """Lets this process and what it starts have so many, or as many as the system allows: how many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        return wanted
    except (ValueError, OSError):  # Without CAP_SYS_RESOURCE.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard


def children(pid):
    found = []
    for task in _listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return found


def _listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def tree(pid):
    """`pid` and all below it."""
    pids = [pid]
    for child in children(pid):
        pids += tree(child)
    return pids


def rss_bytes(pid):
    """Resident memory of the tree; pages of mapped files that several share count once a process."""
    total = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/statm") as file:
                total += int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            pass
    return total


def pipe_fds(pid):
    """Descriptors of pipes in the tree, as in fd_count."""
    found = 0
    for one in tree(pid):
        for fd in _listdir(f"/proc/{one}/fd"):
            try:
                found += os.readlink(f"/proc/{one}/fd/{fd}").startswith("pipe:")
            except OSError:
                pass
    return found


def fd_count(pid):
    return sum(len(_listdir(f"/proc/{one}/fd")) for one in tree(pid))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def cpu_seconds(pid):
    """What the tree has used, in user and system mode."""
    total = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/stat") as file:
                words = file.read().rsplit(")", 1)[1].split()
                total += int(words[11]) + int(words[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def stop(pid):
    """SIGSTOP; returns when none of its threads runs any more."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while any(_state(pid, task) != "T" for task in _listdir(f"/proc/{pid}/task")):
        assert time.monotonic() < deadline, f"{pid} does not stop"
        time.sleep(0.001)


def _state(pid, task):
    try:
        with open(f"/proc/{pid}/task/{task}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "T"  # It has ended.
