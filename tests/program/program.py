"""Support for tests of the program as a user meets it: running it within limits, small settings, what a refusal is.

Every test takes the program's path as its first argument, or from the environment variable PRECSIM."""

import functools
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parents[2]

OK, MISMATCH, REFUSED, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

# Far above what small runs need; far below what a size taken from bad input would ask for.
MOST_MEMORY = 4 << 30
MOST_SECONDS = 120

# A training run of a fraction of a second: 4 steps, 2 evaluations.
SMALL = {
    "data.train_size": 32,
    "data.test_size": 20,
    "train.epochs": 2,
    "train.batch": 16,
    "train.eval_batch": 20,
    "run.threads": 1,
}
SMALL_STEPS = 4


def program() -> str:
    return os.path.abspath(os.environ["PRECSIM"])


@functools.cache
def is_sanitized() -> bool:
    """Whether the program is the debug build, whose sanitizers reserve more addresses than any limit allows."""
    return " Debug)" in subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout


def limit_memory():
    if not is_sanitized():
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def write_safetensors(path: Path, tensors: dict):
    """A .safetensors file of numpy arrays."""
    names = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64"}
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": names[value.dtype.name], "shape": value.shape, "data_offsets": [end, end + value.nbytes]}
        end += value.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in tensors.values()))


def settings(values: dict) -> list[str]:
    """--set for each key and value."""
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


class ProgramTest(unittest.TestCase):
    """Runs the program in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_program(self, *arguments, prepare=lambda: None, **environment) -> subprocess.CompletedProcess:
        is_sanitized()

        def before():
            limit_memory()
            prepare()

        return subprocess.run([program(), *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
                              errors="backslashreplace", stdin=subprocess.DEVNULL, timeout=MOST_SECONDS,
                              preexec_fn=before, env={**os.environ, **environment})

    def start_program(self, *arguments, **options) -> subprocess.Popen:
        """In the background; it is ended with the test at the latest."""
        is_sanitized()
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen([program(), *map(str, arguments)], cwd=self.folder, text=True,
                                   stdin=subprocess.DEVNULL, preexec_fn=limit_memory, **options)

        def end():
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

        self.addCleanup(end)
        return process

    def assert_runs(self, *arguments, code=OK, **options) -> subprocess.CompletedProcess:
        result = self.run_program(*arguments, **options)
        self.assertEqual(result.returncode, code, f"{arguments}: {result.stdout[-2000:]}{result.stderr}")
        return result

    def train(self, values: dict = {}, *options, code=OK, **more) -> dict:
        """A small run with these settings; its result as the program prints it."""
        arguments = settings({**SMALL, **values})
        return json.loads(self.assert_runs("train", "--json", "--quiet", *arguments, *options, code=code, **more).stdout)

    def assert_refused(self, *arguments, says=(), **options) -> str:
        """Exit code 2, nothing on stdout, and exactly one sentence on stderr, which has all of `says`."""
        result = self.run_program(*arguments, **options)
        self.assertEqual(result.returncode, REFUSED, f"{arguments}: {result.stdout[-2000:]}{result.stderr}")
        self.assertEqual(result.stdout, "", arguments)
        self.assertRegex(result.stderr, r"\Aprecsim: [^\n]{15,}\n\Z", arguments)
        self.assertNotRegex(result.stderr, r"[\x00-\x09\x0b-\x1f\x7f]", arguments)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, result.stderr, arguments)
        return result.stderr

    def assert_training_refused(self, values: dict, says=(), options=(), **more) -> str:
        """A small run with these settings is refused."""
        return self.assert_refused("train", "--quiet", *settings({**SMALL, **values}), *options, says=says, **more)

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_cifar10(self, images: int) -> Path:
        """A folder of CIFAR-10's six files, each of so many random images."""
        draw = random.Random(1)
        for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
            self.write(f"cifar/{name}", b"".join(bytes([i % 10]) + draw.randbytes(3072) for i in range(images)))
        return self.folder / "cifar"

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def read_table(self, record: str, table: str):
        with h5py.File(self.folder / record, "r") as file:
            return file[table][:]

    def read_attributes(self, record: str, group: str = "/") -> dict:
        with h5py.File(self.folder / record, "r") as file:
            return dict(file[group].attrs)

    def assert_keeps_schema(self, record: str):
        result = subprocess.run([sys.executable, str(ROOT / "tests/experiments/schema_check.py"), self.folder / record],
                                capture_output=True, text=True, errors="backslashreplace")
        self.assertEqual(result.returncode, 0, result.stderr)


def main():
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        os.environ["PRECSIM"] = sys.argv.pop(1)
    if "PRECSIM" not in os.environ:
        sys.exit(f"usage: {sys.argv[0]} PRECSIM, or with the program's path in the environment variable PRECSIM")
    unittest.main(module="__main__")
