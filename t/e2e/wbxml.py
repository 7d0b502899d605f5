"""A WBXML codec for the tests, written apart from the one in C: both have only the table of tokens in common with the specification.

An element is a tuple (name, content): name is "Page:Tag"; content is None (empty tag), a str, bytes (OPAQUE), or a list of elements.
"""
import csv
import pathlib

_TOKENS, _NAMES = {}, {}
with open(pathlib.Path(__file__).with_name("codepages.tsv"), encoding="utf-8") as table:
    for row in csv.DictReader(table, delimiter="\t"):
        page, token = int(row["page"]), int(row["token"], 16)
        _TOKENS.setdefault(f'{row["page_name"]}:{row["tag"]}', (page, token))
        _NAMES.setdefault((page, token), f'{row["page_name"]}:{row["tag"]}')

HEADER = bytes([0x03, 0x01, 0x6A, 0x00])


class Malformed(Exception):
    pass


def _length(n):
    out = [n & 0x7F]
    while n := n >> 7:
        out.append(n & 0x7F | 0x80)
    return bytes(reversed(out))


def encode(element):
    out, page = bytearray(HEADER), 0

    def put(name, content):
        nonlocal page
        p, token = _TOKENS[name]
        if p != page:
            out.extend((0x00, p))
            page = p
        if content is None:
            out.append(token)
            return
        out.append(token | 0x40)
        if isinstance(content, str):
            out.extend(b"\x03" + content.encode() + b"\x00")
        elif isinstance(content, (bytes, bytearray)):
            out.extend(b"\xC3" + _length(len(content)) + content)
        else:
            for child in content:
                put(*child)
        out.append(0x01)

    put(*element)
    return bytes(out)


def decode(data):
    if data[:4] != HEADER:
        raise Malformed("no WBXML header")
    at, page = 4, 0

    def byte():
        nonlocal at
        if at >= len(data):
            raise Malformed("ends early")
        at += 1
        return data[at - 1]

    def number():
        n = 0
        while True:
            b = byte()
            n = n << 7 | b & 0x7F
            if not b & 0x80:
                return n

    def content():
        nonlocal at, page
        children, text, opaque = [], [], []
        while True:
            b = byte()
            if b == 0x00:
                page = byte()
            elif b == 0x01:
                break
            elif b == 0x03:
                end = data.index(b"\x00", at)
                text.append(data[at:end].decode())
                at = end + 1
            elif b == 0xC3:
                n = number()
                if at + n > len(data):
                    raise Malformed("opaque beyond the end")
                opaque.append(data[at:at + n])
                at += n
            else:
                children.append(element(b))
        if children:
            return children
        if opaque:
            return b"".join(opaque)
        return "".join(text)

    def element(b):
        if b & 0x80:
            raise Malformed("attributes")
        name = _NAMES.get((page, b & 0x3F))
        if name is None:
            raise Malformed(f"unknown token {page}:{b & 0x3F:#x}")
        return (name, content() if b & 0x40 else None)

    b = byte()
    while b == 0x00:
        page = byte()
        b = byte()
    root = element(b)
    while at < len(data):       # page switches only
        if byte() != 0x00:
            raise Malformed("bytes behind the root")
        byte()
    return root


# ---- looking into a tree ----

def children(element, name=None):
    content = element[1] if element else None
    if not isinstance(content, list):
        return []
    return [c for c in content if name is None or c[0] == name]


def find(element, *path):
    """The first element along the path, or None."""
    for name in path:
        element = next(iter(children(element, name)), None)
        if element is None:
            return None
    return element


def text(element, *path):
    """Its text; None if it is absent; "" if it is empty."""
    found = find(element, *path)
    if found is None:
        return None
    return "" if found[1] is None else found[1]


def to_xml(element, indent=0):
    name, content = element
    pad = "  " * indent
    if content is None:
        return f"{pad}<{name}/>\n"
    if isinstance(content, list):
        return f"{pad}<{name}>\n" + "".join(to_xml(c, indent + 1) for c in content) + f"{pad}</{name}>\n"
    return f"{pad}<{name}>{content!r}</{name}>\n"
