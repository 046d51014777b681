#!/usr/bin/python3
"""Tests of what the world does to a run: kill -9 at random moments, closed pipes and terminals, disks that fill or are
read-only, a second run on the same output, data that changes while it is read.

    faults_test.py PRECSIM

The environment variable PRECSIM_KILLS sets the number of kills (default: 10)."""

import contextlib
import gzip
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import zlib
from pathlib import Path

import h5py

import program
import survival_test
from bad_input_test import images, labels
from program import INTERRUPTED, OK, REFUSED, SMALL, settings
from survival_test import ENDLESS

NOBODY = 65534
FRAME = struct.Struct("<4sIIQ")  # of the journal: marker, length, checksum, number


class FaultTest(survival_test.SurvivalTest):
    def training(self, *options, values: dict = {}, **more) -> subprocess.Popen:
        """An endless run that writes run.h5, in the background."""
        words = settings({**ENDLESS, "output.progress": "none", **values})
        return self.start_program("train", *words, "--out", "run.h5", *options, **more)

    def assert_first_rows_of_a_run(self, rows: list[bytes], values: dict = {}):
        """The rows are those that an undisturbed run begins with."""
        self.assertGreater(len(rows), 0)
        self.train({**ENDLESS, **values, "train.max_steps": len(rows)}, "--out", "undisturbed.h5")
        self.assertEqual(rows, self.rows("undisturbed.h5"))
        (self.folder / "undisturbed.h5").unlink()

    def journal_bodies(self, name: str = "run.h5.journal") -> list[bytes]:
        """The whole entries of a journal, by its documented format."""
        path = self.folder / name
        rest, bodies = path.read_bytes() if path.exists() else b"", []
        while len(rest) >= FRAME.size:
            marker, length, checksum, number = FRAME.unpack_from(rest)
            end = FRAME.size + length
            guarded = rest[4:8] + rest[12:end]
            if len(rest) < end or (marker, number, checksum) != (b"PSJ1", len(bodies), zlib.crc32(guarded)):
                break
            bodies.append(rest[FRAME.size : end])
            rest = rest[end:]
        return bodies

    def journal_rows(self, table: int = 0) -> list[bytes]:
        """The rows of one table (0: /training) that the journal holds."""
        return [body[3:] for body in self.journal_bodies() if body[:3] == b"\2" + struct.pack("<H", table)]

    def generation(self) -> int:
        return int(self.read_attributes("run.h5", "/provenance")["record_generation"])


class KillTest(FaultTest):
    KILLS = int(os.environ.get("PRECSIM_KILLS", "10"))
    VALUES = {"record.flush_seconds": 0.05}

    def test_kill_at_any_moment(self):
        """Plain h5py opens the record before, at and after every kill. It is complete to the last flush: what was seen in
        it stays in it, and the rows of the journal go on exactly where its own end. The next start folds those in. All
        rows are those of an undisturbed run."""
        moments = random.Random(1)
        longest, journals = [], 0
        for kill in range(self.KILLS):
            with self.subTest(kill):
                seen = self.kill_after(moments.uniform(0, 1.2))
                self.assertLessEqual(set(self.files()), {"run.h5", "run.h5.journal", "run.h5.partial"})
                flushed, appended = self.rows(), self.journal_rows()
                self.assertEqual(flushed[: len(seen)], seen)
                journals += len(appended) > 0
                self.assert_refused("train", *settings(SMALL), "--out", "run.h5", says=["run.h5 exists already", "--overwrite"])
                after = self.rows()
                overlap = len(flushed) + len(appended) - len(after)  # killed between a flush and the end of its journal
                self.assertIn(overlap, (0, len(appended)))
                self.assertEqual(after[: len(flushed)], flushed)
                self.assertEqual(after[len(after) - len(appended) :], appended)
                self.assertEqual(self.files(), ["run.h5"])
                self.assert_keeps_schema("run.h5")
                self.assertNotIn("outcome", self.read_attributes("run.h5"))
                shorter, longest = sorted((longest, after), key=len)
                self.assertEqual(longest[: len(shorter)], shorter)
                (self.folder / "run.h5").unlink()
        self.assertGreater(journals, 0)
        self.assert_first_rows_of_a_run(longest, self.VALUES)

    def kill_after(self, seconds: float) -> list[bytes]:
        """Kills a run that long after its record is there; the rows that were last seen in the record."""
        process = self.training(values=self.VALUES)
        self.wait_for((self.folder / "run.h5").exists, process)
        seen, generation = [], -1
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen = self.rows()
            generation, before = self.generation(), generation
            self.assertGreaterEqual(generation, before)
            time.sleep(0.003)
        self.assertIsNone(process.poll(), "it ended by itself")
        process.kill()
        process.wait()
        self.assertGreaterEqual(self.generation(), generation)
        return seen


