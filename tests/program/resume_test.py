#!/usr/bin/python3
"""Tests that an interrupted run goes on as if nothing had happened: after SIGTERM and kill -9, for every plan; and that
nothing but its own checkpoint is taken for one.

    resume_test.py PRECSIM [--kills N] [unittest arguments]

--kills: kill -9 at so many random moments (default 10)."""

import json
import os
import random
import resource
import shutil
import signal
import struct
import sys
import time
import zlib
from pathlib import Path

import h5py

import program
from program import DIVERGED, INTERRUPTED, OK, SMALL, ProgramTest, settings

KILLS = 10

# About a second: 36 steps, 3 evaluations, statistics at irregular steps.
RUN = {
    **SMALL,
    "data.train_size": 192,
    "train.epochs": 3,
    "record.stats_every": 5,
    "record.flush_seconds": 0.2,
    "checkpoint.every": 4,
}
STEPS = 36
RESUME = ("--out", "run.h5", "--resume")

PLANS = {
    "fp32": {"plan.name": "fp32"},
    "dfp16": {"plan.name": "dfp16"},
    "fp16_dynamic": {"plan.name": "fp16", "loss_scale.initial": 2**25, "loss_scale.interval": 5},
    "stochastic": {"plan.name": "dfp8", "plan.rounding": "stochastic"},
    "batch_norm": {"plan.name": "dfp16", "model.name": "cnn_bn", "plan.momentum": "dfp16"},
    "flexpoint": {"plan.name": "flex16+5", "plan.momentum": "flex16+5", "plan.master": "dfxp16:range=1,every=7"},
    "range_control": {"plan.name": "dfxp12", "plan.rounding": "stochastic", "plan.errors": "dfxp12:range=-3,every=5"},
}


def seal(content: bytes) -> bytes:
    return content + b"PRECSIM1" + struct.pack("<I", zlib.crc32(content))


class ResumeTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.record = self.folder / "run.h5"
        self.checkpoint = self.folder / "run.checkpoint.h5"

    def saved_step(self) -> int:
        """The step of the checkpoint, which must be whole; -1 if there is none."""
        if not self.checkpoint.exists():
            return -1
        with h5py.File(self.checkpoint, "r") as file:
            return int(file.attrs["step"])

    def start(self, values: dict, *more):
        return self.start_program("train", "--quiet", "--json", *settings(values), *RESUME, *more)

    def interrupt(self, values: dict, step: int, how: signal.Signals, *more) -> int:
        """Runs until the checkpoint of that step is there, then ends the run; its exit code."""
        process = self.start(values, *more)
        while process.poll() is None and self.saved_step() < step:
            time.sleep(0.002)
        process.send_signal(how)
        process.communicate()
        return process.returncode

    def resume(self, values: dict = RUN, *more, code=OK, **options) -> dict:
        return json.loads(self.assert_runs("train", "--quiet", "--json", *settings(values), *RESUME, *more, code=code,
                                           **options).stdout)

    def assert_equal_records(self, first: str, second: str):
        self.assert_runs("compare", "--exact", first, second)

    def whole(self, values: dict) -> dict:
        return self.train({key: value for key, value in values.items() if key != "checkpoint.every"}, "--out", "whole.h5")

    def assert_same_result(self, first: dict, second: dict):
        self.assertEqual({**first, "seconds": 0}, {**second, "seconds": 0})
        self.assert_equal_records("whole.h5", "run.h5")
        self.assert_keeps_schema("run.h5")
        self.assertEqual(self.files(), ["run.best.checkpoint.h5", "run.checkpoint.h5", "run.h5", "whole.h5"])


