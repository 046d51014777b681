#!/usr/bin/python3
"""Plants small faults into formats/ and sim/arith/, one at a time, and reports those that the fast tests do not find.

A fault (mutant) is named FILE:LINE:RULE:N. It is killed by a test of test_formats, test_arith or test_kernels that
fails, by the compiler, or by a test that takes ten times as long; it is equivalent when it becomes the same object
code. What survives needs a test, or a reason in tests/mutation_survivors.txt. Everything happens in a temporary copy of
the tree. An interrupted check continues where it was.

Exit status: 0 when every survivor has a reason and every reason a survivor; 1 when not; 2 for a mistake in the request
or a tree that does not build; 130 when interrupted.
"""

import argparse
import hashlib
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mutate_rules import FOLDERS, Mutant, all_mutants
from mutate_runs import OUTCOMES, BuildError, Result, append_result, copy_tree, load_results, run_mutants
from mutate_survivors import FILE, ReasonError, describe, load_reasons, unknown_reasons, useless_reasons

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_SAMPLE = 600
LINE_SECONDS = 15.0


class RequestError(Exception):
    """The user's mistake, as a sentence."""


class Progress:
    """A line now and then, and one for each survivor."""

    def __init__(self, total: int):
        self.total, self.done, self.survived = total, 0, 0
        self.start = self.line = time.monotonic()

    def note(self, result: Result) -> None:
        self.done += 1
        if result.outcome == "survived":
            self.survived += 1
            print(f"survived: {result.id}", flush=True)
        now = time.monotonic()
        if now - self.line >= LINE_SECONDS or self.done == self.total:
            self.line = now
            rest = (now - self.start) / self.done * (self.total - self.done)
            print(f"{self.done}/{self.total} mutants, {self.survived} survived, {clock(now - self.start)} elapsed, "
                  f"{clock(rest)} left", flush=True)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every mutant, not a sample")
    parser.add_argument("--sample", type=int, metavar="N", help=f"a sample of N (default: {DEFAULT_SAMPLE})")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the sample (default: %(default)s)")
    parser.add_argument("--only", metavar="REGEX", help="the mutants whose name matches, all of them")
    parser.add_argument("--survivors", action="store_true", help="those that survived when they were last tried")
    parser.add_argument("--fresh", action="store_true", help="forgets earlier results, also kills of changed tests")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="mutants at once (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="prints the mutants and tries none")
    parser.add_argument("--check-reasons", action="store_true",
                        help="only checks that every reason is of a mutant that exists")
    parser.add_argument("--results", type=Path, default=ROOT / "results/mutation.jsonl", metavar="FILE",
                        help="one JSON line per mutant tried (default: results/mutation.jsonl)")
    return parser.parse_args()


def choose(arguments: argparse.Namespace, mutants: list[Mutant]) -> list[Mutant]:
    if arguments.only is not None:
        try:
            mutants = [mutant for mutant in mutants if re.search(arguments.only, mutant.id)]
        except re.error as error:
            raise RequestError(f"--only {arguments.only}: not a regular expression: {error}") from error
        if not mutants:
            raise RequestError(f"--only {arguments.only}: matches no mutant; --list prints their names")
    if arguments.sample is not None and arguments.sample < 1:
        raise RequestError(f"--sample {arguments.sample}: must be at least 1")
    if arguments.survivors:
        last = load_results(arguments.results)
        mutants = [mutant for mutant in mutants if mutant.digest in last and last[mutant.digest].outcome == "survived"]
    whole = arguments.all or arguments.list or arguments.survivors or arguments.only is not None
    size = arguments.sample or (len(mutants) if whole else DEFAULT_SAMPLE)
    # By hash, so that an edit of the sources changes the sample only there.
    drawn = sorted(mutants, key=lambda mutant: hashlib.sha256(f"{arguments.seed} {mutant.key}".encode()).digest())[:size]
    chosen = {mutant.id for mutant in drawn}
    return [mutant for mutant in mutants if mutant.id in chosen]