class LeftAloneTest(FaultTest):
    """Whoever started the run goes away: the terminal, the reader of a pipe."""

    def test_a_closed_terminal_ends_the_run_with_everything_kept(self):
        process = self.training("--quiet", values={"record.flush_seconds": 1000})
        self.wait_for_rows(process)
        process.send_signal(signal.SIGHUP)
        _, sentence = process.communicate(timeout=program.MOST_SECONDS)
        self.assertEqual(process.returncode, INTERRUPTED)
        self.assertRegex(sentence, r"\Aprecsim: interrupted after \d+ steps[^\n]*run\.h5[^\n]*\n\Z")
        self.assertEqual((self.files(), self.read_attributes("run.h5")["outcome"]), (["run.h5"], "interrupted"))
        self.assert_first_rows_of_a_run(self.rows())

    def test_nohup_keeps_it_going(self):
        words = settings({**ENDLESS, "record.flush_seconds": 1000})
        process = subprocess.Popen([program.program(), "train", "--quiet", *words, "--out", "run.h5"], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_for_rows(process)
        process.send_signal(signal.SIGHUP)
        size = (self.folder / "run.h5.journal").stat().st_size
        self.wait_for(lambda: (self.folder / "run.h5.journal").stat().st_size > size + 300000, process)

    def test_a_second_signal_ends_it_at_once_and_the_journal_keeps_everything(self):
        process = self.training("--quiet", values={"record.flush_seconds": 1000, "data.train_size": 2000, "train.batch": 2000})
        self.wait_for(lambda: len(self.journal_rows()) > 0, process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        self.assertIn(process.wait(timeout=program.MOST_SECONDS), (-signal.SIGTERM, INTERRUPTED))
        appended = self.journal_rows()
        self.assert_refused("train", *settings(SMALL), "--out", "run.h5", says="exists already")
        self.assertEqual(self.rows()[: len(appended)], appended)
        self.assertEqual(self.files(), ["run.h5"])

    def test_a_reader_that_goes_away_ends_no_run(self):
        """The record is finished; that the result could not be printed is told."""
        for stream, code in (("stdout", REFUSED), ("stderr", OK)):
            with self.subTest(stream):
                words = settings({**SMALL, "train.epochs": 20, "output.progress": "lines"})
                process = self.start_program("train", *words, "--out", "run.h5")
                getattr(process, stream).close()
                other = process.stderr if stream == "stdout" else process.stdout
                text = other.read()
                self.assertEqual(process.wait(timeout=program.MOST_SECONDS), code)
                if code == REFUSED:
                    self.assertTrue(text.endswith("precsim: cannot write to standard output\n"), text)
                self.assertEqual(self.read_attributes("run.h5")["outcome"], "finished")
                self.assertEqual(len(self.rows()), 40)
                self.assertEqual(self.files(), ["run.h5"])
                (self.folder / "run.h5").unlink()


class DiskTest(FaultTest):
    @contextlib.contextmanager
    def file_system(self, options: str):
        place = self.folder / "small"
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", options, "precsim", str(place)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("mounting a small file system needs more rights than there are")
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)

    def test_a_journal_that_fills_the_disk_is_folded_in_once_there_is_room(self):
        with self.file_system("size=600k") as place:
            words = [*settings({**ENDLESS, "record.flush_seconds": 1000, "record.stats_every": 1}), "--out", "small/run.h5"]
            self.assert_refused("train", "--quiet", *words, says=["cannot write small/run.h5.journal", "No space left"])
            appended = self.journal_rows_of("small/run.h5.journal")
            self.assertGreater(len(appended), 2)
            self.assertFalse((place / "run.h5.partial").exists())
            self.assertEqual(self.rows("small/run.h5"), [])
            self.assert_refused("train", *words)  # no room to fold it in, and nothing is lost by trying
            self.assertFalse((place / "run.h5.partial").exists())
            if (place / "run.h5.journal").exists():
                self.assertEqual(self.journal_rows_of("small/run.h5.journal"), appended)
            subprocess.run(["mount", "-o", "remount,size=20m", str(place)], check=True)
            self.assert_refused("train", *words, says="exists already")
            self.assertEqual(self.rows("small/run.h5"), appended)
            self.assertEqual(os.listdir(place), ["run.h5"])

    def journal_rows_of(self, name: str) -> list[bytes]:
        return [body[3:] for body in self.journal_bodies(name) if body[:3] == b"\2\0\0"]

    def test_a_read_only_file_system_is_left_as_it_is(self):
        with self.file_system("size=20m") as place:
            self.train({}, "--out", "small/run.h5")
            first = (place / "run.h5").read_bytes()
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
            for words in (("--out", "small/run.h5", "--overwrite"), ("--out", "small/new.h5")):
                self.assert_training_refused({}, ["small/", "Read-only file system"], words)
            self.assertEqual(((place / "run.h5").read_bytes(), os.listdir(place)), (first, ["run.h5"]))
            self.assert_runs("compare", "--exact", "small/run.h5", "small/run.h5")

    def as_nobody(self):
        """For a run without the rights of root, who may write everywhere."""
        if os.geteuid() != 0:
            return {}
        for path in Path(program.program()).parents:
            if not path.stat().st_mode & 0o005:
                self.skipTest(f"{path} is closed to others, so that only root could run the program")

        def drop():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        return {"prepare": drop}

    def test_a_read_only_folder_is_left_as_it_is(self):
        self.train({}, "--out", "run.h5")
        (self.folder / "run.h5").chmod(0o666)
        first = (self.folder / "run.h5").read_bytes()
        others = self.as_nobody()
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o700)
        for words in (("--out", "run.h5", "--overwrite"), ("--out", "new.h5")):
            self.assert_training_refused({}, [words[1], "Permission denied"], words, **others)
        self.assertEqual(((self.folder / "run.h5").read_bytes(), self.files()), (first, ["run.h5"]))

    def test_a_read_only_record_is_not_replaced(self):
        """--overwrite replaces records, but not one whose owner has taken the right to write it from everyone."""
        self.train({}, "--out", "run.h5")
        first = (self.folder / "run.h5").read_bytes()
        (self.folder / "run.h5").chmod(0o444)
        others = self.as_nobody()
        self.folder.chmod(0o777)
        self.assert_training_refused({}, ["run.h5", "read-only"], ("--out", "run.h5", "--overwrite"), **others)
        self.assertEqual(((self.folder / "run.h5").read_bytes(), self.files()), (first, ["run.h5"]))


