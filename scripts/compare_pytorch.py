#!/usr/bin/python3
"""Times training steps of precsim and of PyTorch side by side.

Every configuration trains in a process of its own on random images, and they take turns, so that what else happens on
the machine meets all of them. PyTorch is set up well: arrays channels last, the heap kept between steps (else a third
of the time of small networks goes into page faults), FP32 and autocast to bfloat16, threads bound to cores.

Times are the processor's for one thread and the wall clock's for several; medians over the rounds. "as fast" is the
median of the rounds' ratios to PyTorch fp32.

Example: scripts/compare_pytorch --model resnet20 --threads 1 --threads 2 --csv

Exit status: 0, 1 when a configuration failed, 2 for a mistake in the request or without PyTorch, 130 when interrupted.
"""

import argparse
import csv
import importlib.util
import io
import json
import os
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "python3-torch"
BATCHES = {"lenet5": 64, "resnet20": 128, "resnet50": 16, "vgg16": 16, "alexnet": 64, "googlenet_v1": 32}
DEFAULT_MODELS = ["lenet5", "resnet20", "resnet50"]
TURN_SECONDS = 0.5
MOST_STEPS = 1000
# glibc would return large arrays to the system after every step and fetch them again.
KEPT_HEAP = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "16000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # huge pages, as precsim's tensors have them
}
BASE = "PyTorch fp32"


@dataclass(frozen=True)
class Configuration:
    name: str
    precision: str = ""  # of PyTorch; empty: precsim
    plan: str = ""


CONFIGURATIONS = [
    Configuration(BASE, precision="fp32"),
    Configuration("PyTorch bf16", precision="bf16"),
    Configuration("precsim fp32", plan="fp32"),
    Configuration("precsim dfp16_paper", plan="dfp16_paper"),
    Configuration("precsim dfp16_paper, headroom 0", plan="dfp16_paper weights=dfp16 activations=dfp16 errors=dfp16"),
    Configuration("precsim dfp16_paper, stochastic", plan="dfp16_paper rounding=stochastic"),
]


class RequestError(Exception):
    """The user's mistake, as a sentence."""


class WorkerError(Exception):
    """A worker ended early; what it said is on standard error."""


