"""Every key that the configuration can have is in doc/configuration.md, under its section and with its default; and nothing else is.

    configuration.py ROOT          prints what is wrong, and fails if anything is
    configuration.py --self-test   shows on made-up files that it finds what it should and nothing else

The keys are read from the tables of `struct conf_row` in the sources. A table that is not listed below is an error, too.
"""
import pathlib
import re
import sys
import tempfile

# file, name of the table in it: the sections that it is bound to
TABLES = {
    ("fcgi/generation.c", "rows"): ["server"],
    ("state/config.c", "rows"): ["state"],
    ("backend/registry.c", "rows"): ["backends"],
    ("backend/imap/module.c", "rows"): ["imap"],
    ("backend/dav/config.c", "rows"): ["caldav", "carddav"],
    ("backend/local/module.c", "rows"): ["local"],
    ("eas/config.c", "rows"): ["eas"],
    ("eas/config.c", "ceiling_rows"): ["user NAME", "device ID"],
    ("eas/trace.c", "rows"): ["trace NAME"],
}
ROOT = pathlib.Path(__file__).resolve().parents[2]
POLICY = "eas/policy.c"         # its table of elements is the section [policy]
FLOORS = ("base", "wbxml", "state", "backend", "eas", "fcgi")

STRING = r'"((?:[^"\\]|\\.)*)"'
TABLE = re.compile(r"static const struct conf_row (\w+)\[\] = \{\n(.*?)\n\};", re.S)
NONE = "none"


def rows_of(body):
    """(key, default) of the rows of one table; the default is None where there is none."""
    # The three ways that they are written: with names of fields, by ROW with the key in quotes or not.
    for row in re.split(r"\n\t(?=ROW\(|\{ \.key)", "\n" + body)[1:]:
        if row.startswith("{"):
            key = re.search(r"\.key = " + STRING, row)
            fallback = re.search(r"\.fallback = ([^,]+?)\s*[,}]", row)
            yield key[1], value_of(fallback[1]) if fallback else None
        else:
            quoted = re.match(r"ROW\(" + STRING + r", \w+, \w+, ([^,]+),", row)
            bare = re.match(r"ROW\((\w+), \w+, ([^,]+),", row)
            found = quoted or bare
            if not found:
                raise SystemExit(f"a row that this lint cannot read: {row}")
            yield found[1], value_of(found[2])


def value_of(code):
    """A C expression of string literals; NULL is None; the program's version stands as VERSION, the directory of the counters as it is."""
    if code.strip() == "NULL":
        return None
    if code.strip() == "COUNT_DIR":
        return re.search(r"#define COUNT_DIR " + STRING, (ROOT / "base/count.h").read_text())[1]
    return "".join(re.findall(STRING, code)) + ("VERSION" if "CPUSH_VERSION" in code else "")


def in_code(root):
    """{section: {key: default}}, and complaints."""
    out, wrong, seen = {}, [], set()
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.c")):
            name = str(path.relative_to(root))
            source = path.read_text()
            tables = TABLE.findall(source)
            if len(tables) != len(re.findall(r"^static const struct conf_row \w+\[\]", source, re.M)):
                wrong.append(f"{name}: a table that this lint cannot read")
            for table, body in tables:
                seen.add((name, table))
                if (name, table) not in TABLES:
                    wrong.append(f"{name}: the table {table} belongs to no section that t/lint/configuration.py knows")
                for section in TABLES.get((name, table), ()):
                    out[section] = dict(rows_of(body))
    wrong += [f"{name}: there is no table {table} any more" for name, table in TABLES if (name, table) not in seen]
    if (root / POLICY).exists():
        out["policy"] = {key: None for key in re.findall(r'^\t\{ "(\w+)", Provision_', (root / POLICY).read_text(), re.M)}
    if not out.get("policy"):
        wrong.append(f"{POLICY}: no elements found")
    return out, wrong


def in_doc(text):
    """The same from the tables below the headings, which name their sections: ## [caldav] and [carddav]"""
    out, sections = {}, []
    for line in text.splitlines():
        if line.startswith("## "):
            sections = re.findall(r"\[([^\]]+)\]", line)
            for s in sections:
                out[s] = {}
        row = re.match(r"\| `(\w+)` \| (.*?) \|", line)
        if row and sections:
            default = None if row[2] == NONE else row[2].strip("`")
            for s in sections:
                out[s][row[1]] = default
    return out


def check(root):
    code, wrong = in_code(root)
    doc = in_doc((root / "doc/configuration.md").read_text())
    for section in code.keys() | doc.keys():
        there, said = code.get(section, {}), doc.get(section, {})
        wrong += [f"doc/configuration.md: [{section}] {key} is missing" for key in there.keys() - said.keys()]
        wrong += [f"doc/configuration.md: [{section}] {key} is not in the code" for key in said.keys() - there.keys()]
        wrong += [f"doc/configuration.md: [{section}] {key} has the default {there[key] or NONE}, not {said[key] or NONE}"
                  for key in there.keys() & said.keys() if there[key] != said[key]]
    return sorted(wrong)


def self_test(root):
    assert check(root) == [], "the tree is not clean, so that nothing can be shown on it"
    doc = (root / "doc/configuration.md").read_text()
    with tempfile.TemporaryDirectory() as made:
        tree = pathlib.Path(made)
        for name, _ in list(TABLES) + [(POLICY, "")]:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text((root / name).read_text())
        (tree / "doc").mkdir()
        there = tree / "doc/configuration.md"

        def finds(text, what):
            there.write_text(text)
            found = check(tree)
            assert len(found) == 1 and what in found[0], (what, found)

        rows = [line for line in doc.splitlines(True) if re.match(r"\| `\w+` \|", line)]
        for row in rows:
            key = re.match(r"\| `(\w+)`", row)[1]
            there.write_text(doc.replace(row, "", 1))
            found = check(tree)
            assert found and all(f"{key} is missing" in f for f in found), (key, found)
        finds(doc.replace("## [eas]", "## [eas]\n| `no_such` | none | x |", 1), "no_such is not in the code")
        finds(doc.replace("| `login_cache` | `10m` |", "| `login_cache` | `11m` |", 1), "default 10m, not 11m")
        there.write_text(doc)
        (tree / "fcgi/other.c").write_text('static const struct conf_row rows[] = {\n\t{ .key = "x" },\n};\n')
        assert any("other.c" in f for f in check(tree))


def main():
    root = ROOT
    if sys.argv[1:] == ["--self-test"]:
        self_test(root)
        return
    wrong = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root)
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)


main()
