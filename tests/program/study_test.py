#!/usr/bin/python3
"""Tests of `precsim study`: what it runs, what it keeps, what it survives.

    study_test.py PRECSIM"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py

import program
from program import INTERRUPTED, MISMATCH, OK, ROOT, ProgramTest

sys.path.insert(0, str(ROOT / "tests/experiments"))
from schema_check import expected_dtype, read_schema  # noqa: E402

STUDY = """
[study]
question = What does rounding do?
reference = fp32
seeds = {seeds}
[base]
model.name = mlp
data.train_size = 64
data.test_size = 20
train.epochs = {epochs}
train.batch = 16
train.eval_batch = 20
record.stats_every = 2
checkpoint.every = 1
{more}
[axes]
plan.name = {plans}
plan.rounding = nearest_even stochastic
[point.fp32]
plan.name = fp32
[exclude.biased]
plan.name = dfp8
plan.rounding = stochastic
"""


class StudyTest(ProgramTest):
    def write_study(self, name: str = "study.ini", **more) -> Path:
        return self.write(name, STUDY.format(**{"epochs": 2, "seeds": "1 2", "plans": "dfp16 dfp8", "more": "", **more}))

    def study(self, out: str, *options, code=OK, file="study.ini") -> subprocess.CompletedProcess:
        return self.assert_runs("study", file, "--out", out, "--jobs", "2", *options, code=code)

    def runs(self, out: str) -> list[dict]:
        with h5py.File(self.folder / out / "study.h5", "r") as file:
            table = file["runs"][:]
            return [{name: row[name].decode() if isinstance(row[name], bytes) else row[name]
                     for name in table.dtype.names} for row in table]

    def outcomes(self, out: str) -> list[str]:
        return [run["outcome"] for run in self.runs(out)]

    def assert_equal_studies(self, a: str, b: str):
        self.assert_runs("compare", f"{a}/study.h5", f"{b}/study.h5", "--exact")

    def wait_for_no_owner(self, out: str):
        """Until no process has a run's lock; a run whose study has died stops by itself."""
        deadline = time.monotonic() + 300
        while any(self.is_owned(lock) for lock in (self.folder / out / "runs").glob("*/lock")):
            self.assertLess(time.monotonic(), deadline, "a run goes on although its study has died")
            time.sleep(0.02)

    @staticmethod
    def is_owned(lock: Path) -> bool:
        import fcntl

        with open(lock, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


class GridTest(StudyTest):
    def test_every_run_is_made_once_and_gathered(self):
        self.write_study()
        planned = self.assert_runs("study", "study.ini", "--out", "a", "--dry-run").stdout
        self.assertIn("8 runs of 4 points, 8 waiting", planned)
        self.assertEqual(self.files(), ["study.ini"])
        result = self.study("a")
        self.assertIn("dfp16/stochastic", result.stdout)
        runs = self.runs("a")
        self.assertEqual([(run["point"], run["seed"]) for run in runs],
                         [(point, seed) for point in ("fp32", "dfp16/nearest_even", "dfp16/stochastic", "dfp8/nearest_even")
                          for seed in (1, 2)])
        self.assertEqual({run["outcome"] for run in runs}, {"finished"})
        self.assertEqual([run["plan.name"] for run in runs[::2]], ["fp32", "dfp16", "dfp16", "dfp8"])
        self.assertEqual(runs[0]["accuracy_gap"], 0)
        self.assertAlmostEqual(runs[7]["accuracy_gap"], runs[7]["test_accuracy"] - runs[1]["test_accuracy"])
        for run in runs:
            self.check_run(self.folder / "a/runs" / run["configuration_hash"], run)
        again = self.study("a")
        self.assertEqual((again.stdout, again.stderr), (result.stdout, ""))
        self.assertIn("8 finished", self.assert_runs("study", "study.ini", "--out", "a", "--dry-run").stdout)

    def check_run(self, folder: Path, run: dict):
        manifest = json.loads((folder / "manifest.json").read_text())
        self.assertEqual((manifest["point"], manifest["seed"]), (run["point"], run["seed"]))
        self.assertEqual(manifest["axes"]["plan.name"], run["plan.name"])
        with h5py.File(folder / "run.h5", "r") as record:
            self.assertEqual(record.attrs["configuration"], manifest["configuration"])
            self.assertEqual(record.attrs["configuration_hash"], run["configuration_hash"])
            self.assertEqual(record.attrs["state_hash"], run["state_hash"])
            figures = {row["name"].decode(): row["value"] for row in record["summary"][:]}
            self.assertEqual(figures["test_accuracy"], run["test_accuracy"])
            self.assertEqual(record["tensor_statistics"]["flushed"].sum(), run["flushed"])
        self.assertTrue((folder / "log.txt").exists())
        again = subprocess.run([program.program(), "train", "--config", "run.ini", "--quiet"], cwd=folder,
                               capture_output=True, text=True)
        self.assertEqual(again.returncode, OK, "run.ini is the run's whole command line: " + again.stderr)

    def test_the_file_keeps_its_schema(self):
        self.write_study(seeds="1", plans="dfp8")
        self.study("a")
        sections = read_schema(ROOT / "experiments/SCHEMA.md", "Studies")
        with h5py.File(self.folder / "a/study.h5", "r") as file:
            self.assertEqual(set(file) - {"provenance"} | {"provenance/runs"},
                             {name[1:] for name in sections if name != "/"})
            self.assertEqual(set(file.attrs), {row[0].strip("`") for row in sections["/"][1]})
            for name in set(sections) - {"/", "/provenance"}:
                columns = [[cell.strip("`") for cell in row] for row in sections[name][1]]
                table = file[name]
                names = [column for column in table.dtype.names if column not in ("plan.name", "plan.rounding")]
                self.assertEqual(names, [column[0] for column in columns], name)
                for column, kind, unit, text in columns:
                    self.assertEqual(table.attrs[f"unit:{column}"], unit)
                    self.assertEqual(table.attrs[f"description:{column}"], text)
                    if kind != "text":
                        self.assertEqual(table.dtype[column], expected_dtype([[column, kind, unit, text]])[column])

    def test_json_and_seeds_of_the_command_line(self):
        self.write_study(plans="dfp8")
        result = json.loads(self.study("a", "--seeds", "7", "--json", "--set", "train.epochs=1").stdout)
        self.assertEqual([(run["point"], run["seed"], run["steps"]) for run in result["runs"]],
                         [("fp32", 7, 4), ("dfp8/nearest_even", 7, 4)])


class ComparisonTest(StudyTest):
    def compare(self, *arguments) -> dict:
        return json.loads(self.assert_runs("compare", *arguments, "--json").stdout)

    def test_a_study_stands_for_its_runs(self):
        self.write_study()
        self.study("a")
        runs = self.runs("a")
        result = self.compare("a")
        points = ["fp32", "dfp16/nearest_even", "dfp16/stochastic", "dfp8/nearest_even"]
        self.assertEqual((result["reference"], [group["label"] for group in result["groups"]]), ("fp32", points))
        for i, group in enumerate(result["groups"]):
            both = [run["test_accuracy"] for run in runs[2 * i:2 * i + 2]]
            self.assertAlmostEqual(group["figures"]["test_accuracy"]["mean"], sum(both) / 2)
            self.assertEqual([run["seed"] for run in group["runs"]], [1, 2])
        self.assertEqual(self.compare("a/study.h5"), result)
        self.assertEqual(self.compare("a", "--reference", points[2])["reference"], points[2])
        rows = {row.split()[0]: row.split() for row in self.study("a").stdout.splitlines()}
        self.assertEqual(rows["point"][:8], ["point", "runs", "accuracy", "deviation", "gap", "+-", "(95", "%)"])
        for group in result["groups"][1:]:
            gap = group["test_accuracy_difference"]
            for name, cell in zip(("mean", "half_width_95"), rows[group["label"]][4:6]):
                self.assertAlmostEqual(100 * gap[name], float(cell), delta=0.0051)
        text = self.assert_runs("compare", "a/").stdout
        self.assertIn("differences to fp32 paired by seed", text)
        self.assertNotIn("so far", text)

        self.write_study("more.ini", plans="dfp12 dfp8")  # shares two points with the first
        self.study("b", file="more.ini")
        result = self.compare("a", "b")
        self.assertEqual([group["label"] for group in result["groups"]],
                         ["a/" + point for point in points] + ["b/dfp12/nearest_even", "b/dfp12/stochastic"])
        self.assertEqual(result["reference"], "a/fp32")
        self.train({"model.name": "mlp", "plan.name": "bf16"}, "--out", "other.h5")
        labels = [group["label"] for group in self.compare("other.h5", "a")["groups"]]
        self.assertEqual(labels, ["other", *points])

        self.assertIn("equal", self.assert_runs("compare", "a", "a/study.h5", "--exact").stdout)
        self.assertIn("/", self.assert_runs("compare", "a", "b", "--exact", code=MISMATCH).stdout)

    def test_intervals_without_a_reference_and_with_one_seed(self):
        text = self.write_study().read_text().replace("reference = fp32\n", "")
        self.write("study.ini", text)
        head, _, rule, *rows = self.study("a").stdout.splitlines()
        self.assertNotIn("gap", head)
        accuracy, deviation, half_width = map(float, rows[0].split()[2:5])
        self.assertAlmostEqual(half_width, 12.7062 * deviation / 2**0.5, delta=12.7062 * 0.005 + 0.006)
        self.write_study("one.ini", seeds="1")
        rows = self.study("b", file="one.ini").stdout.splitlines()[3:]
        self.assertEqual([row.split()[3] for row in rows], ["-"] * 4)
        self.assertEqual([row.split()[5] for row in rows[1:]], ["-"] * 3)

    def test_resumed_studies_count_all_runs(self):
        self.write_study()
        self.study("a", "--seeds", "1")
        errors = self.study("a").stderr
        self.assertIn("8 of 8: ", errors)
        self.assertNotIn("4 of 8: ", errors)

    def test_what_is_neither_record_nor_study_is_refused(self):
        (self.folder / "empty").mkdir()
        self.write("text.h5", "text")
        self.write("study.h5", "text")
        for arguments, says in ((["empty"], "empty is no folder of a study"), (["text.h5"], "text.h5"),
                                (["study.h5"], "study.h5"), (["missing"], "missing"),
                                (["empty", "empty", "--exact"], "empty is no folder of a study")):
            with self.subTest(arguments):
                self.assert_refused("compare", *arguments, says=says)
        self.write_study(seeds="1", plans="dfp8")
        self.study("a")
        (self.folder / "moved").mkdir()
        os.rename(self.folder / "a/study.h5", self.folder / "moved/study.h5")
        self.assert_refused("compare", "moved/study.h5", says="a gathered study")
        self.assert_refused("compare", "a", "a", "--exact", says="study.h5")
        for record in (self.folder / "a/runs").glob("*/run.h5"):
            record.unlink()
        self.assert_refused("compare", "a", says="no run of the study a has a record yet")

    def test_runs_that_have_not_ended_show_their_last_evaluation(self):
        self.write_study(epochs=100000, seeds="1", plans="dfp8", more="record.flush_seconds = 0")
        process = self.start_program("study", "study.ini", "--out", "a", "--jobs", "2")
        groups = []
        while len(groups) < 2 or not all("so_far" in group["runs"][0] for group in groups):
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.1)
            result = self.run_program("compare", "a", "--json")
            groups = json.loads(result.stdout)["groups"] if result.returncode == OK else []
        self.assertEqual([group["runs"][0]["outcome"] for group in groups], ["unfinished"] * 2)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
        text = self.assert_runs("compare", "a").stdout
        self.assertIn("1 interrupted", text)
        self.assertIn("unfinished: accuracy so far", text)
        for group in self.compare("a")["groups"]:
            self.assertEqual(group["figures"]["test_accuracy"]["runs"], 0)
            run = group["runs"][0]
            with h5py.File(self.folder / run["file"], "r") as file:
                last = file["evaluation"][-1]
            self.assertEqual(run["so_far"], {"step": last["step"], "test_accuracy": last["accuracy"],
                                             "test_loss": last["loss"]})
            self.assertRegex(text, rf"{group['label']} .* {100 * last['accuracy']:.2f} +{last['step']}\n")


