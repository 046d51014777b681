#!/usr/bin/env python3
"""Holds the includes of the tree to the layers that the CMake files declare.

A layer is one precsim_layer(NAME [DEPENDS layers...] SOURCES ...); a file may include files of its own layer and of
those that the layer depends on, directly or not. Sources belong to the layer (or program) that lists them; a header
belongs to the layer whose sources are in its folder, or in the nearest one above.

    check_layers.py [ROOT]       prints one line "file:line: what" for each violation; exit status 1 if there is any
    check_layers.py --self-test  plants every kind of violation in a small tree and expects exactly those findings
"""

import argparse
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = ("formats", "sim", "experiments", "tests/oracle", "tests/support")
KEYWORDS = {"INTERNAL", "SOURCES", "DEPENDS", "LIBRARIES", "PRIVATE_LIBRARIES"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
GENERATED = re.compile(r"\bconfigure_file\s*\([^)]*/generated/([^\s)]+)")
CALL = re.compile(r"\b(precsim_layer|add_executable)\s*\(([^)]*)\)")


@dataclass
class Layer:
    """One declaration; for a program, `depends` is None: it may include every layer."""

    name: str
    place: str
    sources: list[Path] = field(default_factory=list)
    depends: list[str] | None = None


class Tree:
    """The declared layers of a source tree, and the findings so far."""

    def __init__(self, root: Path):
        self.root = root
        self.findings: list[str] = []
        self.layers: dict[str, Layer] = {}
        self.owner: dict[Path, Layer] = {}
        self.generated: set[str] = set()
        for folder in FOLDERS:
            for listing in sorted((root / folder).rglob("CMakeLists.txt")):
                self._read_declarations(listing)
        self.visible = {name: self._reach(name) for name in self.layers}

    def report(self, place: str, message: str):
        self.findings.append(f"{place}: {message}")

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _read_declarations(self, listing: Path):
        text = re.sub(r"#[^\n]*", "", listing.read_text(encoding="utf-8"))
        self.generated.update(GENERATED.findall(text))
        for call in CALL.finditer(text):
            place = f"{self.relative(listing)}:{text.count(chr(10), 0, call.start()) + 1}"
            words = call.group(2).split()
            layer = Layer(words[0], place)
            if call.group(1) == "precsim_layer":
                parts = split_keywords(words[1:])
                layer.depends = parts.get("DEPENDS", [])
                if layer.name in self.layers:
                    self.report(place, f"layer '{layer.name}' is declared twice")
                self.layers[layer.name] = layer
                names = parts.get("SOURCES", [])
            else:
                names = words[1:]
            layer.sources = [listing.parent / name for name in names]
            self._own_sources(layer)

    def _own_sources(self, layer: Layer):
        for source in layer.sources:
            if not source.is_file():
                self.report(layer.place, f"'{layer.name}' lists {self.relative(source)}, which does not exist")
            elif source in self.owner:
                self.report(layer.place, f"{self.relative(source)} is listed by '{self.owner[source].name}' already")
            self.owner[source] = layer

    def _reach(self, name: str) -> set[str]:
        """The layer and all it depends on."""
        reached: set[str] = set()
        pending = list(self.layers[name].depends)
        while pending:
            dependency = pending.pop()
            if dependency not in self.layers:
                self.report(self.layers[name].place, f"'{name}' depends on '{dependency}', which is no layer")
            elif dependency not in reached:
                reached.add(dependency)
                pending += self.layers[dependency].depends
        if name in reached:
            self.report(self.layers[name].place, f"'{name}' depends on itself")
        return reached | {name}

    def layer_of(self, path: Path) -> Layer | None:
        """The layer of a header; among several in one folder, the one with a source of the same name."""
        if path in self.owner:
            return self.owner[path]
        for folder in path.parents:
            here = [layer for layer in self.layers.values() if any(s.parent == folder for s in layer.sources)]
            if len(here) == 1:
                return here[0]
            if here:
                return self.owner.get(path.with_suffix(".cpp"))
            if folder == self.root:
                return None
        return None

    def check(self) -> int:
        """Checks every file; returns how many includes of the tree's own files it saw."""
        seen = 0
        files = [path for folder in FOLDERS for path in sorted((self.root / folder).rglob("*.[ch]pp"))]
        for path in files:
            if path.suffix == ".cpp" and path not in self.owner:
                self.report(f"{self.relative(path)}:1", "no layer lists this source")
                continue
            layer = self.layer_of(path)
            if layer is None:
                self.report(f"{self.relative(path)}:1", "belongs to no layer")
                continue
            seen += self._check_includes(path, layer)
        return seen

    def _check_includes(self, path: Path, layer: Layer) -> int:
        seen = 0
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, name = match.group(1) == '"', match.group(2)
            place = f"{self.relative(path)}:{number}"
            target = self.root / name
            if not target.is_file():
                if quoted and name not in self.generated:
                    self.report(place, f'"{name}" is no file of the tree; includes are paths from the root')
                continue
            seen += 1
            self._check_direction(place, layer, target)
        return seen

    def _check_direction(self, place: str, layer: Layer, target: Path):
        other = self.layer_of(target)
        name = self.relative(target)
        if target.suffix == ".cpp":
            self.report(place, f"includes the source {name}")
        elif other is None:
            self.report(place, f"includes {name}, which belongs to no layer")
        elif layer.depends is not None and other.name not in self.visible[layer.name]:
            direction = "upward" if layer.name in self.visible.get(other.name, set()) else "sideways"
            self.report(place, f"layer '{layer.name}' includes {name} of layer '{other.name}', which is {direction}")


def split_keywords(words: list[str]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    current: list[str] = []
    for word in words:
        if word in KEYWORDS:
            current = parts.setdefault(word, [])
        else:
            current.append(word)
    return parts


PLANTED = {
    "formats/CMakeLists.txt": "precsim_layer(formats SOURCES code.cpp)",
    "formats/code.hpp": "#pragma once\n#include <vector>\n",
    "formats/code.cpp": '#include "formats/code.hpp"\n#include "sim/a/a.hpp"\n',
    "formats/unlisted.cpp": '#include "formats/code.hpp"\n',
    "sim/CMakeLists.txt": "configure_file(x.in ${PROJECT_BINARY_DIR}/generated/made.hpp @ONLY)\n"
    "precsim_layer(a DEPENDS formats  # the ground\n  SOURCES a/a.cpp)\n"
    "precsim_layer(b DEPENDS a LIBRARIES fmt::fmt SOURCES b/b.cpp b/gone.cpp)\n"
    "precsim_layer(c DEPENDS formats SOURCES c/c.cpp)\n",
    "sim/a/a.hpp": '#include "formats/code.hpp"\n',
    "sim/a/a.cpp": '#include "sim/a/a.hpp"\n#include <sim/b/b.hpp>\n',
    "sim/b/b.hpp": '#include "sim/a/a.hpp"\n#include "missing.hpp"\n#include "made.hpp"\n',
    "sim/b/b.cpp": '#include "sim/b/b.hpp"\n#include "formats/code.hpp"\n',
    "sim/c/c.cpp": '\n#include "sim/a/a.hpp"\n#include "formats/code.cpp"\n',
    "sim/stray.hpp": "",
    "experiments/CMakeLists.txt": "precsim_layer(x DEPENDS b nowhere SOURCES x.cpp)\n"
    "add_executable(program main.cpp)\n",
    "experiments/x.cpp": '#include "sim/stray.hpp"\n',
    "experiments/main.cpp": '#include "sim/c/c.hpp"\n#include "sim/b/b.hpp"\n',
    "sim/c/c.hpp": "",
}

EXPECTED = [
    "experiments/CMakeLists.txt:1: 'x' depends on 'nowhere', which is no layer",
    "experiments/x.cpp:1: includes sim/stray.hpp, which belongs to no layer",
    "formats/code.cpp:2: layer 'formats' includes sim/a/a.hpp of layer 'a', which is upward",
    "formats/unlisted.cpp:1: no layer lists this source",
    "sim/CMakeLists.txt:4: 'b' lists sim/b/gone.cpp, which does not exist",
    "sim/a/a.cpp:2: layer 'a' includes sim/b/b.hpp of layer 'b', which is upward",
    'sim/b/b.hpp:2: "missing.hpp" is no file of the tree; includes are paths from the root',
    "sim/c/c.cpp:2: layer 'c' includes sim/a/a.hpp of layer 'a', which is sideways",
    "sim/c/c.cpp:3: includes the source formats/code.cpp",
    "sim/stray.hpp:1: belongs to no layer",
]


def self_test() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in PLANTED.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        tree = Tree(root)
        tree.check()
    missed = sorted(set(EXPECTED) - set(tree.findings))
    invented = sorted(set(tree.findings) - set(EXPECTED))
    for finding in missed:
        print(f"not found:    {finding}")
    for finding in invented:
        print(f"not expected: {finding}")
    found = len(EXPECTED) - len(missed)
    print(f"self-test: {found} of {len(EXPECTED)} planted violations found, {len(invented)} others")
    return 1 if missed or invented else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    tree = Tree(arguments.root.resolve())
    includes = tree.check()
    for finding in tree.findings:
        print(finding)
    if not tree.layers or not includes:
        print(f"{arguments.root}: no layer or no include of a file of the tree found")
        return 1
    print(f"{len(tree.layers)} layers, {includes} includes of the tree's own files, {len(tree.findings)} violations")
    return 1 if tree.findings else 0


if __name__ == "__main__":
    sys.exit(main())
