"""A small tree that breaks no rule of tools/check, for tests to break in one place."""

FILES = {
    "CMakeLists.txt": "\n".join(
        f"pkernel_layer({name} LIBS pkernel_{before})"
        for before, name in zip(
            ["sdk", "base", "config", "plugin", "net", "http", "upstream", "route", "stream"],
            ["base", "config", "plugin", "net", "http", "upstream", "route", "stream", "runtime"],
        )
    ).replace("LIBS pkernel_sdk", "LIBS pkernel::sdk")
    + "\n",
    "kernel/base/text.hpp": "#pragma once\n#include <string>\n",
    "kernel/net/socket.hpp": '#pragma once\n#include "kernel/base/text.hpp"\n',
    "kernel/net/socket.cpp": """\
#include "kernel/net/socket.hpp"

#include <boost/asio/io_context.hpp>

#include "pkernel/abi/base.h"

// Names no plugin: zip_it is in a comment only, and forwarded is a word.
const char* text() { return "it is forwarded as it came"; }
const char quote = '"';
int digits() { return 10'000; }
""",
    "kernel/stream/flow.cpp": '#include "kernel/net/socket.hpp"\n',
    "kernel/main.cpp": '#include "kernel/net/socket.hpp"\n\nint main() { return 0; }\n',
    "sdk/include/pkernel/abi/base.h": "#include <stdint.h>\ntypedef uint32_t pk_status;\n",
    "sdk/include/pkernel/text.hpp": '#include <string>\n\n#include "pkernel/abi/base.h"\n',
    "sdk/testing/src/main.cpp": "#include <boost/test/unit_test.hpp>\n",
    "plugins/CMakeLists.txt": "# each folder\n",
    "plugins/zip_it/CMakeLists.txt": "pkernel_plugin(zip_it zip_it.cpp)\n"
    "pkernel_plugin_test(zip_it zip_it_test.cpp)\n",
    "plugins/zip_it/zip_it.cpp": '#include <zlib.h>\n\n#include <pkernel/text.hpp>\n\n'
    '#include "level.hpp"\n',
    "plugins/zip_it/level.hpp": "#pragma once\n",
    "plugins/zip_it/zip_it_test.cpp": "#include <pkernel/testing.hpp>\n",
    "plugins/zip_it/README.md": "# zip_it\n",
    "plugins/forwarded/CMakeLists.txt": "pkernel_plugin(forwarded forwarded.cpp)\n"
    "pkernel_plugin_test(forwarded forwarded_test.cpp)\n",
    "plugins/forwarded/forwarded.cpp": "#include <pkernel/text.hpp>\n",
    "plugins/forwarded/forwarded_test.cpp": "#include <pkernel/testing.hpp>\n",
    "plugins/forwarded/README.md": "# forwarded\n",
    "conf/demo.yaml": "routes:\n  - filters: [ forwarded, zip_it ]\n",
    "tests/integration/test_configs.py": 'load("demo.yaml")\n',
    "docs/invariants.md": "| links nothing | `tools/check.d/exceptions` |\n",
    "tools/check.d/exceptions": "# none\n",
}


def write(root, edits):
    """The tree with `edits`: path to text, or to None for a file that is not there."""
    for path, text in (FILES | edits).items():
        if text is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
