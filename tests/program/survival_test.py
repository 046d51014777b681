#!/usr/bin/python3
"""Tests that a record survives: what a journal keeps, full disks, a second run, closed streams.

    survival_test.py PRECSIM"""

import contextlib
import os
import resource
import shutil
import subprocess
import time

import h5py

import program
from program import REFUSED, SMALL, ProgramTest, settings

ENDLESS = {**SMALL, "train.epochs": 1000000, "schedule.name": "constant", "record.stats_every": 5}


class SurvivalTest(ProgramTest):
    def rows(self, record: str = "run.h5") -> list[bytes]:
        """The raw rows of /training; fails unless h5py opens the file and reads all of it."""
        with h5py.File(self.folder / record, "r") as file:
            for table in file.values():
                if isinstance(table, h5py.Dataset):
                    table[:]
            return [row.tobytes() for row in file["training"][:]]

    def wait_for(self, what, process: subprocess.Popen):
        while not what():
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.002)

    def wait_for_rows(self, process: subprocess.Popen, journal: str = "run.h5.journal"):
        """Until the journal has rows of several steps."""
        path = self.folder / journal
        self.wait_for(lambda: path.exists() and path.stat().st_size > 600000, process)


class JournalTest(SurvivalTest):
    def test_rows_of_the_journal_are_not_lost(self):
        process = self.start_program("train", "--quiet", *settings(ENDLESS), "--set", "record.flush_seconds=1000", "--out", "run.h5")
        self.wait_for_rows(process)
        process.kill()
        process.wait()
        self.assertEqual((self.files(), len(self.rows())), (["run.h5", "run.h5.journal"], 0))
        told = self.assert_refused("train", *settings(ENDLESS), "--out", "run.h5", says="rows that an interrupted run had left")
        self.assertRegex(told, r"\(\d+ rows")
        self.assertGreater(len(self.rows()), 0)
        self.assertEqual(self.files(), ["run.h5"])

    def test_a_torn_last_row_is_dropped_and_a_damaged_journal_left_alone(self):
        process = self.start_program("train", "--quiet", *settings(ENDLESS), "--set", "record.flush_seconds=1000", "--out", "run.h5")
        self.wait_for_rows(process)
        process.kill()
        process.wait()
        journal = self.folder / "run.h5.journal"
        whole = journal.read_bytes()
        record = (self.folder / "run.h5").read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for damaged in (b"not a journal" + whole, bytes(flipped)):
            journal.write_bytes(damaged)
            for more in ((), ("--overwrite",)):
                self.assert_refused("train", *settings(SMALL), "--out", "run.h5", *more, says="run.h5.journal")
            self.assertEqual((journal.read_bytes(), (self.folder / "run.h5").read_bytes()), (damaged, record))
        journal.write_bytes(whole[:-7])
        self.assert_refused("train", *settings(SMALL), "--out", "run.h5", says="exists already")
        self.assert_keeps_schema("run.h5")
        self.assertEqual(self.files(), ["run.h5"])

    def test_a_closed_standard_stream_is_not_the_journal(self):
        for closed in (0, 1, 2):
            with self.subTest(closed):
                words = settings({**ENDLESS, "record.flush_seconds": 1000, "output.progress": "lines"})
                process = subprocess.Popen([program.program(), "train", *words, "--out", "run.h5"], cwd=self.folder,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                           preexec_fn=lambda: os.close(closed))
                self.addCleanup(process.kill)
                self.wait_for_rows(process)
                process.kill()
                process.wait()
                self.assert_refused("train", *settings(SMALL), "--out", "run.h5", says="exists already")
                self.assertGreater(len(self.rows()), 0)
                (self.folder / "run.h5").unlink()

    def test_a_closed_output_is_told(self):
        result = self.run_program("info", prepare=lambda: os.close(1))
        self.assertEqual((result.returncode, result.stderr), (REFUSED, "precsim: cannot write to standard output\n"))


