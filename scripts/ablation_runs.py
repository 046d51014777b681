"""Running the points of an ablation: several processes at once, progress, and a clean stop."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.2
LINE_SECONDS = 15.0
GRACE_SECONDS = 20.0
STATUS_OF_EXIT = {0: "finished", 3: "diverged"}


class Run:
    """One `precsim train`; its record and log are in `folder` under its name."""

    def __init__(self, name: str, program: Path, settings: dict[str, str], folder: Path):
        self.name = name
        self.record = folder / f"{name}.h5"
        self.log = folder / f"{name}.log"
        self.command = [str(program), "train"]
        for key, value in {**settings, "output.progress": "lines"}.items():
            self.command += ["--set", f"{key}={value}"]
        self.command += ["--out", str(self.record), "--overwrite", "--threads", "1"]
        self.exit_status: int | None = None
        self.seconds = 0.0
        self._process: subprocess.Popen | None = None
        self._start = 0.0

    @property
    def status(self) -> str:
        if self._process is None:
            return "waiting"
        if self.exit_status is None:
            return "running"
        return STATUS_OF_EXIT.get(self.exit_status, "failed")

    def start(self) -> None:
        """Starts the process in a session of its own, so that ctrl-C reaches it through stop() alone."""
        self._start = time.monotonic()
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=subprocess.STDOUT, start_new_session=True)

    def poll(self) -> None:
        if self.status == "running":
            self.seconds = time.monotonic() - self._start
            self.exit_status = self._process.poll()

    def stop(self) -> None:
        """Asks the run to stop and keep its record."""
        if self.status == "running":
            self._process.send_signal(signal.SIGINT)

    def wait(self, deadline: float) -> None:
        """Waits for the end of a stopped run; past the deadline it is killed (the journal keeps the record whole)."""
        if self.status != "running":
            return
        try:
            self.exit_status = self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_status = self._process.wait()

    def share_done(self) -> float:
        """The share of training steps done, as the last progress line of the log tells."""
        if self.status in ("waiting", "running"):
            steps = re.findall(r"(\d+)/(\d+) steps", self._log_tail())
            return int(steps[-1][0]) / max(1, int(steps[-1][1])) if steps else 0.0
        return 1.0

    def has_record(self) -> bool:
        """Whether the record is of this run, not one that an earlier run left."""
        return self.status in ("finished", "diverged") and self.record.is_file()

    def last_line(self) -> str:
        return (self._log_tail().strip().splitlines() or ["(empty)"])[-1]

    def _log_tail(self) -> str:
        if self.status == "waiting":
            return ""
        with open(self.log, "rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 4096))
            return log.read().decode("utf-8", "replace")


class Progress:
    """How far all runs are: a line that is redrawn on a terminal, else lines now and then."""

    def __init__(self, runs: list[Run]):
        self._runs = runs
        self._start = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._next_line = self._start + LINE_SECONDS

    def update(self) -> None:
        if self._terminal:
            print(f"\r{self._text():<79.79}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() >= self._next_line:
            print(self._text(), file=sys.stderr, flush=True)
            self._next_line = time.monotonic() + LINE_SECONDS

    def announce(self, run: Run) -> None:
        self.clear()
        print(f"{run.name}: {run.status} after {duration(run.seconds)}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._terminal:
            print(f"\r{'':79}\r", end="", file=sys.stderr, flush=True)

    def _text(self) -> str:
        share = sum(run.share_done() for run in self._runs) / len(self._runs)
        elapsed = time.monotonic() - self._start
        running = ", ".join(run.name for run in self._runs if run.status == "running")
        left = f"ETA {duration(elapsed * (1 - share) / share)}" if share > 0 else "ETA unknown"
        return f"{100 * share:3.0f}%  {duration(elapsed)}  {left}  {running}"


def duration(seconds: float) -> str:
    """ "0:07", "12:34", "3:05:09" """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def run_all(runs: list[Run], jobs: int) -> None:
    """Runs all, at most `jobs` at once, in their order. Whatever interrupts it, no run goes on afterwards."""
    progress = Progress(runs)
    try:
        while any(run.status in ("waiting", "running") for run in runs):
            for run in runs:
                if run.status == "waiting" and sum(other.status == "running" for other in runs) < jobs:
                    run.start()
                elif run.status == "running":
                    run.poll()
                    if run.status != "running":
                        progress.announce(run)
            progress.update()
            time.sleep(POLL_SECONDS)
    except BaseException:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        progress.clear()
        deadline = time.monotonic() + GRACE_SECONDS
        for run in runs:
            run.stop()
        for run in runs:
            run.wait(deadline)
        raise
    progress.clear()