class TwoRunsTest(FaultTest):
    def test_a_second_run_is_refused_and_the_first_unharmed(self):
        values = {"train.epochs": 150, "schedule.name": "constant", "record.flush_seconds": 0.05, "record.stats_every": 0}
        first = self.start_program("train", "--quiet", "--json", *settings({**SMALL, **values}), "--out", "run.h5")
        self.wait_for((self.folder / "run.h5").exists, first)
        refusals = 0
        while first.poll() is None:
            for more in ((), ("--overwrite",)):
                result = self.run_program("train", "--quiet", *settings(SMALL), "--out", "run.h5", *more)
                if first.poll() is None:
                    self.assertEqual(result.returncode, REFUSED, result.stderr)
                    self.assertIn("another process is writing this record", result.stderr)
                    refusals += 1
            if refusals >= 6:
                break
        self.assertEqual(first.wait(timeout=program.MOST_SECONDS), OK)
        self.assertGreaterEqual(refusals, 2, "the first run was too short for this test")
        self.assertEqual((self.files(), len(self.rows())), (["run.h5"], 300))
        self.assert_first_rows_of_a_run(self.rows(), values)

    def test_of_many_that_start_at_once_one_writes_the_record(self):
        runs = [self.start_program("train", "--quiet", *settings({**SMALL, "run.seed": seed}), "--out", "run.h5") for seed in range(8)]
        ended = [run.communicate(timeout=program.MOST_SECONDS) for run in runs]
        self.assertEqual(sorted(run.returncode for run in runs), [OK] + [REFUSED] * 7, ended)
        winner = [run.returncode for run in runs].index(OK)
        self.assertEqual((self.files(), self.read_attributes("run.h5")["seed"]), (["run.h5"], winner))
        for run, (_, sentence) in zip(runs, ended):
            if run.returncode == REFUSED:
                self.assertRegex(sentence, r"\Aprecsim: [^\n]*(another process|exists already)[^\n]*\n\Z")


