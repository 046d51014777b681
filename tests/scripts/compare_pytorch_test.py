#!/usr/bin/python3
"""Tests of the comparison with PyTorch; those that need it are skipped where it is missing.

    compare_pytorch_test.py PRECSIM"""

import csv
import importlib.util
import json
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import compare_pytorch  # noqa: E402

NAMES = [configuration.name for configuration in compare_pytorch.CONFIGURATIONS]
PROGRAM = ""
has_torch = importlib.util.find_spec("torch") is not None
needs_torch = unittest.skipUnless(has_torch, f"PyTorch is not installed ({compare_pytorch.PACKAGE})")


def compare(*arguments, python_options=()) -> subprocess.CompletedProcess:
    """One step of a small batch of LeNet-5."""
    command = [sys.executable, *python_options, str(ROOT / "scripts/compare_pytorch.py"), "--program", PROGRAM,
               "--model", "lenet5", "--batch", "4", "--rounds", "1", "--steps", "1", "--quiet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


class CompareTest(unittest.TestCase):
    def rows(self, *arguments, **options) -> list[dict]:
        result = compare("--json", *arguments, **options)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout)

    def assert_refused(self, says: list[str], *arguments, **options):
        result = compare(*arguments, **options)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        for text in says:
            self.assertIn(text, result.stderr)

    def test_program_alone_needs_no_torch(self):
        rows = self.rows("--only", "precsim", "--threads", "1", "--threads", "2", python_options=["-S"])
        expected = [name for name in NAMES if "precsim" in name]
        self.assertEqual([(row["configuration"], row["threads"]) for row in rows],
                         [(name, threads) for threads in (1, 2) for name in expected])
        for row in rows:
            self.assertGreater(row["ms_per_step"], 0)
            self.assertAlmostEqual(row["images_per_second"], 4e3 / row["ms_per_step"])
            self.assertIsNone(row["as_fast"])
            self.assertEqual(row["spread_percent"], 0)

    def test_spread_is_the_interquartile_range(self):
        self.assertAlmostEqual(compare_pytorch.spread([4.0, 1.0, 3.0, 2.0, 5.0]), 2 / 3)

    def test_missing_torch_is_a_sentence(self):
        self.assert_refused(["torch", "python3-torch"], python_options=["-S"])

    def test_wrong_requests_are_refused(self):
        self.assert_refused(["--only jax", "PyTorch bf16"], "--only", "jax")
        self.assert_refused(["--threads 0"], "--threads", "0")
        self.assert_refused(["resnet50"], "--model", "resnet51")
        self.assert_refused(["no program"], "--only", "precsim", "--program", "/nonexistent")

    def test_worker_that_ends_early_is_an_error(self):
        result = compare("--only", "precsim", "--program", "/bin/false")
        self.assertEqual(result.returncode, 1)
        self.assertIn("precsim fp32 ended early", result.stderr)

    @needs_torch
    def test_every_configuration_takes_its_turn(self):
        rows = self.rows()
        self.assertEqual([row["configuration"] for row in rows], NAMES)
        self.assertEqual(rows[0]["as_fast"], 1)
        for row in rows:
            self.assertAlmostEqual(row["as_fast"], rows[0]["ms_per_step"] / row["ms_per_step"])
            self.assertGreater(row["peak_mib"], 1)

    @needs_torch
    def test_tables_have_a_line_for_each(self):
        lines = compare("--only", "PyTorch").stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual({len(line) for line in lines}, {len(lines[0])})
        table = list(csv.DictReader(compare("--only", "PyTorch", "--csv").stdout.splitlines()))
        self.assertEqual([row["configuration"] for row in table], ["PyTorch fp32", "PyTorch bf16"])

    @needs_torch
    def test_networks_have_their_parameters(self):
        import torch_networks
        self.assertEqual(set(torch_networks.NETWORKS), set(compare_pytorch.BATCHES))
        for name in ("lenet5", "resnet20", "googlenet_v1"):
            torch_networks.build(name)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