@dataclass
class Worker:
    """A process that trains one configuration, and what it measured."""

    configuration: Configuration
    process: subprocess.Popen
    greeting: dict = field(default_factory=dict)
    samples: list[dict] = field(default_factory=list)

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.configuration.name} ended early")
        return json.loads(line)

    def go(self, steps: int):
        try:
            self.process.stdin.write(f"go {steps}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(f"{self.configuration.name} ended early") from None
        self.samples.append(self.read())

    def end(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def start(configuration: Configuration, model: str, batch: int, threads: int, program: Path) -> Worker:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if threads > 1:
        environment["OMP_PROC_BIND"] = "true"
    common = ["--model", model, "--batch", str(batch), "--threads", str(threads)]
    if configuration.precision:
        environment.update(KEPT_HEAP)
        command = [sys.executable, str(ROOT / "scripts/torch_worker.py"), "--precision", configuration.precision]
    else:
        command = [str(program), "bench", "train", "--worker", "--plan", configuration.plan]
    return Worker(configuration, subprocess.Popen([*command, *common], env=environment, text=True,
                                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE))


def measure(model: str, batch: int, threads: int, arguments: argparse.Namespace) -> list[dict]:
    """A row for each configuration."""
    workers: list[Worker] = []
    try:
        for configuration in chosen(arguments.only):
            workers.append(start(configuration, model, batch, threads, arguments.program))
            workers[-1].greeting = workers[-1].read()
        counts = {worker.greeting["parameters"] for worker in workers}
        if len(counts) > 1:
            raise WorkerError(f"{model} has different numbers of parameters: {sorted(counts)}")
        for turn in range(arguments.rounds):
            if not arguments.quiet:
                print(f"{model}, {threads} threads: round {turn + 1} of {arguments.rounds}", file=sys.stderr)
            for worker in workers:
                fitting = round(TURN_SECONDS / max(worker.greeting["step_seconds"], 1e-9))
                worker.go(arguments.steps or min(max(fitting, 1), MOST_STEPS))
    finally:
        for worker in workers:
            worker.end()
    base = next((worker for worker in workers if worker.configuration.name == BASE), None)
    return [row(worker, base, model, batch, threads) for worker in workers]


def seconds(worker: Worker, threads: int) -> list[float]:
    """Of a step, round by round."""
    clock = "processor_seconds" if threads == 1 else "wall_seconds"
    return [sample[clock] / sample["steps"] for sample in worker.samples]


def spread(values: list[float]) -> float:
    """The interquartile range, relative to the median."""
    if len(values) < 2:
        return 0.0
    low, median, high = statistics.quantiles(values, method="inclusive")
    return (high - low) / median


def row(worker: Worker, base: Worker | None, model: str, batch: int, threads: int) -> dict:
    own = seconds(worker, threads)
    step = statistics.median(own)
    ratios = [] if base is None else [a / b for a, b in zip(seconds(base, threads), own)]
    peaks = [sample["peak_bytes"] for sample in worker.samples if sample["peak_bytes"] is not None]
    return {"model": model, "batch": batch, "threads": threads, "configuration": worker.configuration.name,
            "ms_per_step": 1e3 * step, "spread_percent": 100 * spread(own), "images_per_second": batch / step,
            "as_fast": statistics.median(ratios) if ratios else None,
            "peak_mib": max(peaks) / 2**20 if peaks else None,
            "page_faults_per_step": statistics.median(sample["page_faults"] / sample["steps"]
                                                      for sample in worker.samples)}


def chosen(only: list[str]) -> list[Configuration]:
    names = [configuration.name for configuration in CONFIGURATIONS]
    for text in only:
        if not any(text in name for name in names):
            raise RequestError(f"--only {text}: no such configuration; there are {'; '.join(names)}")
    return [one for one in CONFIGURATIONS if not only or any(text in one.name for text in only)]


COLUMNS = {"model": "", "batch": "d", "threads": "d", "configuration": "", "ms_per_step": ".2f",
           "spread_percent": ".1f", "images_per_second": ".1f", "as_fast": ".2f", "peak_mib": ".0f",
           "page_faults_per_step": ".0f"}


def markdown(rows: list[dict], columns: dict[str, str] = COLUMNS) -> str:
    cells = [[format(row[name], form) if row[name] is not None else "-" for name, form in columns.items()]
             for row in rows]
    heads = [name.replace("_per_", "/").replace("_", " ") for name in columns]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    left = [form == "" for form in columns.values()]

    def line(texts: list[str]) -> str:
        padded = [text.ljust(width) if is_left else text.rjust(width)
                  for text, width, is_left in zip(texts, widths, left)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if is_left else "-" * (width - 1) + ":" for width, is_left in zip(widths, left)]
    return "\n".join(map(line, [heads, rule, *cells])) + "\n"


def csv_text(rows: list[dict]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare_pytorch", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=BATCHES, metavar="NAME",
                        help=f"one of {', '.join(BATCHES)} (default: {', '.join(DEFAULT_MODELS)}); may be repeated")
    parser.add_argument("--batch", type=int, metavar="N", help="images of a step (default: the usual of each model)")
    parser.add_argument("--threads", type=int, action="append", metavar="N", help="default: 1; may be repeated")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="turns of each (default: %(default)s)")
    parser.add_argument("--steps", type=int, metavar="N", help="steps of a turn (default: about half a second of them)")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT",
                        help="configurations whose name contains this; may be repeated")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV instead of Markdown")
    form.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--program", type=Path, default=ROOT / "build/release/experiments/precsim",
                        help="the precsim to run (default: that of build/release)")
    return parser.parse_args()


def check(arguments: argparse.Namespace):
    for name in ("batch", "rounds", "steps"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise RequestError(f"--{name} {value}: must be at least 1")
    for threads in arguments.threads or []:
        if threads < 1:
            raise RequestError(f"--threads {threads}: must be at least 1")
    configurations = chosen(arguments.only)
    if any(one.precision for one in configurations) and importlib.util.find_spec("torch") is None:
        raise RequestError(f"{sys.executable} has no module torch; on Debian: apt-get install {PACKAGE}")
    if any(one.plan for one in configurations) and not os.access(arguments.program, os.X_OK):
        raise RequestError(f"{arguments.program} is no program; build it, or name it with --program")


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        check(arguments)
        rows = []
        for model in arguments.model or DEFAULT_MODELS:
            for threads in arguments.threads or [1]:
                rows += measure(model, arguments.batch or BATCHES[model], threads, arguments)
    except (RequestError, WorkerError) as error:
        print(f"compare_pytorch: {error}", file=sys.stderr)
        return 2 if isinstance(error, RequestError) else 1
    except KeyboardInterrupt:
        print("compare_pytorch: interrupted", file=sys.stderr)
        return 130
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        print(csv_text(rows) if arguments.csv else markdown(rows), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
