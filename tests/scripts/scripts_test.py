#!/usr/bin/python3
"""Tests of the scripts for ablations and plots.

    scripts_test.py               with a stand-in for the program, so that every outcome of a run occurs
    scripts_test.py PRECSIM       a small quickstart with the real program: every point, the joined file, the plots
"""

import math
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from records import read_table  # noqa: E402

FAKE = ROOT / "tests/scripts/fake_precsim.py"
QUICKSTART = ROOT / "experiments/quickstart.ini"
POINTS = ["fp32", "fp16", "bf16", "dfp16", "dfp16_stochastic", "dfp16_biased", "dfp16_inf_wrap_h0",
          "dfp16_inf_saturate_h0", "dfp16_block32", "dfp12", "dfp8", "dfp4"]
RUN_PLOTS = ["exponents.png", "octaves.png", "sqnr.png", "training.png"]


def command(script: str, *arguments) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]


def run(script: str, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run(command(script, *arguments), capture_output=True, text=True, timeout=1200)


def running_commands() -> list[str]:
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            pass  # ended meanwhile
    assert any("scripts_test.py" in text for text in commands)
    return commands


class ScriptTest(unittest.TestCase):
    program = FAKE

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.out = self.folder / "results" / "all.h5"

    def write_points(self, text: str) -> Path:
        path = self.folder / "points.ini"
        path.write_text(text, encoding="utf-8")
        return path

    def ablate(self, points: Path, *options) -> subprocess.CompletedProcess:
        return run("ablation.py", points, "--out", self.out, "--program", self.program, *options)

    def assert_pngs(self, folder: Path, names: list[str]):
        for name in names:
            start = (folder / name).read_bytes()[:8] if (folder / name).exists() else b""
            self.assertEqual(start, b"\x89PNG\r\n\x1a\n", f"{folder / name} is no PNG")

    def assert_refused(self, result: subprocess.CompletedProcess, *parts: str):
        self.assertEqual(result.returncode, 2, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
        self.assertNotIn("Traceback", result.stderr)


class QuickstartTest(ScriptTest):
    """The shipped ablation, from points to plots."""

    options: list[str] = []

    def test_every_point_reaches_table_file_and_plots(self):
        result = self.ablate(QUICKSTART, *self.options)
        self.assertEqual(result.returncode, 0, result.stderr)
        with h5py.File(self.out, "r") as file:
            table = read_table(file, "results")
            self.assertEqual(list(table["point"]), POINTS)
            for column in table.columns:
                self.assertIn(f"unit:{column}", file["results"].attrs)
                self.assertIn(f"description:{column}", file["results"].attrs)
            for name in POINTS:
                with h5py.File(self.out.with_suffix("") / f"{name}.h5", "r") as record:
                    self.assertEqual(set(file[f"runs/{name}"]), set(record))
                    self.assertEqual(set(file[f"runs/{name}"].attrs), set(record.attrs))
                    self.assertTrue((file[f"runs/{name}/training"][:] == record["training"][:]).all())
                self.assertRegex(result.stdout, rf"(?m)^{name}( |$)")
        self.check_results(table.set_index("point"))
        self.assertEqual(run("plot_ablation.py", self.out).returncode, 0)
        self.assert_pngs(self.out.parent, ["all.png", "all_curves.png", "all_octaves.png"])
        plots = run("plot_run.py", self.out.with_suffix("") / "dfp16_block32.h5", "--out", self.folder / "plots")
        self.assertEqual(plots.returncode, 0, plots.stderr)
        self.assert_pngs(self.folder / "plots", RUN_PLOTS)

    def check_results(self, table):
        self.assertEqual(table.loc["fp32", "gap"], 0.0)
        self.assertEqual(table.loc["fp32", "integer_share"], 0.0)
        self.assertEqual(table.loc["dfp16", "integer_share"], 100.0)
        self.assertEqual(table.loc["dfp16", "overflow_events"], 0)
        self.assertGreater(table.loc["dfp16_inf_wrap_h0", "overflow_events"], 0)
        self.assertGreater(table.loc["dfp16_inf_saturate_h0", "overflow_events"], 0)
        for role in ("weights", "activations", "errors"):
            self.assertLess(table.loc["dfp8", f"sqnr_{role}_mean"], table.loc["dfp12", f"sqnr_{role}_mean"])
            self.assertLessEqual(table.loc["dfp12", f"sqnr_{role}_worst"], table.loc["dfp12", f"sqnr_{role}_mean"])


class OutcomeTest(ScriptTest):
    """Runs that end in another way than finished, with the stand-in."""

    def test_a_diverged_run_is_a_result(self):
        result = self.ablate(self.write_points("[point a]\nplan.name = fp32\n[point b]\nplan.name = dfp4\n"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("b (diverged)", result.stdout)
        with h5py.File(self.out, "r") as file:
            row = read_table(file, "results").iloc[1]
            self.assertEqual(row["status"], "diverged")
            self.assertTrue(math.isnan(row["test_accuracy"]) and math.isnan(row["gap"]))
            self.assertGreater(len(file["runs/b/training"]), 0)
        self.assertEqual(run("plot_ablation.py", self.out).returncode, 0)

    def test_a_failed_run_is_named_and_the_others_are_kept(self):
        result = self.ablate(self.write_points("[point a]\nplan.name = fp32\n[point b]\nplan.name = broken\n"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("b failed with exit status 2", result.stderr)
        self.assertIn("unknown plan 'broken'", result.stderr)
        with h5py.File(self.out, "r") as file:
            self.assertEqual(list(read_table(file, "results")["status"]), ["finished", "failed"])
        self.assertEqual(run("plot_ablation.py", self.out).returncode, 0)

    def test_an_earlier_record_does_not_stand_in_for_a_failed_run(self):
        self.assertEqual(self.ablate(self.write_points("[point a]\nplan.name = fp32\n")).returncode, 0)
        self.assertEqual(self.ablate(self.write_points("[point a]\nplan.name = broken\n"), "--overwrite").returncode, 1)
        with h5py.File(self.out, "r") as file:
            self.assertEqual(list(file["runs/a"]), [])

    def test_an_interrupt_stops_every_run(self):
        points = self.write_points("[base]\ntrain.epochs = 1000\n[point a]\n[point b]\n[point c]\n")
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen(command("ablation.py", points, "--out", self.out, "--program", FAKE, "--jobs", 2,
                                               "--overwrite"), stderr=subprocess.PIPE, text=True)
            logs = [self.out.with_suffix("") / f"{name}.log" for name in "ab"]
            deadline = time.monotonic() + 60
            while not all(log.exists() and log.stat().st_size for log in logs) and time.monotonic() < deadline:
                time.sleep(0.1)
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 130, errors)
            self.assertFalse(self.out.exists())
            self.assertEqual([args for args in running_commands() if str(self.out.with_suffix("")) in args], [])
            for log in logs:
                log.unlink()

    def test_settings_of_the_command_line_win(self):
        points = self.write_points("[base]\nplan.name = fp32\n[point a]\nplan.name = dfp16\n")
        self.assertEqual(self.ablate(points, "--set", "plan.name=dfp8").returncode, 0)
        with h5py.File(self.out, "r") as file:
            self.assertEqual(set(read_table(file["runs/a"], "tensor_statistics")["format"]), {"dfp8"})


class RefusalTest(ScriptTest):
    """What the user may get wrong: one sentence, exit status 2, nothing overwritten."""

    def test_bad_points(self):
        cases = {"": "no section [point NAME]", "[point a b]\n": "unknown section", "[points]\n": "unknown section",
                 "[point a]\n[point a]\n": "already exists", "[point a]\nx = 1\nx = 2\n": "already exists",
                 "x = 1\n": "no section headers", "[point a]\nnonsense\n": "nonsense"}
        for text, message in cases.items():
            with self.subTest(text=text):
                self.assert_refused(self.ablate(self.write_points(text)), message)

    def test_bad_requests(self):
        points = self.write_points("[point a]\n")
        self.assert_refused(self.ablate(points, "--set", "nothing"), "--set nothing")
        self.assert_refused(self.ablate(points, "--only", "z"), "no such point; valid are a")
        self.assert_refused(self.ablate(points, "--jobs", "0"), "--jobs 0")
        self.assert_refused(self.ablate(points, "--program", "/nowhere"), "/nowhere is no program")
        self.assert_refused(self.ablate(self.folder / "missing.ini"), "missing.ini")
        self.assert_refused(self.ablate(points, "--out", "x.txt"), "must end in .h5")

    def test_an_existing_result_is_kept(self):
        points = self.write_points("[point a]\nplan.name = fp32\n")
        self.assertEqual(self.ablate(points).returncode, 0)
        before = self.out.read_bytes()
        self.assert_refused(self.ablate(points), "exists")
        self.assertEqual(self.out.read_bytes(), before)
        self.assertEqual(self.ablate(points, "--overwrite").returncode, 0)

    def test_plots_of_what_is_no_record(self):
        bad = self.folder / "bad.h5"
        bad.write_bytes(b"nothing of HDF5")
        with h5py.File(self.folder / "empty.h5", "w"):
            pass
        for name in ("bad.h5", "empty.h5", "missing.h5"):
            for script in ("plot_run.py", "plot_ablation.py"):
                with self.subTest(name=name, script=script):
                    self.assert_refused(run(script, self.folder / name), name)


def main() -> None:
    suites = [QuickstartTest, OutcomeTest, RefusalTest]
    if len(sys.argv) == 2:
        ScriptTest.program = Path(sys.argv[1]).resolve()
        QuickstartTest.options = ["--set", "data.train_size=128", "--set", "data.test_size=100",
                                  "--set", "train.epochs=1"]
        suites = [QuickstartTest]
    tests = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(suite) for suite in suites)
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)


if __name__ == "__main__":
    main()
