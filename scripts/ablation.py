#!/usr/bin/python3
"""Trains one network once for each point of an ablation, and puts the points side by side.

The points are an INI file like experiments/quickstart.ini: [base] holds what all share, each [point NAME] what it
changes; the first point is the reference. Every point is one `precsim train`. Its record is kept; all records and a
table of results go into one HDF5 file. A run that diverges is a result like any other.

Example: scripts/ablation.py experiments/quickstart.ini --out results/quickstart.h5 --set train.epochs=2

Exit status: 0 when every point finished or diverged, 1 when one failed, 2 for a mistake in the request, 130 when
interrupted.
"""

import argparse
import configparser
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from ablation_results import collect, print_table
from ablation_runs import Run, run_all

ROOT = Path(__file__).resolve().parent.parent


class RequestError(Exception):
    """The user's mistake, as a sentence."""


@dataclass
class Point:
    name: str
    settings: dict[str, str]


def read_points(path: Path, overrides: dict[str, str]) -> list[Point]:
    """The points in the order of the file; settings: [base], then the point's own, then `overrides`."""
    parser = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#",), interpolation=None,
                                       default_section=None, empty_lines_in_values=False)
    parser.optionxform = str
    try:
        with open(path, encoding="utf-8-sig") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise RequestError(f"cannot read the points: {' '.join(str(error).split())}") from error
    points = []
    base = dict(parser["base"]) if parser.has_section("base") else {}
    for section in parser.sections():
        match = re.fullmatch(r"point ([A-Za-z0-9_]{1,32})", section)
        if match:
            points.append(Point(match.group(1), {**base, **parser[section], **overrides}))
        elif section != "base":
            raise RequestError(f"{path}: unknown section [{section}]; valid are [base] and [point NAME], "
                               "NAME of at most 32 letters, digits and '_'")
    if not points:
        raise RequestError(f"{path}: has no section [point NAME]")
    return points


def choose(points: list[Point], only: list[str]) -> list[Point]:
    names = [point.name for point in points]
    for name in only:
        if name not in names:
            raise RequestError(f"--only {name}: no such point; valid are {', '.join(names)}")
    return [point for point in points if not only or point.name in only]


def parse_settings(texts: list[str]) -> dict[str, str]:
    settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise RequestError(f"--set {text}: must be section.key=value")
        settings[key.strip()] = value.strip()
    return settings


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("points", type=Path, help="INI file of the points")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.h5",
                        help="where the results go; the records of the runs go to the folder FILE beside it")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing result")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for every point")
    parser.add_argument("--only", action="append", default=[], metavar="POINT", help="this point; may be repeated")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N",
                        help="runs at once (default: %(default)s, one per processor core)")
    parser.add_argument("--program", type=Path, default=ROOT / "build/release/experiments/precsim",
                        help="the precsim to run (default: that of build/release)")
    return parser.parse_args()


def prepare(arguments: argparse.Namespace) -> list[Run]:
    """The runs to make; checks what can be known beforehand and clears the way for the output."""
    points = choose(read_points(arguments.points, parse_settings(arguments.set)), arguments.only)
    if arguments.jobs < 1:
        raise RequestError(f"--jobs {arguments.jobs}: must be at least 1")
    if not os.access(arguments.program, os.X_OK):
        raise RequestError(f"{arguments.program} is no program; build it, or name it with --program")
    if arguments.out.suffix != ".h5":
        raise RequestError(f"--out {arguments.out}: must end in .h5")
    if arguments.out.exists() and not arguments.overwrite:
        raise RequestError(f"{arguments.out} exists; give another name, or --overwrite")
    folder = arguments.out.with_suffix("")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"cannot make the folder {folder}: {error.strerror}") from error
    return [Run(point.name, arguments.program.resolve(), point.settings, folder) for point in points]


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT as well: a shell starts background jobs with it ignored
        signal.signal(number, signal.default_int_handler)
    try:
        runs = prepare(arguments)
        run_all(runs, arguments.jobs)
    except RequestError as error:
        print(f"ablation: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ablation: interrupted; the records so far are kept", file=sys.stderr)
        return 130
    failed = [run for run in runs if run.status == "failed"]
    for run in failed:
        print(f"ablation: {run.name} failed with exit status {run.exit_status}; last line of {run.log}:\n"
              f"  {run.last_line()}", file=sys.stderr)
    results = collect(runs, arguments.out)
    print_table(results)
    print(f"\nWritten: {arguments.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
