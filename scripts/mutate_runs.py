"""Building and testing mutants: a private copy of the tree for each worker, the outcome of each mutant."""

import contextlib
import hashlib
import itertools
import json
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mutate_rules import Mutant

LAYERS = ("precsim_formats", "precsim_arith")
FIRST_TESTS = ("test_formats", "test_arith")
LAST_TESTS = ("test_kernels",)
# -O2: the code of more mutants turns out to be the same. -w: what only a warning would find counts as not found.
FLAGS = "-O2 -w"
LEFT_OUT = ("build", "results", ".git")
COMMAND_SECONDS = 600.0
CPU_FACTOR, CPU_SECONDS_LEAST = 10, 10  # a test's limit of processor time, against that without a fault
MEMORY_LIMIT = 4 << 30
SAME_CODE = "the same object code"
OUTCOMES = ("test", "compiler", "timeout", "equivalent", "survived")


class BuildError(Exception):
    """The tree without any fault does not build, or fails a test."""


class Stopped(Exception):
    """The user interrupted."""


@dataclass
class Result:
    """`outcome` is one of OUTCOMES; `by` names the test, or says what the compiler or the comparison saw."""

    id: str
    digest: str
    outcome: str
    by: str
    seconds: float
    tree: str = ""  # digest of the sources and tests that it was tried with


@dataclass
class TestFile:
    """One test source, linked as a program of its own."""

    name: str
    object: str
    link: list[str]
    archives: list[str]
    seconds: float = 0.0


class Stop:
    """Ends the running commands of all workers."""

    def __init__(self):
        self.requested = False
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()

    def run(self, command: list[str], folder: Path, seconds: float) -> tuple[int | None, str]:
        """Exit status and output; None for a timeout."""
        if self.requested:
            raise Stopped
        with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
                              env=environment()) as process:
            with self._lock:
                self._running.add(process)
            try:
                output, _ = process.communicate(timeout=seconds)
                status = process.returncode
            except subprocess.TimeoutExpired:
                end(process)
                output, status = process.communicate()[0], None
            finally:
                with self._lock:
                    self._running.discard(process)
        if self.requested:
            raise Stopped
        return status, output

    def request(self) -> None:
        self.requested = True
        with self._lock:
            for process in self._running:
                end(process)


def end(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith(("GTEST_", "CCACHE_"))},
            "CCACHE_DISABLE": "1", "LC_ALL": "C", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


def copy_tree(root: Path, tree: Path) -> None:
    """The sources without what building and running made of them."""
    shutil.copytree(root, tree, ignore=lambda folder, names: [name for name in names if name == "__pycache__" or
                                                              (Path(folder) == root and name in LEFT_OUT)])


