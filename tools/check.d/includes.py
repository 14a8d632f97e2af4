"""Who may include whom (design 3, 4 and 6)."""

import posixpath
import re

from rule import Rule

LAYERS = ["base", "config", "plugin", "net", "http", "upstream", "route", "stream", "runtime"]
PLUGIN_LIBRARIES = (
    "openssl/",
    "zlib.h",
    "zstd.h",
    "nghttp2/",
    "re2/",
    "ares.h",
    "maxminddb.h",
    "hiredis/",
    "brotli/",
    "pcre",
)
SDK_C_HEADERS = {"stdint.h", "stddef.h", "limits.h", "string.h"}


def resolve(path, sign, target, tree):
    """Where an include leads, relative to the root, if it is in the tree as a neighbour of `path`;
    else as it is written."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if sign == '"' and (tree.root / beside).is_file():
        return beside
    return target


def edges(tree, *folders):
    for path in tree.under(*folders):
        for line, sign, target in tree.source(path).includes:
            yield path, line, sign, target, resolve(path, sign, target, tree)


def layer_edges(tree):
    for path, line, _, target, to in edges(tree, "kernel"):
        parts = path.split("/")
        if to.startswith(("plugins/", "tests/", "sdk/", "tools/")):
            yield path, line, f"the kernel does not include {target}"
        if len(parts) < 3 or not to.startswith("kernel/"):
            continue
        here, there = parts[1], to.split("/")[1]
        if here not in LAYERS:
            yield path, line, f"kernel/{here} is no layer"
        elif there not in LAYERS or LAYERS.index(there) > LAYERS.index(here):
            yield path, line, f"layer {here} does not include {there}: {target}"


def layer_list(tree):
    if "CMakeLists.txt" not in tree.paths:
        return
    text = tree.text("CMakeLists.txt")
    found = [
        (m[1], m[2], text.count("\n", 0, m.start()) + 1)
        for m in re.finditer(r"^pkernel_layer\((\w+)([^)]*)\)", text, re.M)
    ]
    if [name for name, _, _ in found] != LAYERS:
        line = found[0][2] if found else 1
        yield "CMakeLists.txt", line, f"the layers are, in this order: {' '.join(LAYERS)}"
    for name, libraries, line in found:
        for other in re.findall(r"\bpkernel_(\w+)", libraries):
            if name in LAYERS and other in LAYERS[LAYERS.index(name) :]:
                yield "CMakeLists.txt", line, f"layer {name} does not link {other}"


def sdk_edges(tree):
    for path, line, sign, target, to in edges(tree, "sdk"):
        public = path.startswith("sdk/include/")
        if to.startswith(("kernel/", "plugins/")):
            yield path, line, f"the SDK does not include {target}"
        elif path.startswith("sdk/include/pkernel/abi/"):
            own = to.startswith(("pkernel/abi/", "sdk/include/pkernel/abi/"))
            if not own and target not in SDK_C_HEADERS:
                yield path, line, f"the ABI includes its own headers and C's only, not {target}"
        elif public and sign == "<" and target.startswith(("boost/", "spdlog/", "fmt/")):
            yield path, line, f"headers of the SDK need no library: {target}"


def kernel_sdk_edges(tree):
    for path, line, _, target, to in edges(tree, "kernel"):
        if to.startswith("pkernel/") and not to.startswith("pkernel/abi/"):
            yield path, line, f"the kernel knows the SDK's C headers only, not {target}"


def plugin_edges(tree):
    for path, line, sign, target, to in edges(tree, "plugins"):
        name = path.split("/")[1]
        own = f"plugins/{name}/"
        if to.startswith("kernel/"):
            yield path, line, f"plugins know the SDK only, not {target}"
        elif to.startswith("plugins/") and not to.startswith(own):
            yield path, line, f"no plugin includes another: {target}"
        elif sign == '"' and not to.startswith(("pkernel/", own)):
            yield path, line, f"neither the SDK's nor of this plugin: {target}"


def library_edges(tree):
    for path, line, _, target, _ in edges(tree, "kernel"):
        layer = path.split("/")[1]
        if target.startswith(PLUGIN_LIBRARIES):
            yield path, line, f"a library that only plugins may use: {target}"
        if re.match(r"(boost/)?asio\b", target) and layer not in ("net", "runtime"):
            yield path, line, f"Asio is included in net/ and runtime/ only: {target}"


RULES = [
    Rule(
        "layers",
        "A layer of kernel/ includes itself and those before it: " + " <- ".join(LAYERS) + ".",
        layer_edges,
    ),
    Rule(
        "layer-list",
        "CMakeLists.txt names the layers in that order, each linked to earlier " "ones only.",
        layer_list,
    ),
    Rule(
        "sdk-includes",
        "sdk/ includes nothing of kernel/ or plugins/; its headers need no "
        "library, those of the ABI nothing but each other and C.",
        sdk_edges,
    ),
    Rule("kernel-sdk", "kernel/ includes of the SDK pkernel/abi/ only.", kernel_sdk_edges),
    Rule(
        "plugin-includes",
        "A plugin includes the SDK, its libraries and its own files; never the "
        "kernel or another plugin.",
        plugin_edges,
    ),
    Rule(
        "kernel-libraries",
        "kernel/ includes no library that belongs to plugins (OpenSSL, zlib, "
        "zstd, nghttp2...), and Asio in net/ and runtime/ only.",
        library_edges,
    ),
]
