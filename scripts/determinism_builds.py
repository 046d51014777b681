"""The builds of the determinism check: which compilers and flags, and what a build can do."""

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SANITIZE = "-g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
THREAD_SANITIZE = "-g -fsanitize=thread -fno-omit-frame-pointer"


class BuildError(Exception):
    """A build failed."""


@dataclass(frozen=True)
class Build:
    """`preset`, or else `options` for the compiler in a folder of build/determinism."""

    compiler: str
    flags: str
    preset: str = ""
    options: str = ""

    @property
    def name(self) -> str:
        return f"{self.compiler} {self.flags}"

    @property
    def folder(self) -> Path:
        name = self.preset or "determinism/" + self.name.replace("+", "x").replace(" ", "")
        return ROOT / "build" / name

    @property
    def program(self) -> Path:
        return self.folder / "experiments/precsim"

    @property
    def is_sanitized(self) -> bool:
        return "sanitizer" in self.flags

    @property
    def is_thread_sanitizer(self) -> bool:
        return self.preset == "thread"

    def make(self) -> None:
        """Configures and builds the program."""
        if self.preset:
            configure = ["cmake", "--preset", self.preset]
        else:
            configure = ["cmake", "-S", str(ROOT), "-B", str(self.folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                         f"-DCMAKE_CXX_COMPILER={self.compiler}", f"-DCMAKE_CXX_FLAGS_DEBUG={self.options}",
                         "-DPRECSIM_BUILD_TESTS=OFF"]
        for command in ([*configure, f"-DPRECSIM_PYTHON={sys.executable}"],
                        ["cmake", "--build", str(self.folder), "--target", "precsim"]):
            result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                    errors="replace")
            if result.returncode != 0:
                raise BuildError(f"building {self.folder.relative_to(ROOT)} failed:\n{result.stdout[-3000:]}")

    @functools.cache
    def kernels(self) -> tuple[str, ...]:
        """The kernels that this CPU can run, fastest first."""
        info = subprocess.run([self.program, "info", "--json"], capture_output=True, text=True, check=True,
                              env=environment())
        return tuple(kernel["name"] for kernel in json.loads(info.stdout)["kernels"] if kernel["usable"])


# The first one is what users run.
BUILDS = (
    Build("g++", "-O3", preset="release"),
    Build("clang++", "-O3", preset="clang"),
    Build("g++", "-O2", options="-O2"),
    Build("clang++", "-O2", options="-O2"),
    Build("g++", "-O0 sanitizers", options=f"-O0 {SANITIZE}"),
    Build("clang++", "-O0 sanitizers", options=f"-O0 {SANITIZE}"),
    Build("clang++", "-O1 thread sanitizer", preset="thread"),
)


def environment(**changes: str) -> dict[str, str]:
    """Nothing from outside chooses kernel or threads. The OpenMP runtime is not instrumented, but says to the thread
    sanitizer what it synchronizes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PRECSIM_", "OMP_"))}
    return {**clean, "OMP_WAIT_POLICY": "passive", "UBSAN_OPTIONS": "print_stacktrace=1",
            "TSAN_OPTIONS": "ignore_noninstrumented_modules=1 halt_on_error=1 exitcode=66", **changes}