class OverwriteTest(SurvivalTest):
    def test_an_existing_record_is_kept_unless_told_otherwise(self):
        self.train({}, "--out", "run.h5")
        first = (self.folder / "run.h5").read_bytes()
        self.assert_training_refused({}, ["run.h5", "--overwrite"], ("--out", "run.h5"))
        self.assertEqual((self.folder / "run.h5").read_bytes(), first)
        self.train({"run.seed": 2}, "--out", "run.h5", "--overwrite")
        self.assertEqual(self.read_attributes("run.h5")["seed"], 2)
        self.assertEqual(self.files(), ["run.h5"])

    def test_the_old_record_stays_until_the_new_one_is_there(self):
        self.train({}, "--out", "run.h5")
        first = (self.folder / "run.h5").read_bytes()
        for values in ({"train.batch": 64}, {"data.name": "mnist"}, {"plan.conv9.weights": "fp16"}):
            self.assert_training_refused(values, (), ("--out", "run.h5", "--overwrite"))
        self.assertEqual((self.folder / "run.h5").read_bytes(), first)
        process = self.start_program("train", "--quiet", *settings(ENDLESS), "--set", "record.flush_seconds=1000",
                                     "--out", "run.h5", "--overwrite")
        self.wait_for_rows(process)
        self.assertEqual((self.folder / "run.h5").read_bytes(), first)
        process.terminate()
        process.wait()
        self.assertNotEqual((self.folder / "run.h5").read_bytes(), first)
        self.assertEqual(self.read_attributes("run.h5")["outcome"], "interrupted")

    def test_only_records_are_overwritten(self):
        self.write("notes.txt", "mine")
        self.write("empty.h5", "")
        with h5py.File(self.folder / "other.h5", "w") as file:
            file["data"] = 1
        for name in ("notes.txt", "empty.h5", "other.h5"):
            content = (self.folder / name).read_bytes()
            self.assert_training_refused({}, name, ("--out", name, "--overwrite"))
            self.assertEqual((self.folder / name).read_bytes(), content)

    def test_one_run_at_a_time(self):
        process = self.start_program("train", "--quiet", *settings(ENDLESS), "--out", "run.h5")
        self.wait_for((self.folder / "run.h5").exists, process)
        self.assert_training_refused({}, "another process", ("--out", "run.h5", "--overwrite"))
        process.terminate()
        process.wait()
        self.assert_keeps_schema("run.h5")

    def test_links_and_odd_names_are_followed(self):
        self.train({}, "--out", "target.h5")
        os.symlink("target.h5", self.folder / "link.h5")
        self.train({"run.seed": 3}, "--out", "link.h5", "--overwrite")
        self.assertTrue((self.folder / "link.h5").is_symlink())
        self.assertEqual(self.read_attributes("target.h5")["seed"], 3)
        os.mkdir(self.folder / "folder")
        os.symlink("folder/later.h5", self.folder / "early.h5")
        self.train({}, "--out", "early.h5")
        self.assertTrue((self.folder / "early.h5").is_symlink() and (self.folder / "folder" / "later.h5").is_file())
        os.symlink("loop.h5", self.folder / "loop.h5")
        self.assert_training_refused({}, "loop.h5", ("--out", "loop.h5"))
        for name in ("a run.h5", "läuft.h5", "-run.h5", os.fsdecode(b"\xff.h5")):
            self.train({}, "--out", "./" + name)
            self.assert_keeps_schema(name)


class FullDiskTest(SurvivalTest):
    def limit(self, size: int):
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    def test_no_room_leaves_the_last_good_record(self):
        """RLIMIT_FSIZE stands for the full disk: a write beyond it fails, as a write to a full disk does."""
        self.train({}, "--out", "run.h5")
        first = (self.folder / "run.h5").read_bytes()
        for size in (0, 1, 5000, 20000, len(first) - 1):
            with self.subTest(size):
                self.assert_training_refused({}, "cannot write", ("--out", "run.h5", "--overwrite"), prepare=self.limit(size))
                self.assertEqual((self.folder / "run.h5").read_bytes(), first)
                self.assertNotIn("run.h5.partial", self.files())
                self.assert_refused("train", *settings(SMALL), "--out", "run.h5", says="exists already")
                self.rows()
                (self.folder / "run.h5").write_bytes(first)
        self.assert_training_refused({}, "cannot write", ("--out", "new.h5"), prepare=self.limit(1000))
        self.assertEqual(self.files(), ["run.h5"])

    def test_no_room_in_the_middle_of_a_run(self):
        for flush, name in ((0, "file.h5"), (1000, "journal.h5")):
            with self.subTest(flush):
                words = [*settings({**ENDLESS, "record.stats_every": 1, "record.flush_seconds": flush}), "--out", name]
                self.assert_refused("train", "--quiet", *words, says=f"cannot write {name}", prepare=self.limit(600000))
                before = self.rows(name)
                self.assertNotIn(name + ".partial", self.files())
                self.assert_refused("train", *words, says="exists already")
                self.assertEqual(self.rows(name)[: len(before)], before)
                self.assertGreater(len(self.rows(name)), 0)
                self.assert_keeps_schema(name)
                self.assertNotIn(name + ".journal", self.files())

    def test_a_full_file_system(self):
        with self.small_file_system("800k") as place:
            self.train({}, "--out", place / "run.h5")
            first = (place / "run.h5").read_bytes()
            words = ["--set", "record.flush_seconds=0", "--set", "record.stats_every=1", "--out", place / "run.h5", "--overwrite"]
            self.assert_refused("train", "--quiet", *settings(ENDLESS)[:-2], *words, says=["cannot write", "No space left"])
            with h5py.File(place / "run.h5", "r") as file:
                self.assertGreater(len(file["training"]), 4)
            self.assertNotEqual((place / "run.h5").read_bytes(), first)
            self.assertFalse((place / "run.h5.partial").exists())

    @contextlib.contextmanager
    def small_file_system(self, size: str):
        place = self.folder / "small"
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "precsim", str(place)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("mounting a small file system needs more rights than there are")
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)

    def test_places_where_no_file_can_be(self):
        self.write("file", "")
        os.mkdir(self.folder / "folder")
        for out in ("file/run.h5", "absent/run.h5", "folder", "folder/", ".", "/dev/full", "/dev/null", "/proc/run.h5", "x" * 300):
            with self.subTest(out):
                self.assert_training_refused({}, out.removesuffix("run.h5"), ("--out", out))
        self.assertEqual(self.files(), ["file", "folder"])
        self.assertEqual(os.listdir(self.folder / "folder"), [])


if __name__ == "__main__":
    program.main()
