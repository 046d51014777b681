#!/usr/bin/python3
"""Checks the promise of equal bits: one signature for every compiler, optimization, thread count, kernel and engine, and
across interruption.

Builds the program with g++ and clang++, optimized in two ways and not at all (then with address and undefined-behavior
sanitizer), and once with thread sanitizer. Each row of the table is one run:
  signature  short training runs, one per precision plan, against tests/golden/signature.txt; also with the
             engines native and check
  wide       training in batches that every parallel loop shares among threads, of ResNet-20 also on pictures cut at
             random; whole records are compared, and the weights of simulation with those of the native engine
  resumed    tests/program/resume*_test.py: runs interrupted by SIGTERM and kill -9, and resumed
  races      signature and wide under thread sanitizer; and a program with a race in it, which must be reported

--quick: the release build alone, a few minutes. Default: every build with 1, 2 and 4 threads, and with every kernel of
this CPU. --full: every combination, and interruptions of every build.

Exit status: 0 when all are equal, 1 when one differs or fails, 2 for a mistake in the request, 130 when interrupted.
"""

import argparse
import re
import signal
import sys
import tempfile
from pathlib import Path

from determinism_builds import BUILDS, Build, BuildError
from determinism_rows import HEAD, Row, race_rows, resumed_rows, signature_rows, wide_rows


class RequestError(Exception):
    """The user's mistake, as a sentence."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/determinism", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--quick", dest="depth", action="store_const", const="quick", help="the release build alone")
    depth.add_argument("--full", dest="depth", action="store_const", const="full", help="every combination")
    parser.set_defaults(depth="default")
    parser.add_argument("--builds", metavar="REGEX", default="", help="builds that match, such as 'clang.* -O2'")
    parser.add_argument("--rows", metavar="REGEX", default="", help="rows that match, such as 'wide.*portable'")
    return parser.parse_args()


def rows_of(build: Build, depth: str, folder: Path) -> list[Row]:
    """All rows of one build, which must be there."""
    if build.is_thread_sanitizer:
        return race_rows(build, folder)
    rows = signature_rows(build, depth) + wide_rows(build, depth, folder)
    return rows + (resumed_rows(build) if depth == "full" or build is BUILDS[0] else [])


def run(arguments: argparse.Namespace, folder: Path) -> int:
    builds = BUILDS[:1] if arguments.depth == "quick" else BUILDS
    print(HEAD)
    ran = different = 0
    for build in builds:
        if not re.search(arguments.builds, build.name):
            continue
        build.make()
        for row in rows_of(build, arguments.depth, folder):
            if not re.search(arguments.rows, row.text()):
                continue
            row.run()
            ran += 1
            different += not row.equal
            print(row.text(), flush=True)
            if row.note:
                print(f"    {row.note}", flush=True)
    if not ran:
        raise RequestError(f"no run matches --builds '{arguments.builds}' and --rows '{arguments.rows}'")
    print(f"\n{ran} runs, {different} different")
    return 1 if different else 0


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        for option in ("builds", "rows"):
            try:
                re.compile(vars(arguments)[option])
            except re.error as error:
                raise RequestError(f"--{option} {vars(arguments)[option]}: not a regular expression: {error}") from error
        with tempfile.TemporaryDirectory(prefix="precsim_determinism_") as folder:
            return run(arguments, Path(folder))
    except RequestError as error:
        print(f"determinism: {error}", file=sys.stderr)
        return 2
    except BuildError as error:
        print(f"determinism: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("determinism: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
