#!/usr/bin/python3
"""Tests of the settings of a training run: where they come from, which wins, what is refused, and what is printed.

    settings_test.py PRECSIM"""

import json
import os
import pty
import re

import program
from program import SMALL, SMALL_STEPS, ProgramTest, settings

BOM = b"\xef\xbb\xbf"


class SettingsTest(ProgramTest):
    def print_config(self, *arguments) -> str:
        return self.assert_runs("train", "--print-config", *arguments).stdout

    def resolved(self, *arguments) -> dict:
        """Every key with its value."""
        values, section = {}, ""
        for line in self.print_config(*arguments).splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                values[f"{section}.{key.strip()}"] = value.strip()
        return values

    def assert_config_refused(self, content: bytes | str, says=()):
        path = self.write("bad.ini", content)
        self.assert_refused("train", "--config", path, "--print-config", says=says)


class PrintConfigTest(SettingsTest):
    def test_every_key_comes_with_meaning_default_and_valid_values(self):
        lines = self.print_config().splitlines()
        keys = 0
        for number, line in enumerate(lines):
            if line and not line.startswith(("#", "[")):
                keys += 1
                comment = []
                while lines[number - 1 - len(comment)].startswith("#"):
                    comment.insert(0, lines[number - 1 - len(comment)])
                text = " ".join(part.lstrip("# ") for part in comment)
                self.assertRegex(text, r"^[A-Z].*\. (Unit: .*\. )?Default: .*\. Valid: .*\.$", line)
        self.assertEqual(keys, len(self.resolved()))
        self.assertGreaterEqual(keys, 30)

    def test_units_are_told(self):
        for unit in ("images", "epochs", "steps", "threads", "s"):
            self.assertIn(f"Unit: {unit}. ", self.print_config())

    def test_reads_back_to_the_same_text_and_the_same_run(self):
        changes = {**SMALL, "optimizer.lr": "3e-2", "plan.weights": "dfp12:block=6@stochastic:bits=8",
                   "plan.conv1.errors.weight_gradient": "dfp8", "plan.accumulator.forward": "int32:chain=64",
                   "schedule.name": "step", "schedule.step_epochs": "1", "run.out": "first.h5"}
        text = self.print_config(*settings(changes))
        path = self.write("read_back.ini", text)
        self.assertEqual(self.print_config("--config", path), text)
        first = self.train(changes)
        second = json.loads(self.assert_runs("train", "--config", path, "--json", "--quiet", "--out", "second.h5").stdout)
        self.assertEqual(first["configuration_hash"], second["configuration_hash"])
        self.assertEqual(first["state_hash"], second["state_hash"])
        self.assertEqual(self.read_attributes("first.h5")["configuration"],
                         self.read_attributes("second.h5")["configuration"])

    def test_the_recorded_configuration_is_a_configuration(self):
        first = self.train({"plan.rounding": "biased"}, "--out", "run.h5")
        path = self.write("recorded.ini", self.read_attributes("run.h5")["configuration"])
        again = json.loads(self.assert_runs("train", "--config", path, "--json", "--quiet").stdout)
        self.assertEqual(again["configuration_hash"], first["configuration_hash"])
        self.assertEqual(again["configuration_hash"], self.read_attributes("run.h5")["configuration_hash"])

    def test_the_hash_is_that_of_what_can_change_bits(self):
        def hash_of(**values):
            return self.train(values)["configuration_hash"]

        plain = hash_of()
        self.assertEqual(plain, hash_of(**{"run.threads": 2, "record.flush_seconds": 1, "output.progress": "none"}))
        self.assertEqual(plain, hash_of(**{"optimizer.lr": "5.0e-2"}))
        for key, value in (("run.seed", 2), ("optimizer.lr", 0.06), ("plan.rounding", "biased"), ("record.stats_every", 1)):
            self.assertNotEqual(plain, hash_of(**{key: value}), key)


class PrecedenceTest(SettingsTest):
    def test_default_file_set_option(self):
        path = self.write("some.ini", "[run]\nseed = 11\nthreads = 1\n[optimizer]\nlr = 0.25\nmomentum = 0.5\n")
        self.assertEqual(self.resolved()["run.seed"], "1")
        self.assertEqual(self.resolved("--config", path)["run.seed"], "11")
        two = ["--config", path, "--set", "run.seed=12", "--set", "optimizer.lr=0.125"]
        self.assertEqual(self.resolved(*two)["run.seed"], "12")
        for order in ([*two, "--seed", "13"], ["--seed", "13", *two]):
            values = self.resolved(*order)
            self.assertEqual([values[key] for key in ("run.seed", "optimizer.lr", "optimizer.momentum", "train.batch")],
                             ["13", "0.125", "0.5", "64"])

    def test_options_are_keys(self):
        values = self.resolved("--threads", 2, "--out", "x.h5", "--overwrite", "--quiet", "--json")
        self.assertEqual([values[key] for key in ("run.threads", "run.out", "run.overwrite", "output.quiet", "output.json")],
                         ["2", "x.h5", "true", "true", "true"])

    def test_a_later_setting_refines_a_plan(self):
        path = self.write("plan.ini", "[plan]\nname = dfp8\nweights = dfp4\n[plan.fc]\nweights = fp32\n")
        values = self.resolved("--config", path, "--set", "plan.weights=dfp6")
        self.assertEqual((values["plan.name"], values["plan.weights"], values["plan.fc.weights"]), ("dfp8", "dfp6", "fp32"))

    def test_once_per_source(self):
        self.assert_config_refused("[run]\nseed = 1\n[run]\nseed = 2\n", says=["bad.ini:4", "bad.ini:2", "once"])
        self.assert_refused("train", "--set", "run.seed=1", "--set", "run.seed=2", says="once")