class Worker:
    """A copy of the tree with a build of its own."""

    def __init__(self, root: Path, folder: Path, stop: Stop):
        self.tree, self.build, self.stop = folder / "tree", folder / "build", stop
        self.tests: list[TestFile] = []
        self.last_tests: list[TestFile] = []
        shutil.copytree(root, self.tree)
        linker = ["-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld"] if shutil.which("ld.lld") else []
        self._must(["cmake", "-S", str(self.tree), "-B", str(self.build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                    f"-DCMAKE_CXX_FLAGS_DEBUG={FLAGS}", "-DPRECSIM_BUILD_TESTS=ON", *linker])
        self._must(["ninja", "-C", str(self.build), "-j1", *FIRST_TESTS, *LAST_TESTS])
        self.layer_objects = self._hash(LAYERS)
        self.test_objects = self._hash(FIRST_TESTS + LAST_TESTS)

    def _must(self, command: list[str]) -> str:
        status, output = self.stop.run(command, self.tree, COMMAND_SECONDS)
        if status != 0:
            raise BuildError(f"{' '.join(command[:2])} failed on the tree as it is:\n{output[-3000:]}")
        return output

    def _ninja(self, *targets: str) -> tuple[int | None, str]:
        return self.stop.run(["ninja", "-C", str(self.build), "-j1", *targets], self.build, COMMAND_SECONDS)

    def _hash(self, targets: tuple[str, ...]) -> dict[Path, str]:
        objects = [path for target in targets for folder in self.build.glob(f"*/CMakeFiles/{target}.dir")
                   for path in sorted(folder.rglob("*.o"))]
        return {path: digest_of(path) for path in objects}

    def find_tests(self) -> None:
        """Finds the tests and their times; every test must pass."""
        self.tests = [test for target in FIRST_TESTS for test in self._test_files(target)]
        self.last_tests = [test for target in LAST_TESTS for test in self._test_files(target)]
        for test in self.tests + self.last_tests:
            start = time.monotonic()
            failure = self._run_test(test, int(COMMAND_SECONDS))
            test.seconds = time.monotonic() - start
            if failure is not None:
                raise BuildError(f"{test.name} fails on the tree as it is: {failure[1]}")
        for tests in (self.tests, self.last_tests):
            tests.sort(key=lambda test: test.seconds)

    def _test_files(self, target: str) -> list[TestFile]:
        """The link command of a test program, cut to one test source at a time."""
        commands = self._must(["ninja", "-C", str(self.build), "-t", "commands", target]).splitlines()
        words = [word for word in shlex.split(commands[-1]) if word not in (":", "&&")]
        objects = [word for word in words if word.endswith("_test.cpp.o")]
        archives = [word for word in words if word.endswith(".a") and not word.startswith("/")]
        found = []
        for chosen in objects:
            name = Path(chosen).name.removesuffix(".cpp.o")
            link = [word for word in words if word == chosen or word not in objects]
            link[link.index("-o") + 1] = f"only_{name}"
            found.append(TestFile(name, chosen, link, archives))
        return found

    def _run_test(self, test: TestFile, cpu_seconds: int) -> tuple[str, str] | None:
        """None when the test passes, else the outcome and its words."""
        status, output = self._ninja(test.object, *test.archives)
        if status == 0:
            status, output = self.stop.run(test.link, self.build, COMMAND_SECONDS)
        if status != 0:
            return "compiler", first_error(output)
        program = str(self.build / test.link[test.link.index("-o") + 1])
        limits = [f"--as={MEMORY_LIMIT}", f"--cpu={cpu_seconds}", "--core=0"]
        status, output = self.stop.run(["prlimit", *limits, program, "--gtest_fail_fast", "--gtest_brief=1",
                                        "--gtest_color=no"], self.build, COMMAND_SECONDS)
        if status == 0:
            return None
        if status in (None, -signal.SIGXCPU, -signal.SIGKILL):
            return "timeout", test.name
        failed = re.search(r"^\[  FAILED  \] ([\w./]+)", output, re.MULTILINE)
        return "test", f"{test.name}: {failed.group(1)}" if failed else f"{test.name}: ended with status {status}"

    def try_mutant(self, mutant: Mutant) -> tuple[str, str]:
        """The outcome and its words."""
        with planted(self.tree, mutant):
            status, output = self._ninja(*LAYERS)
            if status != 0:
                return ("timeout", "the compiler") if status is None else ("compiler", first_error(output))
            same_layers = unchanged(self.layer_objects)
            if same_layers and mutant.file.endswith(".cpp"):
                return "equivalent", SAME_CODE
            stem = Path(mutant.file).stem
            for test in sorted(self.tests, key=lambda test: not test.name.startswith(stem)) + self.last_tests:
                failure = self._run_test(test, CPU_SECONDS_LEAST + int(CPU_FACTOR * test.seconds))
                if failure is not None:
                    return failure
            same = same_layers and unchanged(self.test_objects)
            return ("equivalent", SAME_CODE) if same else ("survived", "")


@contextlib.contextmanager
def planted(tree: Path, mutant: Mutant) -> Iterator[None]:
    path = tree / mutant.file
    original = path.read_text(encoding="utf-8")
    path.write_text(mutant.text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(original, encoding="utf-8")


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unchanged(objects: dict[Path, str]) -> bool:
    return all(path.exists() and digest_of(path) == known for path, known in objects.items())


def first_error(output: str) -> str:
    found = re.search(r"error: (.*)", output)
    return found.group(1)[:120] if found else output.strip().splitlines()[-1][:120] if output.strip() else "failed"


def chunks_of(mutants: list[Mutant], jobs: int) -> queue.SimpleQueue:
    """Neighbors in one file, so that little is built again from one mutant to the next."""
    chunks: queue.SimpleQueue = queue.SimpleQueue()
    size = max(5, min(40, len(mutants) // (4 * jobs)))
    for _, group in itertools.groupby(mutants, key=lambda mutant: mutant.file):
        for chunk in iter(lambda rest=group: list(itertools.islice(rest, size)), []):
            chunks.put(chunk)
    return chunks


def run_mutants(tree: Path, folder: Path, mutants: list[Mutant], jobs: int, note: Callable[[Result], None]) -> None:
    """Tries all mutants of a tree; calls `note` for each, from one thread at a time."""
    chunks, stop, lock, errors = chunks_of(mutants, jobs), Stop(), threading.Lock(), []

    def work(number: int) -> None:
        try:
            worker = Worker(tree, folder / f"worker{number}", stop)
            worker.find_tests()
            while True:
                for mutant in chunks.get_nowait():
                    start = time.monotonic()
                    outcome, by = worker.try_mutant(mutant)
                    with lock:
                        note(Result(mutant.id, mutant.digest, outcome, by, round(time.monotonic() - start, 2)))
        except (queue.Empty, Stopped):
            pass
        except (BuildError, OSError) as error:
            errors.append(error)
            stop.request()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(min(jobs, chunks.qsize()))]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
    finally:
        stop.request()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def load_results(path: Path) -> dict[str, Result]:
    """Earlier results by the digest of the mutant; a line that was cut off by an interruption is dropped."""
    results = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                result = Result(**json.loads(line))
            except (json.JSONDecodeError, TypeError):
                continue
            results[result.digest] = result
    return results


def append_result(path: Path, result: Result) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")
