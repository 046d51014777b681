#!/usr/bin/env python3
# Checks a record against experiments/SCHEMA.md, read as the contract it is: tables, columns, units, attributes.
"""usage: schema_check.py RUN.h5 [SCHEMA.md]

Exit code 0 and one line if RUN.h5 keeps every promise of SCHEMA.md, 1 and one sentence per broken promise otherwise."""

import pathlib
import re
import sys

import h5py
import numpy

SCALARS = {"int64": "<i8", "uint64": "<u8", "float64": "<f8"}


def read_schema(path, chapter=None):
    """{section: (description, [row cells])} of every "### /path" section that has a table: those of a run's record, or
    of the chapter that begins with these words."""
    before, *chapters = re.split(r"^(?=## Studies|# The analysis)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = before if chapter is None else next(text for text in chapters if text.startswith(f"## {chapter}"))
    sections = {}
    parts = re.split(r"^### (/\S*)$", text, flags=re.MULTILINE)
    for name, body in zip(parts[1::2], parts[2::2]):
        body = re.split(r"^## ", body, flags=re.MULTILINE)[0]
        rows = [[cell.strip() for cell in re.split(r" \| ", line.strip()[2:-2])]
                for line in body.splitlines() if line.startswith("| `")]
        sections[name] = (body.strip().split("\n\n")[0], rows)
    return sections


def expected_dtype(rows):
    fields = []
    for name, kind, _, _ in rows:
        base, _, count = kind.rstrip("]").partition("[")
        if kind.startswith("text"):
            fields.append((name, f"S{kind[4:]}"))
        elif count:
            fields.append((name, SCALARS[base], (int(count),)))
        else:
            fields.append((name, SCALARS[kind]))
    return numpy.dtype(fields)


def check_attributes(place, rows):
    for name, kind, description in rows:
        name = name.strip("`")
        if name not in place.attrs:
            yield f"{place.name} has no attribute {name} ({description})"
            continue
        value = place.attrs[name]
        good = isinstance(value, str) if kind == "text" else isinstance(value, getattr(numpy, kind))
        if not good:
            yield f"attribute {name} of {place.name} is {type(value).__name__}, not {kind}"
        if kind == "text" and good and not value and name != "paths":
            yield f"attribute {name} of {place.name} is empty"


def check_times(file, path):
    info = h5py.h5o.get_info(file[path].id)
    if any(getattr(info, name, 0) for name in ("atime", "mtime", "ctime", "btime")):
        yield f"{path} carries a time"


def check_table(file, path, description, rows):
    rows = [[name.strip("`"), kind, unit, text] for name, kind, unit, text in rows]
    if not isinstance(file.get(path), h5py.Dataset):
        yield f"there is no table {path}"
        return
    table = file[path]
    if table.dtype != expected_dtype(rows):
        yield f"{path} has the columns {table.dtype}, not {expected_dtype(rows)}"
    for name, kind, _, _ in rows:
        if kind.startswith("text") and name in (table.dtype.names or ()):
            text = h5py.check_string_dtype(table.dtype[name])
            if text is None or text.encoding != "utf-8":
                yield f"column {name} of {path} is not UTF-8"
    if table.ndim != 1:
        yield f"{path} has {table.ndim} dimensions, not 1"
    if table.compression != "gzip" or not table.shuffle or table.chunks is None:
        yield f"{path} is not chunked, shuffled and deflated"
    promised = {"description": description}
    for name, _, unit, text in rows:
        promised[f"unit:{name}"] = unit
        promised[f"description:{name}"] = text
    for name, text in promised.items():
        if table.attrs.get(name) != text:
            yield f"attribute {name} of {path} is {table.attrs.get(name)!r}, not {text!r}"
    for name in sorted(set(table.attrs) - set(promised)):
        yield f"{path} has an attribute {name} that SCHEMA.md does not know"
    len(table[:])


def check(file, schema):
    tables = {name: entry for name, entry in schema.items() if name not in ("/", "/provenance")}
    if not tables or "/" not in schema or "/provenance" not in schema:
        yield "SCHEMA.md names no tables or no attributes"
        return
    yield from check_attributes(file, schema["/"][1])
    if isinstance(file.get("provenance"), h5py.Group):
        yield from check_attributes(file["provenance"], schema["/provenance"][1])
        yield from check_times(file, "/provenance")
    else:
        yield "there is no group /provenance"
    if file.attrs.get("program") != "precsim":
        yield f"program is {file.attrs.get('program')!r}, not 'precsim'"
    for path, (description, rows) in tables.items():
        yield from check_table(file, path, description, rows)
        if path in file:
            yield from check_times(file, path)
    for name in sorted(set("/" + key for key in file) - set(schema)):
        yield f"{name} is not in SCHEMA.md"


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    default = pathlib.Path(__file__).resolve().parents[2] / "experiments" / "SCHEMA.md"
    schema = read_schema(pathlib.Path(arguments[1]) if len(arguments) == 2 else default)
    with h5py.File(arguments[0], "r") as file:
        problems = list(check(file, schema))
    for problem in problems:
        print(f"{arguments[0]}: {problem}", file=sys.stderr)
    if problems:
        return 1
    print(f"{arguments[0]}: {len(schema) - 2} tables as in SCHEMA.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