class ConfigFileTest(SettingsTest):
    def test_misspelled_keys_are_told_the_nearest_and_the_place(self):
        for line, nearest in (("[optimizer]\nlearningrate = 1", "optimizer"), ("[optimzer]\nlr = 1", "'optimizer'"),
                              ("[train]\nbacth = 1", "'train.batch'"), ("[train]\nlr = 1", "'optimizer.lr'"),
                              ("[plan]\nweigths = fp16", "'weights'"), ("[plan.conv1]\nwieghts = fp16", "'weights'"),
                              ("[plan]\nweights.foward = fp16", "'forward'")):
            with self.subTest(line):
                self.assert_config_refused(line + "\n", says=[nearest, "bad.ini:"])
        self.assert_refused("train", "--set", "optimizer.lrr=1", says=["--set", "'optimizer.lr'"])
        self.assert_refused("train", "--set", "model.name=lenet", "--print-config", says="'lenet5'")
        self.assert_refused("train", "--set", "data.name=minst", "--print-config", says="'mnist'")
        self.assert_refused("train", "--set", "plan.name=dfp61", "--print-config", says="'dfp16'")
        self.assert_refused("train", "--set", "schedule.name=cosin", "--print-config", says="'cosine'")

    def test_marks_and_line_ends_of_other_systems_are_read(self):
        plain = self.resolved("--config", self.write("plain.ini", "[run]\nseed = 7\n# note\n[plan]\nweights = dfp8  # x\n"))
        for name, content in (("bom", BOM + b"[run]\nseed = 7\n[plan]\nweights = dfp8"),
                              ("crlf", b"[run]\r\nseed = 7\r\n# note\r\n\r\n[plan]\r\nweights = dfp8\r\n"),
                              ("both", BOM + b"\r\n[run]\r\n\tseed=7 \r\n[plan]\r\nweights=dfp8")):
            with self.subTest(name):
                self.assertEqual(self.resolved("--config", self.write(f"{name}.ini", content)), plain)
        self.assertEqual(plain["run.seed"], "7")

    def test_what_is_no_configuration_is_refused(self):
        for content in (b"\x7fELF\x02\x01\x01\x00", os.urandom(4096) + b"\x00", b"\x00" * 100, b"seed\n", b"= 1\n",
                        b"[run\nseed = 1\n", b"[run]\nseed 1\n", b"; note\n", b"[]\n", b"[Run]\nseed = 1\n", b"[nothing]\n",
                        b"[run]\nseed = 1 2\n", b"[run]\nseed =\n", b"[plan.]\nweights = fp16\n",
                        b"[plan.a.b.c]\nweights = fp16\n", b"a" * (1 << 20) + b"= 1\n", b"\xff\xfe[\x00r\x00u\x00n\x00]\x00"):
            with self.subTest(content[:20]):
                self.assert_config_refused(content)

    def test_files_that_cannot_be_read_are_refused(self):
        self.write("huge.ini", "#" * (1 << 20) + "\n")
        for path in ("absent.ini", ".", "/dev/zero", "", "huge.ini", "x" * 300):
            with self.subTest(path):
                self.assert_refused("train", "--config", path, "--print-config", says="configuration")

    def test_a_long_file_takes_no_long_time(self):
        lines = "".join(f"layer{i}.weights = dfp8\n" for i in range(25000))
        self.assert_refused("train", "--quiet", "--config", self.write("long.ini", "[plan]\n" + lines), says="layer")


