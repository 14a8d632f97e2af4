"""What the linker made: libraries, hardening, exported symbols (design 3, 4, 7)."""

import re
import subprocess

from rule import Rule

ALLOWED = re.compile(
    r"(libboost_\w+|libspdlog|libfmt|libfyaml|libc|libm|libstdc\+\+|libgcc_s"
    r"|libdl|libpthread|librt|ld-linux-x86-64|ld-linux-aarch64)\.so[.\d]*"
)
ENTRY = "pk_plugin_entry"


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, errors="replace").stdout


def sanitized(tree):
    cache = tree.build / "CMakeCache.txt"
    return cache.is_file() and re.search(r"^PKERNEL_SANITIZE:\w+=\S", cache.read_text(), re.M)


def shown(tree, path):
    return f"{tree.build.name}/{path}"


def files(tree):
    """pkernel and the plugins; what is not built is noted and left out."""
    names = ["pkernel"] + [f"plugins/{name}.so" for name in tree.plugins()]
    missing = [name for name in names if not (tree.build / name).is_file()]
    if missing:
        tree.notes.append(
            f"not built in {tree.build.name}/: {', '.join(missing)}; rules about "
            "them were not checked"
        )
    return [name for name in names if name not in missing]


def linked(tree):
    if sanitized(tree) or "pkernel" not in files(tree):
        return
    binary = str(tree.build / "pkernel")
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-dW", binary))
    whole = re.findall(r"^\s*(?:\S*/)?(\S+?)(?: =>|\s+\()", output("ldd", binary), re.M)
    for library in dict.fromkeys(needed + whole):
        if not ALLOWED.fullmatch(library) and library != "linux-vdso.so.1":
            how = "links" if library in needed else "links, through another library,"
            yield shown(tree, "pkernel"), 0, f"the kernel {how} {library}"


def hardened(tree):
    if sanitized(tree):
        return
    for name in files(tree):
        path = str(tree.build / name)
        header = output("readelf", "-hlW", path)
        dynamic = output("readelf", "-dW", path)
        where = shown(tree, name)
        if not re.search(r"Type:\s+DYN", header):
            yield where, 0, "is not position independent (PIE)"
        if "GNU_RELRO" not in header:
            yield where, 0, "has no RELRO"
        if not re.search(r"BIND_NOW|FLAGS_1\).*\bNOW\b", dynamic):
            yield where, 0, "binds lazily (no BIND_NOW)"
        if re.search(r"GNU_STACK.*RWE", header):
            yield where, 0, "has an executable stack"
        symbols = output("readelf", "--dyn-syms", "-W", path)
        if name == "pkernel" and "__stack_chk_fail" not in symbols:
            yield where, 0, "was built without the stack protector"


def exported(tree):
    if sanitized(tree):
        return
    for name in files(tree):
        if name == "pkernel":
            continue
        lines = output("nm", "-D", "--defined-only", str(tree.build / name)).splitlines()
        symbols = [line.split()[-1].split("@")[0] for line in lines if line]
        if ENTRY not in symbols:
            yield shown(tree, name), 0, f"does not export {ENTRY}"
        for symbol in symbols:
            if symbol != ENTRY:
                yield shown(tree, name), 0, f"exports {symbol}"


RULES = [
    Rule(
        "linked",
        "build/pkernel links Boost, spdlog, fmt, libfyaml and the C and C++ runtime, "
        "directly or through another, and nothing else.",
        linked,
    ),
    Rule(
        "hardened",
        "pkernel and the plugins are PIE with RELRO, BIND_NOW and no executable "
        "stack; pkernel calls the stack protector.",
        hardened,
    ),
    Rule("exported", f"A plugin exports {ENTRY} and nothing else.", exported),
]
