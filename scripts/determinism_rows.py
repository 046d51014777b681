"""The runs of the determinism check: what each one is compared with, and its line of the table."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from determinism_builds import ROOT, THREAD_SANITIZE, Build, environment

LINE = "{:<26}{:<9}{:<22}{:>7}  {:<13}{:<18}{:<11}{:>7}"
HEAD = LINE.format("what", "compiler", "flags", "threads", "kernel", "result", "", "seconds")
THREADS = (1, 2, 4)

# Batches of 128 images: each parallel loop is long enough to be shared.
WIDE = {"data.train_size": 128, "data.test_size": 16, "train.epochs": 1, "train.batch": 128, "train.eval_batch": 16,
        "record.stats_every": 1}
WIDE_RUNS = {
    "wide dfp16": {"plan.name": "dfp16", "model.name": "cnn_bn"},
    "wide dfp16 block": {"plan.name": "dfp16", "model.name": "cnn_bn", "plan.weights": "dfp16:headroom=1,block=32",
                         "plan.activations": "dfp16:headroom=1,block=32@stochastic",
                         "plan.errors": "dfp16:headroom=1,block=6"},
    "wide fp16": {"plan.name": "fp16"},
    # Exponents that depend on all steps before.
    "wide flexpoint": {"plan.name": "flex16+5", "model.name": "cnn_bn", "data.train_size": 512,
                       "plan.errors": "dfxp12:range=-3,every=1@stochastic"},
    # Shortcuts, and pictures that are cut and flipped at random and read in the background.
    "wide resnet20": {"plan.name": "dfp16_paper", "model.name": "resnet20", "data.name": "imagefolder",
                      "data.image_size": 32, "data.train_size": 32, "train.batch": 16, "data.path": "pictures"},
}

# Every thread writes one variable: whoever does not report this reports nothing.
RACE = """int main() {
  int last = 0;
#pragma omp parallel for num_threads(4)
  for (int i = 0; i < 4000; ++i) last = i;
  return last < 0;
}
"""


@dataclass
class Row:
    """One run. `compare` gives what to show as result, and in words what is wrong or an empty text."""

    what: str
    build: Build
    threads: str
    kernel: str
    compare: Callable[["Row"], tuple[str, str]] = field(repr=False)
    result: str = ""
    note: str = ""
    seconds: float | None = None
    engine: str = "simulate"

    @property
    def equal(self) -> bool:
        return self.seconds is not None and not self.note

    def run(self) -> None:
        start = time.monotonic()
        self.result, self.note = self.compare(self)
        self.seconds = time.monotonic() - start

    def text(self) -> str:
        verdict = "" if self.seconds is None else "equal" if self.equal else "FAILED" if self.result == "-" else "DIFFERENT"
        what = self.what if self.engine == "simulate" else f"{self.what} {self.engine}"
        return LINE.format(what, self.build.compiler, self.build.flags, self.threads, self.kernel, self.result,
                           verdict, "" if self.seconds is None else f"{self.seconds:.1f}").rstrip()


def call(command: list, folder: Path = ROOT) -> tuple[str, str]:
    """Standard output, and what went wrong in words."""
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, env=environment())
    if done.returncode == 0:
        return done.stdout, ""
    findings = [line for line in done.stderr.splitlines() if "Sanitizer" in line or "runtime error" in line]
    told = findings or done.stderr.strip().splitlines()[-1:]
    return done.stdout, f"exit status {done.returncode}: {' '.join(told)[:300]}"


def combinations(build: Build, depth: str) -> list[tuple[int, str]]:
    """Thread counts and kernels: all pairs, or each kernel once and each thread count once."""
    kernels = build.kernels()
    if depth == "full":
        return [(threads, kernel) for kernel in kernels for threads in THREADS]
    counts = THREADS[-1:] if build.is_sanitized else THREADS
    return [(threads, kernels[0]) for threads in counts] + [(2, kernel) for kernel in kernels[1:]]


def golden() -> dict[str, str]:
    words = (line.split() for line in (ROOT / "tests/golden/signature.txt").read_text(encoding="utf-8").splitlines())
    return {name.rstrip(":"): value for name, value in words}


def compare_signature(row: Row) -> tuple[str, str]:
    output, wrong = call([row.build.program, "signature", "--quiet", "--threads", row.threads, "--kernel", row.kernel,
                          "--engine", row.engine])
    if wrong:
        return "-", wrong
    found = {line.split()[0].rstrip(":"): line.split()[1] for line in output.splitlines()}
    expected = golden()
    differing = [name for name in expected if found.get(name) != expected[name]]
    return found.get("Signature", "-"), f"not as in tests/golden/signature.txt: {', '.join(differing)}" if differing else ""


def signature_rows(build: Build, depth: str) -> list[Row]:
    # Minutes each under sanitizers: once, unless everything is asked for.
    pairs = combinations(build, depth)
    if build.is_sanitized and depth != "full":
        pairs = pairs[:1]
    each_kernel = pairs if depth == "full" else pairs[:1] + [pair for pair in pairs[1:] if pair[1] != pairs[0][1]]
    return [Row("signature", build, str(threads), kernel, compare_signature, engine=engine)
            for engine, rows in (("simulate", pairs), ("native", each_kernel), ("check", pairs[:1]))
            for threads, kernel in rows]


def compare_wide(row: Row, folder: Path) -> tuple[str, str]:
    """Against the first record of this name and engine in the folder, and the first weights of this name, whichever
    build made them."""
    name = row.what.replace(" ", "_")
    first, weights, record = folder / f"{name}_{row.engine}.h5", folder / f"{name}.state", folder / "now.h5"
    if not (folder / "pictures").exists():
        _, wrong = call([sys.executable, ROOT / "scripts/make_image_folder", folder / "pictures", "--train", "8", "--size", "32"])
        if wrong:
            return "-", wrong
    settings = [word for key, value in {**WIDE, **WIDE_RUNS[row.what]}.items() for word in ("--set", f"{key}={value}")]
    output, wrong = call([row.build.program, "train", "--quiet", "--json", *settings, "--threads", row.threads,
                          "--kernel", row.kernel, "--engine", row.engine, "--out", record, "--overwrite"], folder)
    if wrong:
        return "-", wrong
    state = json.loads(output)["state_hash"]
    if not weights.exists():
        weights.write_text(state, encoding="utf-8")
    if state != weights.read_text(encoding="utf-8"):
        return state, f"the weights differ from {weights.read_text(encoding='utf-8')}"
    if not first.exists():
        record.rename(first)
        return state, ""
    difference, wrong = call([row.build.program, "compare", "--exact", first, record])
    return state, f"the records differ: {difference.strip()[:300]} {wrong}" if wrong else ""


def wide_rows(build: Build, depth: str, folder: Path) -> list[Row]:
    pairs = combinations(build, depth)
    checked = [] if build.is_sanitized else [("wide resnet20", "check", pairs[:1])]
    return [Row(name, build, str(threads), kernel, lambda row: compare_wide(row, folder), engine=engine)
            for name, engine, rows in [*((name, engine, pairs) for name in WIDE_RUNS for engine in ("simulate", "native")),
                                       *checked] for threads, kernel in rows]


def compare_resumed(row: Row) -> tuple[str, str]:
    for test in ("resume_test.py", "resume_networks_test.py"):
        _, wrong = call([sys.executable, ROOT / "tests/program" / test, row.build.program])
        if wrong:
            return "-", wrong
    return "one record", ""


def resumed_rows(build: Build) -> list[Row]:
    return [Row("resumed", build, "1-3", build.kernels()[0], compare_resumed)]


def compare_race(row: Row, folder: Path) -> tuple[str, str]:
    source, program = folder / "race.cpp", folder / "race"
    source.write_text(RACE, encoding="utf-8")
    _, wrong = call([row.build.compiler, "-O1", *THREAD_SANITIZE.split(), "-fopenmp", source, "-o", program])
    if wrong:
        return "-", wrong
    _, found = call([program])
    return "reported", "" if "data race" in found else "thread sanitizer does not report a race that is there"


def race_rows(build: Build, folder: Path) -> list[Row]:
    """Four threads, in which the sanitizer must find nothing."""
    return [Row("a planted race", build, "4", "-", lambda row: compare_race(row, folder)),
            *(Row(name, build, "4", kernel, lambda row: compare_wide(row, folder), engine=engine)
              for name in WIDE_RUNS for engine in ("simulate", "native") for kernel in build.kernels()),
            Row("signature", build, "4", build.kernels()[0], compare_signature, engine="check")]