class ValueTest(SettingsTest):
    def test_numbers_out_of_range_are_refused(self):
        for key, values in (("run.seed", ["-1", "4294967296", "1.5", "0x10", "", "1e3", "9" * 40]),
                            ("run.threads", ["-1", "1025", "two"]),
                            ("train.batch", ["0", "-64", "1e18", "9223372036854775808", "18446744073709551617", "64,"]),
                            ("train.epochs", ["0", "-1", "1e18"]), ("train.eval_batch", ["0"]), ("train.max_steps", ["-1"]),
                            ("data.train_size", ["-1", "1e18", "9223372036854775807", "nan"]),
                            ("optimizer.lr", ["nan", "inf", "-inf", "0", "-0.1", "1e7", "1e999", "1e-999", "0,1", "1f", "+1"]),
                            ("optimizer.momentum", ["1", "-0.1", "nan"]), ("optimizer.nesterov", ["2", "maybe", "TRUE"]),
                            ("schedule.step_epochs", ["2,1", "1,1", "0", "a", "1,,2"]), ("loss_scale.backoff", ["0", "1"]),
                            ("record.flush_seconds", ["-1", "nan"]), ("output.progress", ["Auto", "never"])):
            for value in values:
                with self.subTest(key, value=value):
                    self.assert_refused("train", "--print-config", "--set", f"{key}={value}", says=[key, "must be"])

    def test_seed_and_threads_say_what_is_valid(self):
        self.assert_refused("train", "--seed", "-1", says=["--seed", "0 to 4294967295"])
        self.assert_refused("train", "--seed=-1", says=["--seed", "0 to 4294967295"])
        self.assert_refused("train", "--threads", "1025", says=["--threads", "0 to 1024"])

    def test_keys_without_effect_are_refused(self):
        step = {"schedule.name": "step", "schedule.step_epochs": "1"}
        for values in ({"schedule.gamma": 0.5}, {"schedule.step_epochs": "1"}, {**step, "schedule.final_lr": 0.01},
                       {"schedule.name": "constant", "schedule.final_lr": 0.01}, {"loss_scale.initial": 8},
                       {"loss_scale.mode": "static", "loss_scale.growth": 4}, {"plan.name": "fp16", "loss_scale.mode": "none",
                                                                              "loss_scale.interval": 10},
                       {"data.name": "mnist", "data.path": ".", "data.seed": 2}, {"data.path": "."},
                       {"optimizer.momentum": 0, "optimizer.nesterov": "true"},
                       {"optimizer.momentum": 0, "plan.momentum": "fp16"}):
            with self.subTest(values):
                self.assert_training_refused(values, says=list(values)[-1])
        for values in ({**step, "schedule.gamma": 0.5}, {"plan.name": "fp16", "loss_scale.interval": 10}):
            self.train({**values, "train.max_steps": 1})


class OutputTest(SettingsTest):
    def test_every_number_of_threads_that_is_valid_runs(self):
        hashes = {self.train({"run.threads": count})["state_hash"] for count in (0, 1, 2, 16)}
        self.assertEqual(len(hashes), 1)

    def test_threads_that_the_system_does_not_start_are_refused(self):
        if program.is_sanitized():
            self.skipTest("sanitizers leave no room for a limit of memory")
        self.assert_training_refused({"run.threads": 1024}, says="run.threads = 1024")

    def test_json_is_the_whole_of_stdout_and_agrees_with_the_table(self):
        figures = self.train()
        self.assertEqual((figures["outcome"], figures["steps"], figures["message"]), ("finished", SMALL_STEPS, ""))
        table = self.assert_runs("train", *settings(SMALL)).stdout
        for name, value in figures.items():
            if isinstance(value, float) and name != "seconds":
                scale = 100 if name in ("test_accuracy", "best_test_accuracy", "integer_mac_share") else 1
                shown = float(re.search(rf"(?m)^{name} +(\S+)", table)[1])
                self.assertAlmostEqual(shown, scale * value, delta=0.051, msg=name)

    def test_quiet_prints_the_result_alone(self):
        loud = self.assert_runs("train", *settings(SMALL))
        quiet = self.assert_runs("train", "--quiet", *settings(SMALL))
        self.assertRegex(loud.stderr, r"(?m)^epoch 2  test accuracy .* %  test loss ")
        self.assertRegex(loud.stderr, rf"(?m)^train 100% {SMALL_STEPS}/{SMALL_STEPS} steps ")
        self.assertEqual(quiet.stderr, "")
        self.assertEqual(quiet.stdout.splitlines()[:-1], loud.stdout.splitlines()[:-1])

    def test_pipes_see_no_control_bytes(self):
        result = self.assert_runs("train", *settings(SMALL), TERM="xterm-256color")
        for text in (result.stdout, result.stderr):
            self.assertNotRegex(text, r"[\x00-\x09\x0b-\x1f\x7f]")

    def test_a_terminal_sees_a_bar_and_no_color_with_no_color(self):
        ours, theirs = pty.openpty()
        process = self.start_program("train", *settings(SMALL), stderr=theirs,
                                     env={**os.environ, "NO_COLOR": "1", "TERM": "xterm-256color"})
        process.communicate()
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:
            pass  # how a terminal's other end says that all was read
        os.close(ours)
        self.assertEqual(process.returncode, program.OK)
        self.assertRegex(seen, rb"\rtrain +\d+%  \[=* *\]")
        self.assertNotIn(b"\x1b", seen)


if __name__ == "__main__":
    program.main()