class SurvivalTest(StudyTest):
    def test_killed_five_times_it_ends_as_if_never_killed(self):
        self.write_study(epochs=8)
        start = time.monotonic()
        self.study("whole")
        seconds = time.monotonic() - start
        draw = random.Random(5)
        killed = 0
        for _ in range(5):
            process = self.start_program("study", "study.ini", "--out", "killed", "--jobs", "2")
            time.sleep(draw.uniform(0.1, seconds / 3))
            killed += process.poll() is None
            process.kill()
            process.wait()
        self.assertGreater(killed, 0)
        self.study("killed")
        self.assert_equal_studies("whole", "killed")
        with h5py.File(self.folder / "killed/study.h5", "r") as file:
            self.assertGreater(file["provenance/runs"]["sessions"].max(), 1, "no run was interrupted")

    def test_runs_do_not_outlive_their_study(self):
        self.write_study(epochs=100000, plans="dfp8")
        process = self.start_program("study", "study.ini", "--out", "a", "--jobs", "2")
        self.wait_for_checkpoint("a", process)
        process.kill()
        process.wait()
        self.wait_for_no_owner("a")

    def wait_for_checkpoint(self, out: str, process):
        while not list((self.folder / out).glob("runs/*/run.checkpoint.h5")):
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.02)

    def wait_for_owner(self, out: str, process):
        while not any(self.is_owned(lock) for lock in (self.folder / out).glob("runs/*/lock")):
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.02)

    def test_asked_to_stop_it_saves_and_says_how_to_go_on(self):
        self.write_study(epochs=100000, plans="dfp8", seeds="1")
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start_program("study", "study.ini", "--out", "a", "--jobs", "2")
            self.wait_for_owner("a", process)
            process.send_signal(number)
            _, errors = process.communicate(timeout=300)
            self.assertEqual(process.returncode, INTERRUPTED, errors)
            self.assertIn("the same command goes on", errors)
            self.assertFalse(any(self.is_owned(lock) for lock in (self.folder / "a/runs").glob("*/lock")))
            self.assertEqual(self.outcomes("a"), ["waiting"] * 2)
            self.wait_for_no_owner("a")
            self.assertIn("unfinished", self.assert_runs("study", "study.ini", "--out", "a", "--dry-run").stdout)

    def test_two_at_once_make_no_run_twice(self):
        self.write_study()
        processes = [self.start_program("study", "study.ini", "--out", "a", "--jobs", "1") for _ in range(2)]
        for process in processes:
            _, errors = process.communicate(timeout=600)
            self.assertEqual(process.returncode, OK, errors)
        self.study("b")
        self.assert_equal_studies("a", "b")
        with h5py.File(self.folder / "a/study.h5", "r") as file:
            self.assertEqual(set(file["provenance/runs"]["sessions"]), {1})