class InterruptionTest(ResumeTest):
    def test_every_plan_goes_on_after_a_stop_and_a_kill(self):
        for name, plan in PLANS.items():
            with self.subTest(name):
                values = {**RUN, **plan}
                whole = self.whole(values)
                self.assertEqual(whole["steps"], STEPS)
                self.assertTrue(name != "fp16_dynamic" or whole["skipped_steps"] > 0)
                self.assertEqual(self.interrupt(values, 4, signal.SIGTERM), INTERRUPTED)
                self.assertGreaterEqual(self.saved_step(), 4)
                self.assertEqual(self.interrupt(values, 12, signal.SIGKILL, "--threads", "2"), -signal.SIGKILL)
                self.assertEqual(self.interrupt(values, 20, signal.SIGINT, "--threads", "3"), INTERRUPTED)
                self.assertEqual(self.interrupt(values, 24, signal.SIGKILL), -signal.SIGKILL)
                self.assertLess(self.saved_step(), STEPS)
                self.assert_same_result(self.resume(values), whole)
                self.assertEqual(self.saved_step(), STEPS)
                self.assertEqual(self.read_attributes("run.h5", "/provenance")["sessions"], 5)
                for path in self.folder.iterdir():
                    path.unlink()

    def test_a_stopped_run_has_lost_nothing(self):
        values = {**RUN, "checkpoint.every": 1000000, "record.flush_seconds": 1000}
        process = self.start(values)
        while not (self.folder / "run.h5.journal").exists() or (self.folder / "run.h5.journal").stat().st_size < 200000:
            self.assertIsNone(process.poll())
            time.sleep(0.002)
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, INTERRUPTED)
        steps = len(self.read_table("run.h5", "training"))
        self.assertGreater(steps, 0)
        self.assertEqual(self.saved_step(), steps)
        self.assertEqual(self.read_attributes("run.h5")["outcome"], "interrupted")
        whole = self.whole(values)
        self.assert_same_result(self.resume(values), whole)

    def test_time_makes_checkpoints_due(self):
        values = {**RUN, "train.epochs": 1000000, "checkpoint.every": 0, "checkpoint.seconds": 0.001}
        process = self.start_program("train", "--quiet", *settings(values), "--out", "run.h5")
        while self.saved_step() < 3:
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.01)
        process.kill()
        process.communicate()
        self.assert_refused("train", *settings(SMALL), "--set", "checkpoint.seconds=5", says=["checkpoint.seconds = 5", "--out"])

    def test_kill_at_any_moment(self):
        """Checkpoint and record are whole after every kill, and the run that they lead to is the uninterrupted one."""
        values = {**RUN, **PLANS["stochastic"], "checkpoint.every": 1, "record.flush_seconds": 0.05}
        start = time.monotonic()
        whole = self.whole(values)
        longest = min(max(1.0, time.monotonic() - start), 5.0)  # more than 1 s where others keep the machine busy
        moments = random.Random(3)
        kills = 0
        steps_seen = set()
        while kills < KILLS:
            process = self.start(values)
            time.sleep(moments.uniform(0, longest))
            process.kill()
            process.communicate()
            self.assertIn(process.returncode, (OK, -signal.SIGKILL))
            if process.returncode == -signal.SIGKILL:
                kills += 1
            step = self.saved_step()
            steps_seen.add(step)
            if self.record.exists():
                self.read_table("run.h5", "training")
            if step == STEPS or process.returncode == OK:
                self.assert_same_result(self.resume(values), whole)
                for file in self.record.parent.glob("run.*"):
                    file.unlink()
        self.assertTrue(KILLS < 10 or len(steps_seen) > 2, steps_seen)
        self.assert_same_result(self.resume(values), whole)

    def test_a_run_goes_on_with_progress_and_says_so(self):
        self.interrupt(RUN, 12, signal.SIGTERM)
        step = self.saved_step()
        result = self.assert_runs("train", "--set", "output.progress=lines", *settings(RUN), *RESUME)
        self.assertIn(f"going on with run.h5 after step {step} of {STEPS}", result.stderr)
        self.assertIn(f"{STEPS}/{STEPS} steps", result.stderr)
        self.assertNotIn("train   0%", result.stderr)

    def test_resume_may_always_be_given(self):
        first = self.assert_runs("train", "--json", *settings(RUN), *RESUME)
        self.assertIn("from the beginning", first.stderr)
        content = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        again = self.assert_runs("train", "--json", *settings(RUN), *RESUME)
        self.assertIn(f"finished after {STEPS} steps; nothing was changed", again.stderr)
        self.assertEqual(again.stdout, first.stdout)
        self.assertEqual({path.name: path.read_bytes() for path in self.folder.iterdir()}, content)
        quiet = self.assert_runs("train", "--quiet", *settings(RUN), *RESUME)
        self.assertEqual(quiet.stderr, "")

    def test_a_diverged_run_stays_diverged(self):
        values = {**RUN, "optimizer.lr": 1e6, "schedule.warmup_epochs": 0}
        first = self.resume(values, code=DIVERGED)
        record = self.record.read_bytes()
        self.assertEqual(self.resume(values, code=DIVERGED), first)
        self.assertEqual(self.record.read_bytes(), record)

    def test_weights_are_read_with_h5py(self):
        figures = self.resume()
        with h5py.File(self.checkpoint, "r") as saved:
            self.assertEqual(saved["/parameters/conv1/weight"].dtype, "<f4")
            self.assertEqual(saved["/parameters/conv1/weight"].ndim, 4)
            self.assertEqual(saved["/momentum/conv1/weight"].shape, saved["/parameters/conv1/weight"].shape)
            self.assertEqual(saved.attrs["configuration_hash"], figures["configuration_hash"])
            self.assertEqual(saved["evaluation"].attrs["accuracy"], figures["test_accuracy"])
            self.assertEqual(saved["record"].attrs["rows:training"], STEPS)
            self.assertEqual(saved["record"].attrs["record_id"], self.read_attributes("run.h5", "/provenance")["record_id"])

    def test_no_room_for_a_checkpoint_loses_nothing(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
        self.assert_refused("train", "--quiet", *settings(RUN), *RESUME, says="cannot write run.checkpoint.h5", prepare=limit)
        self.assertNotIn("run.checkpoint.h5.partial", self.files())
        self.interrupt(RUN, 8, signal.SIGKILL)
        step = self.saved_step()
        content = self.checkpoint.read_bytes()
        self.assert_refused("train", "--quiet", *settings(RUN), *RESUME, says="cannot write", prepare=limit)
        self.assertEqual((self.saved_step(), self.checkpoint.read_bytes()), (step, content))
        self.assert_same_result(self.resume(), self.whole(RUN))


class RefusalTest(ResumeTest):
    def setUp(self):
        super().setUp()
        self.interrupt(RUN, 8, signal.SIGTERM)
        self.assertEqual(self.files(), ["run.checkpoint.h5", "run.h5"])

    def assert_resume_refused(self, *says, values=RUN, more=()):
        content = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        self.assert_refused("train", *settings(values), *RESUME, *more, says=says)
        self.assertEqual({path.name: path.read_bytes() for path in self.folder.iterdir()}, content)

    def change(self, path: Path, attribute: str, value):
        """Changes an attribute and seals the file as the program does."""
        with h5py.File(path, "r+") as file:
            old = file.attrs[attribute]
            if isinstance(old, str):
                file.attrs[attribute] = value
            else:
                file.attrs.modify(attribute, type(old)(value))
        path.write_bytes(seal(path.read_bytes()))

    def test_damaged_checkpoints(self):
        whole = self.checkpoint.read_bytes()
        places = random.Random(5)
        for _ in range(5):
            flipped = bytearray(whole)
            flipped[places.randrange(len(whole) - 12)] ^= 1 << places.randrange(8)
            self.checkpoint.write_bytes(flipped)
            self.assert_resume_refused("run.checkpoint.h5 is damaged")
        for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            self.checkpoint.write_bytes(whole[:size])
            self.assert_resume_refused("run.checkpoint.h5", "cut short")
        self.checkpoint.write_bytes(whole)
        self.resume()

    def test_foreign_checkpoints(self):
        self.checkpoint.write_bytes(b"notes of somebody else")
        self.assert_resume_refused("run.checkpoint.h5", "another program")
        self.checkpoint.unlink()
        with h5py.File(self.checkpoint, "w") as file:
            file["parameters"] = [1.0, 2.0]
        self.assert_resume_refused("run.checkpoint.h5", "another program")
        self.checkpoint.write_bytes(seal(self.checkpoint.read_bytes()))
        self.assert_resume_refused("run.checkpoint.h5", "not a checkpoint")
        self.checkpoint.write_bytes(self.record.read_bytes())
        self.assert_resume_refused("run.checkpoint.h5", "not a checkpoint")
        self.checkpoint.unlink()
        self.checkpoint.mkdir()
        self.assert_refused("train", *settings(RUN), *RESUME, says="not a regular file")

    def test_other_configuration_names_the_first_key(self):
        self.assert_resume_refused("another configuration, train.batch is 16 there and 8 here", values={**RUN, "train.batch": 8})
        self.assert_resume_refused("run.seed is 1 there and 2 here", values={**RUN, "run.seed": 2, "train.batch": 8})
        self.assert_resume_refused("plan.name is dfp16 there and fp32 here", values={**RUN, "plan.name": "fp32"})
        self.assert_resume_refused("plan.errors is not set there and dfp8 here", values={**RUN, "plan.errors": "dfp8"})
        self.resume({**RUN, "checkpoint.every": 7, "run.threads": 2, "record.flush_seconds": 9, "output.progress": "none"})

    def test_other_data(self):
        self.change(self.record, "data_checksum_train", "0123456789abcdef")
        self.assert_resume_refused("run.h5", "other data", "0123456789abcdef")

    def test_checkpoint_of_other_data(self):
        self.change(self.checkpoint, "data_checksum_test", "0123456789abcdef")
        self.assert_resume_refused("run.checkpoint.h5", "other data, whose test set")

    def test_other_numerics_version(self):
        record = self.record.read_bytes()
        self.change(self.record, "numerics_version", 99)
        self.assert_resume_refused("run.h5 cannot", "numerics_version is 99")
        self.record.write_bytes(record)
        self.change(self.checkpoint, "numerics_version", 99)
        self.assert_resume_refused("run.checkpoint.h5 cannot", "numerics_version is 99")

    def test_other_checkpoint_version(self):
        self.change(self.checkpoint, "checkpoint_version", 2)
        self.assert_resume_refused("checkpoint of version 2", "reads version 3")

    def test_record_missing(self):
        self.record.unlink()
        self.assert_resume_refused("run.h5", "run.checkpoint.h5", "is missing")

    def test_record_without_checkpoint(self):
        self.checkpoint.unlink()
        self.assert_resume_refused("run.h5 has no checkpoint run.checkpoint.h5", "--overwrite")
        self.train({}, "--out", "run.h5", "--overwrite")
        self.assertEqual(self.files(), ["run.h5"])

    def test_record_shorter_than_the_checkpoint_says(self):
        early = self.record.read_bytes()
        self.interrupt(RUN, 24, signal.SIGTERM)
        self.record.write_bytes(early)
        self.assert_resume_refused("rows of /training, but the record has")

    def test_record_of_another_run(self):
        checkpoint = self.checkpoint.read_bytes()
        self.record.unlink()
        self.checkpoint.unlink()
        self.interrupt(RUN, 8, signal.SIGTERM)
        self.checkpoint.write_bytes(checkpoint)
        self.assert_resume_refused("run.checkpoint.h5", "record of another run")

    def test_options_that_do_not_go_together(self):
        self.assert_resume_refused("one of the two", more=("--overwrite",))
        self.assert_refused("train", *settings(SMALL), "--resume", says="--out")
        self.assert_refused("train", *settings(SMALL), "--checkpoint-every", "5", says=["checkpoint.every = 5", "--out"])
        for bad in ("-1", "x", "1.5"):
            self.assert_refused("train", *settings(SMALL), "--out", "b.h5", "--checkpoint-every", bad, says="checkpoint.every")

    def test_a_run_without_resume_keeps_both(self):
        content = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        self.assert_refused("train", *settings(RUN), "--out", "run.h5", says=["exists already", "--resume", "--overwrite"])
        self.record.rename(self.folder / "moved.h5")
        self.assert_refused("train", *settings(RUN), "--out", "run.h5", says=["run.checkpoint.h5", "--overwrite"])
        (self.folder / "moved.h5").rename(self.record)
        self.assertEqual({path.name: path.read_bytes() for path in self.folder.iterdir()}, content)
        self.train(RUN, "--out", "run.h5", "--overwrite")
        self.assertEqual(self.saved_step(), STEPS)

    def test_a_moved_run_goes_on(self):
        (self.folder / "there").mkdir()
        for path in (self.record, self.checkpoint):
            shutil.move(path, self.folder / "there" / path.name)
        os.symlink("there/run.h5", self.record)
        self.resume()
        self.assertEqual(self.files(), ["run.h5", "there"])
        self.assert_runs("train", *settings(RUN), "--out", "there/run.h5", "--resume")

    def test_two_processes_on_one_output(self):
        words = [*settings({**RUN, "train.epochs": 100000}), "--out", "long.h5", "--resume"]
        process = self.start_program("train", "--quiet", *words)
        while not (self.folder / "long.checkpoint.h5").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.002)
        for more in (("--resume",), ("--overwrite",)):
            self.assert_refused("train", *words[:-1], *more, says="another process")
        self.assertIsNone(process.poll())
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, INTERRUPTED)


if __name__ == "__main__":
    if "--kills" in sys.argv:
        at = sys.argv.index("--kills")
        KILLS = int(sys.argv[at + 1])
        del sys.argv[at : at + 2]
    program.main()
