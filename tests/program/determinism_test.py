#!/usr/bin/python3
"""Tests that neither the kernel nor the number of threads can change a bit: the golden signature, and whole records of
runs in which every parallel loop is shared among threads. scripts/determinism does this for every compiler too.

    determinism_test.py PRECSIM"""

import json

import program
from program import MISMATCH, ROOT, SMALL, ProgramTest, is_sanitized, settings

# Batches of 128 images: each parallel loop is long enough to be shared.
WIDE = {"data.train_size": 128, "data.test_size": 16, "train.epochs": 1, "train.batch": 128, "train.eval_batch": 16,
        "record.stats_every": 1, "model.name": "cnn_bn"}
PLANS = {
    "dfp16": {"plan.name": "dfp16"},
    "dfp16_block": {"plan.name": "dfp16", "plan.weights": "dfp16:headroom=1,block=32",
                    "plan.activations": "dfp16:headroom=1,block=32@stochastic",
                    "plan.errors": "dfp16:headroom=1,block=6"},
    "fp16": {"plan.name": "fp16"},
    "flexpoint": {"plan.name": "flex16+5", "plan.errors": "dfxp12:range=-3,every=1@stochastic", "data.train_size": 384},
}


class DeterminismTest(ProgramTest):
    def kernels(self) -> list[str]:
        info = json.loads(self.assert_runs("info", "--json").stdout)
        names = [kernel["name"] for kernel in info["kernels"] if kernel["usable"]]
        self.assertIn("portable", names)
        return names

    def golden(self) -> list[str]:
        lines = (ROOT / "tests/golden/signature.txt").read_text(encoding="utf-8").splitlines()
        self.assertGreater(len(lines), 15)
        return lines

    def signature(self, *options) -> list[str]:
        output = self.assert_runs("signature", "--quiet", *options).stdout
        return [" ".join(line.split()[:2]) for line in output.splitlines()]

    def test_every_kernel_gives_the_golden_signature(self):
        if is_sanitized():
            self.skipTest("minutes for each kernel under sanitizers; scripts/determinism does it")
        for threads, kernel in enumerate(self.kernels(), 2):
            with self.subTest(kernel):
                self.assertEqual(self.signature("--kernel", kernel, "--threads", threads), self.golden())

    def test_every_kernel_and_number_of_threads_writes_the_same_record(self):
        kernels = self.kernels()
        for name, plan in PLANS.items():
            if name == "dfp16_block" and is_sanitized():
                continue  # minutes with the portable kernel
            self.train({**WIDE, **plan}, "--threads", 1, "--kernel", kernels[0], "--out", f"{name}.h5")
            for threads, kernel in [(2, kernels[0]), (4, kernels[0]), *((3, kernel) for kernel in kernels[1:])]:
                with self.subTest(name, threads=threads, kernel=kernel):
                    self.train({**WIDE, **plan}, "--threads", threads, "--kernel", kernel, "--out", "now.h5", "--overwrite")
                    self.assertEqual(self.read_attributes("now.h5", "/provenance")["kernel"], kernel)
                    self.assert_runs("compare", "--exact", f"{name}.h5", "now.h5")
        self.assert_runs("compare", "--exact", "dfp16.h5", "fp16.h5", code=MISMATCH)

    def test_every_engine_trains_the_same_weights(self):
        for name, plan in PLANS.items():
            figures = {engine: self.train({**WIDE, **plan}, "--engine", engine, "--out", f"{engine}_{name}.h5")
                       for engine in ("simulate", "native", "check")}
            self.assertEqual(len({figure["state_hash"] for figure in figures.values()}), 1, name)
            self.assert_runs("compare", "--exact", f"simulate_{name}.h5", f"check_{name}.h5")
            self.assertEqual(len(self.read_table(f"native_{name}.h5", "telemetry")), 0)
            self.assertTrue((self.read_table(f"native_{name}.h5", "products")
                             == self.read_table(f"simulate_{name}.h5", "products")).all(), name)
            self.assertEqual(self.read_attributes(f"native_{name}.h5", "/provenance")["engine"], "native")
        self.assert_training_refused({}, options=("--engine", "fast"), says=["unknown engine 'fast'", "native", "check"])

    def test_a_residual_network_with_augmentation(self):
        values = {"model.name": "resnet20", "data.name": "cifar10", "data.path": self.write_cifar10(8), "train.epochs": 1,
                  "data.train_size": 32, "data.test_size": 8, "train.eval_batch": 8, "plan.name": "dfp16_paper",
                  "record.stats_every": 1}
        kernels = self.kernels()
        runs = [("simulate", 1, kernels[0]), ("simulate", 2, kernels[0]), ("simulate", 4, kernels[-1]),
                ("check", 2, kernels[0]), *(("native", 1 + i % 4, kernel) for i, kernel in enumerate(kernels))]
        hashes = {}
        for engine, threads, kernel in runs[:3] if is_sanitized() else runs:
            with self.subTest(engine=engine, threads=threads, kernel=kernel):
                figures = self.train({**values, "data.workers": threads - 1}, "--engine", engine, "--threads", threads,
                                     "--kernel", kernel, "--out", "now.h5", "--overwrite", OMP_WAIT_POLICY="passive")
                hashes[engine, threads, kernel] = figures["state_hash"]
                first = self.folder / f"{engine}.h5"
                if not first.exists():
                    (self.folder / "now.h5").rename(first)
                else:
                    self.assert_runs("compare", "--exact", first, "now.h5")
        self.assertEqual(len(set(hashes.values())), 1, hashes)
        plain = self.train({**values, "data.augment": "false"}, "--engine", "native")
        self.assertNotIn(plain["state_hash"], hashes.values())

    def test_the_environment_forces_a_kernel_too(self):
        for kernel in self.kernels():
            self.train({}, "--out", "run.h5", "--overwrite", PRECSIM_KERNEL=kernel)
            self.assertEqual(self.read_attributes("run.h5", "/provenance")["kernel"], kernel)
        self.train({}, "--kernel", "portable", "--out", "run.h5", "--overwrite", PRECSIM_KERNEL=self.kernels()[0])
        self.assertEqual(self.read_attributes("run.h5", "/provenance")["kernel"], "portable")

    def test_an_unknown_kernel_is_refused_with_the_valid_ones(self):
        for arguments, environment in ((("--kernel", "avx1024"), {}), ((), {"PRECSIM_KERNEL": "avx1024"})):
            for command in (("signature",), ("train", "--quiet", *settings(SMALL))):
                self.assert_refused(*command, *arguments, says=("avx1024", "portable", "avx512"), **environment)


if __name__ == "__main__":
    program.main()