class OutcomeTest(StudyTest):
    POINTS = """
[study]
reference = good
[base]
model.name = mlp
data.train_size = 32
data.test_size = 20
train.epochs = 1
train.batch = 16
[point.good]
plan.name = fp32
[point.diverges]
optimizer.lr = 1e6
[point.fails]
data.name = mnist
data.path = nowhere
[point.also_good]
plan.name = dfp8
"""

    def test_failed_and_diverged_runs_do_not_stop_the_others(self):
        self.write("study.ini", self.POINTS)
        result = self.study("a", code=MISMATCH)
        self.assertRegex(result.stderr, r"precsim: failed: fails, seed 1: .*nowhere")
        self.assertIn("1 run failed; the same command tries again", result.stderr)
        self.assertEqual(self.outcomes("a"), ["finished", "diverged", "failed", "finished"])
        self.assertIn("nowhere", self.runs("a")[2]["message"])
        self.assertNotEqual(self.runs("a")[1]["message"], "")
        self.study("b", code=MISMATCH)
        self.assert_equal_studies("a", "b")
        self.write("study.ini", self.POINTS.replace("[point.fails]\ndata.name = mnist\ndata.path = nowhere\n", ""))
        self.study("a")
        self.assertEqual(self.outcomes("a"), ["finished", "diverged", "finished"])

    def test_a_killed_run_is_a_failure_with_that_reason(self):
        self.write_study(epochs=100000, plans="dfp8", seeds="1")
        process = self.start_program("study", "study.ini", "--out", "a", "--jobs", "1")
        while not (workers := self.workers(process.pid)):
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.02)
        first = workers[0]
        os.kill(first, signal.SIGKILL)
        while not (others := [worker for worker in self.workers(process.pid) if worker != first]):
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
        self.assertTrue(others)
        failed = self.runs("a")[0]
        self.assertEqual(failed["outcome"], "failed")
        self.assertIn("killed by signal 9", failed["message"])

    @staticmethod
    def workers(parent: int) -> list[int]:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        return [int(word) for word in children.read_text().split()] if children.exists() else []