class DataTest(FaultTest):
    """The files of a data set change while they are read. The run is stopped in the middle of one by SIGSTOP."""

    COUNT = 30000

    def setUp(self):
        super().setUp()
        whole = images(self.COUNT)
        self.write("data/train-images-idx3-ubyte.gz", gzip.compress(whole, 1))
        self.write("data/train-labels-idx1-ubyte", labels(self.COUNT))
        self.write("data/t10k-images-idx3-ubyte", images(20))
        self.write("data/t10k-labels-idx1-ubyte", labels(20))
        self.images = self.folder / "data/train-images-idx3-ubyte.gz"

    def stopped_in_the_images(self) -> subprocess.Popen:
        values = {**SMALL, "data.name": "mnist", "data.path": "data", "train.max_steps": 1, "data.train_size": 32}
        process = self.start_program("train", "--quiet", *settings(values), "--out", "run.h5")
        self.wait_for(lambda: self.is_reading(process.pid), process)
        process.send_signal(signal.SIGSTOP)
        self.assertTrue(self.is_reading(process.pid), "it was stopped too late")
        return process

    def is_reading(self, pid: int) -> bool:
        """Whether the process has read a part of the images."""
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link) == str(self.images.resolve()):
                    position = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split()[1]
                    return 0 < int(position) < self.images.stat().st_size
        return False

    def goes_on(self, process: subprocess.Popen, code: int) -> str:
        process.send_signal(signal.SIGCONT)
        _, sentence = process.communicate(timeout=program.MOST_SECONDS)
        self.assertEqual(process.returncode, code, sentence)
        return sentence

    def assert_refuses(self, process: subprocess.Popen, *says: str):
        sentence = self.goes_on(process, REFUSED)
        self.assertRegex(sentence, r"\Aprecsim: [^\n]*\n\Z")
        for part in says:
            self.assertIn(part, sentence)
        self.assertEqual(self.files(), ["data"])

    def test_a_file_that_becomes_shorter(self):
        process = self.stopped_in_the_images()
        os.truncate(self.images, 1000)
        self.assert_refuses(process, self.images.name, "truncated")

    def test_a_file_that_vanishes_while_it_is_open_is_read_to_its_end(self):
        process = self.stopped_in_the_images()
        self.images.unlink()
        self.goes_on(process, OK)
        self.assertEqual(len(self.rows()), 1)

    def test_a_file_that_vanishes_before_it_is_opened(self):
        process = self.stopped_in_the_images()
        (self.folder / "data/train-labels-idx1-ubyte").unlink()
        self.assert_refuses(process, "train-labels-idx1-ubyte", "does not exist")

    def test_a_file_that_is_overwritten(self):
        process = self.stopped_in_the_images()
        with open(self.images, "r+b") as file:
            file.write(bytes(self.images.stat().st_size))
        self.assert_refuses(process, self.images.name)


if __name__ == "__main__":
    program.main()