def digest_of(tree: Path) -> str:
    digest = hashlib.sha256()
    for folder in (*FOLDERS, "sim/kernels", "tests/formats", "tests/sim/arith", "tests/sim/kernels", "tests/oracle",
                   "tests/support", "tests/golden"):
        for path in sorted((tree / folder).iterdir()):
            if path.is_file():
                digest.update(path.relative_to(tree).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def earlier_results(arguments: argparse.Namespace, mutants: list[Mutant], tree: str) -> dict[str, Result]:
    """Tests are added, not weakened: a kill stays one, a survivor is tried again when anything changed."""
    if arguments.fresh:
        arguments.results.unlink(missing_ok=True)
    earlier = load_results(arguments.results)
    return {mutant.digest: earlier[mutant.digest] for mutant in mutants if mutant.digest in earlier and
            (earlier[mutant.digest].outcome != "survived" or earlier[mutant.digest].tree == tree)}


def try_all(arguments: argparse.Namespace, tree: Path, mutants: list[Mutant]) -> dict[str, Result]:
    """The results by digest of the mutant: earlier ones, and new ones for the rest."""
    digest = digest_of(tree)
    known = earlier_results(arguments, mutants, digest)
    rest = [mutant for mutant in mutants if mutant.digest not in known]
    print(f"{len(mutants)} mutants: {len(known)} with a result in {arguments.results}, {len(rest)} to try", flush=True)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(len(rest))

    def note(result: Result) -> None:
        result.tree = digest
        known[result.digest] = result
        append_result(arguments.results, result)
        progress.note(result)

    if rest:
        run_mutants(tree, tree.parent, rest, arguments.jobs, note)
    return known


def print_table(mutants: list[Mutant], results: dict[str, Result]) -> None:
    for title, of in (("file", lambda mutant: mutant.file), ("rule", lambda mutant: mutant.rule)):
        print(f"\n{title:<28}{'mutants':>9}" + "".join(f"{outcome:>12}" for outcome in OUTCOMES))
        rows: dict[str, Counter] = {}
        for mutant in mutants:
            for name in (of(mutant), "all"):
                rows.setdefault(name, Counter())[results[mutant.digest].outcome] += 1
        rows["all"] = rows.pop("all")
        for name, counts in rows.items():
            print(f"{name:<28}{counts.total():>9}" + "".join(f"{counts[outcome]:>12}" for outcome in OUTCOMES))


def report(mutants: list[Mutant], every: list[Mutant], results: dict[str, Result], reasons: dict[tuple, str]) -> bool:
    """Prints the outcome; whether every survivor has a reason and every reason a survivor."""
    tried = [mutant for mutant in mutants if mutant.digest in results]
    print_table(tried, results)
    survived = [mutant for mutant in tried if results[mutant.digest].outcome == "survived"]
    unexplained = [mutant for mutant in survived if mutant.key not in reasons]
    useless = useless_reasons(reasons, survived, tried)
    unknown = unknown_reasons(reasons, every)
    for mutant in survived:
        if mutant.key in reasons:
            print(f"\nexplained: {mutant.id}\n{describe(mutant.key)}\n{reasons[mutant.key]}")
    for mutant in unexplained:
        print(f"\nNOT EXPLAINED: {mutant.id}\n{describe(mutant.key)}")
    for words, keys in (("the mutant does not survive", useless), ("there is no such mutant", unknown)):
        for key in keys:
            print(f"\nREASON WITHOUT A SURVIVOR, {words}:\n{describe(key)}")
    print(f"\n{len(tried)} mutants, {len(survived)} survived: {len(survived) - len(unexplained)} explained, "
          f"{len(unexplained)} not; {len(useless) + len(unknown)} reasons without a survivor")
    return not (unexplained or useless or unknown)


def check_reasons(reasons: dict[tuple, str], every: list[Mutant]) -> int:
    unknown = unknown_reasons(reasons, every)
    for key in unknown:
        print(f"{FILE}: there is no such mutant:\n{describe(key)}\n")
    print(f"{len(reasons)} reasons, {len(unknown)} without a mutant")
    return 1 if unknown else 0


def check(arguments: argparse.Namespace, tree: Path) -> int:
    if arguments.jobs < 1:
        raise RequestError(f"--jobs {arguments.jobs}: must be at least 1")
    reasons, every = load_reasons(tree), all_mutants(tree)
    if arguments.check_reasons:
        return check_reasons(reasons, every)
    mutants = choose(arguments, every)
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant.id}\n  - {mutant.before}\n  + {mutant.after}")
        print(f"{len(mutants)} mutants")
        return 0
    return 0 if report(mutants, every, try_all(arguments, tree, mutants), reasons) else 1


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="precsim_mutate_", ignore_cleanup_errors=True) as folder:
            tree = Path(folder) / "tree"
            copy_tree(ROOT, tree)
            return check(arguments, tree)
    except (RequestError, ReasonError, BuildError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mutate: interrupted; the same command continues", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
