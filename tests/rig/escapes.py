"""Bytes as readable text and back: the notation of .conv files.

    ⏎ or ␍␊     CR LF            \\r \\n \\t \\0 \\\\ \\"    as in C
    \\s          a space (for the end of a line)
    \\xHH        one byte         {{a*1000}}   the text `a`, 1000 times
Everything else stands for its UTF-8 bytes.
"""
import re

_SIMPLE = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"', "s": b" "}
_TOKEN = re.compile(r"\{\{(.*?)\*(\d+)\}\}|\\x([0-9a-fA-F]{2})|\\(.)|(⏎|␍␊)|([^\\⏎␍{]+|.)", re.S)


def to_bytes(text):
    out = bytearray()
    for many, times, hexa, simple, crlf, plain in _TOKEN.findall(text):
        if times:
            out += to_bytes(many) * int(times)
        elif hexa:
            out.append(int(hexa, 16))
        elif simple:
            if simple not in _SIMPLE:
                raise ValueError(f"unknown escape \\{simple}")
            out += _SIMPLE[simple]
        elif crlf:
            out += b"\r\n"
        else:
            out += plain.encode()
    return bytes(out)


def to_text(data, limit=2000):
    """The reverse, one line of text a CR LF: for messages, never parsed again."""
    data = bytes(data)
    tail = f"… ({len(data)} bytes in all)" if len(data) > limit else ""
    out = []
    for byte in data[:limit].replace(b"\r\n", b"\xff\xfe"):
        if byte == 0xFF:
            out.append("⏎\n")
        elif byte == 0xFE and out and out[-1] == "⏎\n":
            pass
        elif byte == 0x0D:
            out.append("\\r")
        elif byte == 0x0A:
            out.append("\\n\n")
        elif byte == 0x5C:
            out.append("\\\\")
        elif 0x20 <= byte < 0x7F:
            out.append(chr(byte))
        else:
            out.append(f"\\x{byte:02x}")
    return ("".join(out) + tail).rstrip("\n")


def indented(data, mark):
    """`data` as text with `mark` before each line."""
    return "\n".join(mark + line for line in to_text(data).split("\n"))