class ShardTest(StudyTest):
    def test_merged_shards_equal_the_whole(self):
        self.write_study()
        self.study("whole")
        for i in (1, 2, 3):
            self.study(f"shard{i}", "--shard", f"{i}/3")
        self.assertIn("8 finished", self.assert_runs("study", "study.ini", "--out", "whole", "--dry-run").stdout)
        self.assertIn("waiting", self.outcomes("shard1"))
        partial = self.assert_runs("study", "merge", "partial", "shard1", "shard3", code=MISMATCH)
        self.assertIn("in none of these folders has ended", partial.stderr)
        self.assert_runs("study", "merge", "merged", "shard1", "shard2", "shard3")
        self.assert_equal_studies("whole", "merged")
        self.assert_runs("study", "merge", "shard1", "shard1", "shard2", "shard3")
        self.assert_equal_studies("whole", "shard1")
        self.study("partial")
        self.assert_equal_studies("whole", "partial")

    def test_shards_may_share_a_folder(self):
        self.write_study()
        self.study("whole")
        for i in (2, 1):
            self.study("shared", "--shard", f"{i}/2")
        self.assert_equal_studies("whole", "shared")

    def test_other_folders_are_refused(self):
        self.write_study(plans="dfp8")
        self.study("a")
        self.write_study(plans="dfp8 dfp12")
        self.study("b", "--shard", "1/2")
        self.assert_refused("study", "merge", "c", "a", "b", says=["not of the same study", "one has 4 runs, the other 8"])
        self.assert_refused("study", "merge", "c", "a", "nowhere", says=["nowhere", "is no folder of a study"])
        for text in ("", "{", "[]", '{"outline_version": 1}', '{"outline_version": 2}', "[" * 100000):
            self.write("broken/study.json", text)
            self.assert_refused("study", "merge", "c", "broken", says="is no folder of a study")
        self.assertFalse((self.folder / "c").exists())


