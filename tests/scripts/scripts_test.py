#!/usr/bin/python3
"""Tests of the plots: a small quickstart with the program, from the study file to the pictures.

    scripts_test.py PRECSIM
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from precsim_results import load_study  # noqa: E402

QUICKSTART = ROOT / "experiments/quickstart.ini"
POINTS = ["fp32", "fp16", "bf16", "dfp16", "dfp16_stochastic", "dfp16_biased", "dfp16_inf_wrap_h0",
          "dfp16_inf_saturate_h0", "dfp16_block32", "dfp12", "dfp8", "dfp4"]
RUN_PLOTS = ["exponents.png", "octaves.png", "sqnr.png", "training.png"]
STUDY_PLOTS = ["overview.png", "curves.png", "octaves.png"]
SMALL = ["data.train_size=128", "data.test_size=100", "train.epochs=1"]


def run(script: str, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)], capture_output=True,
                          text=True, timeout=1200)


class ScriptTest(unittest.TestCase):
    program = Path()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def study(self, file: Path, code: int, *options) -> subprocess.CompletedProcess:
        result = subprocess.run([self.program, "study", file, "--out", self.folder / "study", *options],
                                capture_output=True, text=True, timeout=1200)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def assert_pngs(self, folder: Path, names: list[str]):
        for name in names:
            start = (folder / name).read_bytes()[:8] if (folder / name).exists() else b""
            self.assertEqual(start, b"\x89PNG\r\n\x1a\n", f"{folder / name} is no PNG")

    def plot_study(self):
        result = run("plot_study.py", self.folder / "study/study.h5", "--out", self.folder / "plots")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        self.assert_pngs(self.folder / "plots", STUDY_PLOTS)


class QuickstartTest(ScriptTest):
    def test_every_point_reaches_table_file_and_plots(self):
        result = self.study(QUICKSTART, 0, *[word for setting in SMALL for word in ("--set", setting)])
        runs = load_study(self.folder / "study").runs.set_index("point")
        self.assertEqual(list(runs.index), POINTS)
        for name in POINTS:
            self.assertRegex(result.stdout, rf"(?m)^{name} ")
        self.assertEqual(runs.loc["fp32", "accuracy_gap"], 0.0)
        self.assertEqual(runs.loc["fp32", "integer_mac_share"], 0.0)
        self.assertEqual(runs.loc["dfp16", "integer_mac_share"], 1.0)
        self.assertEqual(runs.loc["dfp16", "overflow_events"], 0)
        self.assertGreater(runs.loc["dfp16_inf_wrap_h0", "overflow_events"], 0)
        self.assertGreater(runs.loc["dfp16_inf_saturate_h0", "overflow_events"], 0)
        for role in ("weights", "activations", "errors"):
            self.assertLess(runs.loc["dfp8", f"mean_sqnr_{role}"], runs.loc["dfp12", f"mean_sqnr_{role}"])
        self.plot_study()
        record = self.folder / "study/runs" / runs.loc["dfp16_block32", "configuration_hash"] / "run.h5"
        plots = run("plot_run.py", record, "--out", self.folder / "run")
        self.assertEqual(plots.returncode, 0, plots.stderr)
        self.assert_pngs(self.folder / "run", RUN_PLOTS)


class PlotTest(ScriptTest):
    def test_points_that_did_not_finish(self):
        file = self.folder / "study.ini"
        file.write_text("[base]\ndata.train_size = 32\ndata.test_size = 20\ntrain.epochs = 1\ntrain.batch = 16\n"
                        "[point.good]\n[point.diverges]\noptimizer.lr = 1e6\n"
                        "[point.fails]\ndata.name = mnist\ndata.path = nowhere\n", encoding="utf-8")
        self.study(file, 1)
        self.plot_study()

    def test_plots_of_what_is_no_record(self):
        bad = self.folder / "bad.h5"
        bad.write_bytes(b"nothing of HDF5")
        with h5py.File(self.folder / "empty.h5", "w"):
            pass
        for name in ("bad.h5", "empty.h5", "missing.h5"):
            for script in ("plot_run.py", "plot_study.py"):
                with self.subTest(name=name, script=script):
                    result = run(script, self.folder / name)
                    self.assertEqual(result.returncode, 2, result.stderr)
                    self.assertIn(name, result.stderr)
                    self.assertNotIn("Traceback", result.stderr)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ScriptTest.program = Path(sys.argv.pop()).resolve()
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
