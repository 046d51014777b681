#!/usr/bin/python3
"""Tests that a deep network, on images that are augmented and read in the background, goes on after kill -9 as if nothing
had happened, with its last checkpoint and its best one.

    resume_networks_test.py PRECSIM"""

import signal

import h5py

import program
from resume_test import ResumeTest

RUN = {
    "model.name": "resnet20",
    "data.name": "cifar10",
    "data.train_size": 40,
    "data.test_size": 8,
    "train.epochs": 3,
    "train.batch": 8,
    "train.eval_batch": 8,
    "plan.name": "dfp16_paper",
    "record.stats_every": 4,
    "record.flush_seconds": 0.2,
    "checkpoint.every": 2,
}
STEPS = 15
KILLS = ((2, 1), (6, 2), (10, 3))  # after the checkpoint of this step; threads


class KilledTest(ResumeTest):
    def weights(self, file: str) -> tuple[int, dict]:
        """The step of a checkpoint, and every parameter and buffer in it."""
        found = {}
        with h5py.File(self.folder / file, "r") as saved:
            for group in ("parameters", "momentum", "buffers"):
                saved[group].visititems(
                    lambda name, node: found.update({node.name: node[:].tobytes()}) if hasattr(node, "dtype") else None)
            return int(saved.attrs["step"]), found

    def killed_run(self, values: dict) -> dict:
        for step, threads in KILLS:
            self.assertEqual(self.interrupt(values, step, signal.SIGKILL, "--threads", str(threads)), -signal.SIGKILL)
            self.assertLess(self.saved_step(), STEPS)
        return self.resume(values)

    def test_three_kills_change_nothing(self):
        values = {**RUN, "data.path": self.write_cifar10(8), "data.workers": 2}
        whole = self.train(values, "--out", "whole.h5", "--checkpoint-every", "1000")
        again = self.killed_run(values)
        self.assertEqual({**whole, "seconds": 0}, {**again, "seconds": 0})
        self.assertEqual(whole["steps"], STEPS)
        self.assert_equal_records("whole.h5", "run.h5")
        self.assertEqual(self.read_attributes("run.h5", "/provenance")["sessions"], 1 + len(KILLS))
        for kind in ("", ".best"):
            saved = self.weights(f"run{kind}.checkpoint.h5")
            self.assertEqual(saved, self.weights(f"whole{kind}.checkpoint.h5"))
            self.assertGreater(len(saved[1]), 100)
        other = self.train({**values, "data.augment": "false"}, "--out", "plain.h5")
        self.assertNotEqual(other["state_hash"], whole["state_hash"])


if __name__ == "__main__":
    program.main()