class ChangeTest(StudyTest):
    def test_a_changed_file_keeps_what_has_ended(self):
        self.write_study(plans="dfp16 dfp8", seeds="1")
        self.study("a")
        self.write_study(plans="dfp8 dfp12", seeds="1")
        changed = self.study("a")
        self.assertIn("was begun with another study file", changed.stderr)
        self.assertRegex(changed.stderr, r"2 runs that ended in a are no longer in the study \(dfp16/nearest_even, seed 1; "
                                         r"dfp16/stochastic, seed 1\)")
        self.assertEqual((self.folder / "a/study.ini").read_text(), (self.folder / "study.ini").read_text())
        self.assertEqual(len(list((self.folder / "a/runs").iterdir())), 6)
        self.study("b")
        self.assert_equal_studies("a", "b")

    def test_another_engine_is_refused(self):
        self.write_study(plans="dfp8", seeds="1")
        self.study("a")
        before = (self.folder / "a/study.h5").read_bytes()
        for options in ([], ["--dry-run"]):
            self.assert_refused("study", "study.ini", "--out", "a", "--set", "run.engine=native", *options,
                                says=["recorded with the engine simulate", "asks for native", "--set run.engine=simulate"])
        self.assertEqual((self.folder / "a/study.h5").read_bytes(), before)

    def test_a_damaged_record_fails_and_the_rest_goes_on(self):
        self.write_study(plans="dfp8", seeds="1")
        self.study("a")
        record = self.folder / "a/runs" / self.runs("a")[1]["configuration_hash"] / "run.h5"
        whole = record.read_bytes()
        name = str(record.relative_to(self.folder))
        for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2], b"", whole[:-12]):
            record.write_bytes(damaged)
            listed = self.assert_runs("study", "study.ini", "--out", "a", "--dry-run").stdout
            self.assertRegex(listed, "1 failed")
            ended = self.assert_runs("study", "study.ini", "--out", "a", code=MISMATCH)
            self.assertIn(name, ended.stdout + ended.stderr)
            self.assertIn("move its folder away", ended.stdout + ended.stderr)
            self.assertEqual([row["outcome"] == "failed" for row in self.runs("a")].count(True), 1)
            self.assertEqual(record.read_bytes(), damaged)
        record.write_bytes(whole)
        self.study("a")

    def test_other_data_of_the_same_settings_is_refused(self):
        places = [self.write_cifar10(20).rename(self.folder / "one"), self.write_cifar10(21)]
        self.write("study.ini", "[base]\ndata.name = cifar10\ntrain.epochs = 1\ntrain.batch = 50\nmodel.name = lenet5\n"
                                "data.path = %s\n[point.a]\nplan.name = fp32\n[point.b]\nplan.name = dfp8\n" % places[0])
        self.study("a", "--shard", "1/2")
        self.assert_refused("study", "study.ini", "--out", "a", "--jobs", "1", "--quiet", "--set", f"data.path={places[1]}",
                            says=["was computed on other data"])


class RefusalTest(StudyTest):
    def test_requests(self):
        self.write_study()
        for options, says in ((["--shard", "0/2"], "--shard must be i/n"), (["--shard", "3/2"], "--shard must be i/n"),
                              (["--shard", "1"], "--shard must be i/n"), (["--jobs", "0"], "--jobs"),
                              (["--seeds", "1 1"], "the seed '1' is there already"), (["--seeds", "-1"], "run.seed"),
                              (["--set", "plan.name=fp32"], "would change what the points differ in"),
                              (["--set", "run.out=x"], "not for a study to set"), (["--set", "train.epoch=1"], "unknown key"),
                              (["--out", ""], "--out needs")):
            with self.subTest(options):
                self.assert_refused("study", "study.ini", *options, says=says)
        self.assert_refused("study", "missing.ini", says="study file 'missing.ini' does not exist")
        self.assert_refused("study", says="FILE.ini")
        self.assert_refused("study", "study.ini", "--out", "study.ini", says="study.ini")
        self.assertEqual(self.files(), ["study.ini"])


if __name__ == "__main__":
    program.main()
