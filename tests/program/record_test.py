#!/usr/bin/python3
"""Tests of the record that a run leaves behind, however it ends: schema, series, statistics, summary, outcome.

    record_test.py PRECSIM"""

import json
import math
import signal
import time

import h5py
import numpy

import program
from program import DIVERGED, INTERRUPTED, SMALL, SMALL_STEPS, ProgramTest, settings

TABLES = {"training", "evaluation", "tensor_statistics", "exponent_histograms", "octave_errors", "products", "telemetry",
          "summary"}
CONTROLLED = "exponent_control"  # without rows where no format has controllers
OPERANDS = {"weights", "activations", "errors"}
ALL_BITS = {f"plan.{role}": "dfp16" for role in ("weights", "activations", "errors")}  # headroom 0
ENDLESS = {"train.epochs": 1000000, "record.stats_every": 0}


class RecordTest(ProgramTest):
    def assert_agrees(self, record: str, figures: dict):
        """Summary, tables, attributes and what was printed say the same."""
        summary = {row["name"].decode(): row["value"] for row in self.read_table(record, "summary")}
        for name, value in summary.items():
            printed = figures[name]
            known = printed is not None or not math.isfinite(value)
            self.assertTrue(known and (printed is None or printed == value), f"{name}: {value} and {printed}")
        training = self.read_table(record, "training")
        evaluation = self.read_table(record, "evaluation")
        self.assertEqual(list(training["step"]), list(range(int(summary["steps"]))))
        self.assertEqual(summary["skipped_steps"], training["skipped"].sum())
        if len(training):
            self.assertEqual(summary["training_loss"], training["loss"][-1])
        if len(evaluation):
            self.assertEqual((summary["test_accuracy"], summary["test_loss"]),
                             (evaluation["accuracy"][-1], evaluation["loss"][-1]))
            self.assertTrue((evaluation["accuracy"] == evaluation["correct"] / evaluation["images"]).all())
        else:
            self.assertTrue(math.isnan(summary["test_accuracy"]) and math.isnan(summary["test_loss"]))
        attributes = self.read_attributes(record)
        for name in ("outcome", "state_hash", "configuration_hash"):
            self.assertEqual(attributes[name], figures[name])
        self.assertEqual(attributes["outcome_message"], figures["message"])
        self.assertEqual(self.read_attributes(record, "/provenance")["seconds"], figures["seconds"])

    def recorded_steps(self, record: str, table: str = "tensor_statistics") -> list[int]:
        return sorted({int(step) for step in self.read_table(record, table)["step"]})


class FinishedTest(RecordTest):
    def test_the_record_keeps_the_schema_and_agrees_with_what_was_printed(self):
        figures = self.train({}, "--out", "run.h5")
        self.assertEqual(self.files(), ["run.h5"])
        self.assertEqual(figures["outcome"], "finished")
        self.assert_keeps_schema("run.h5")
        self.assert_agrees("run.h5", figures)
        with h5py.File(self.folder / "run.h5", "r") as file:
            self.assertEqual(set(file), TABLES | {CONTROLLED, "provenance"})
            self.assertEqual(len(file[CONTROLLED]), 0)
            self.assertEqual(file.attrs["seed"], 1)
            self.assertEqual(file["provenance"].attrs["threads"], 1)
            for table in TABLES:
                self.assertGreater(len(file[table]), 0, table)

    def test_statistics_come_at_the_first_and_the_last_step_and_in_between_as_asked(self):
        for every, steps in ((0, [0, 3]), (1, [0, 1, 2, 3]), (2, [0, 2, 3]), (100, [0, 3])):
            with self.subTest(every):
                self.train({"record.stats_every": every}, "--out", f"{every}.h5")
                for table in ("tensor_statistics", "exponent_histograms", "octave_errors", "products", "telemetry"):
                    self.assertEqual(self.recorded_steps(f"{every}.h5", table), steps, table)

    def test_statistics_fit_together(self):
        figures = self.train({"record.stats_every": 1}, "--out", "run.h5")
        statistics = self.read_table("run.h5", "tensor_statistics")
        histograms = self.read_table("run.h5", "exponent_histograms")
        octaves = self.read_table("run.h5", "octave_errors")
        keys = ["step", "layer", "role", "use"]
        self.assertEqual(len(statistics), len(numpy.unique(statistics[keys])))
        for other in (histograms, octaves):
            self.assertTrue((statistics[keys] == other[keys]).all())
        filled = statistics["count"] - statistics["nonfinite"]
        self.assertTrue((histograms["counts"].sum(axis=1) + histograms["zeros"] == filled).all())
        self.assertTrue((octaves["counts"].sum(axis=1) + statistics["zeros"] == filled).all())
        self.assertTrue((statistics["absmax"] == numpy.maximum(abs(statistics["min"]), abs(statistics["max"]))).all())
        roles = {role.decode() for role in statistics["role"]}
        self.assertTrue(OPERANDS < roles)
        for role in roles:
            of_role = statistics[statistics["role"] == role.encode()]
            sqnr = of_role["sqnr_db"]
            formats = {text.decode() for text in of_role["format"]}
            if role in OPERANDS:
                self.assertEqual(formats, {"dfp16:headroom=1"})
                self.assertEqual(figures[f"worst_sqnr_{role}"], sqnr.min())
                self.assertAlmostEqual(figures[f"mean_sqnr_{role}"], sqnr[numpy.isfinite(sqnr)].mean(), 9)
            else:
                self.assertEqual(formats, {"fp32"})
                self.assertTrue((of_role["max_abs_error"] == 0).all() and not numpy.isfinite(sqnr).any())

    def test_controlled_exponents_are_told_of_every_recorded_step(self):
        for plan in ("flex16+5", "dfxp12"):
            with self.subTest(plan):
                self.train({"plan.name": plan, "record.stats_every": 1}, "--out", f"{plan}.h5")
                self.assert_keeps_schema(f"{plan}.h5")
                control = self.read_table(f"{plan}.h5", CONTROLLED)
                statistics = self.read_table(f"{plan}.h5", "tensor_statistics")
                operands = statistics[statistics["blocks"] == 1]
                keys = ["step", "layer", "role", "use", "format"]
                self.assertTrue((control[keys] == operands[keys]).all())
                self.assertTrue((control["exponent"] == operands["exponent_min"]).all())
                self.assertTrue((control["conversions"] == control["step"] + 1).all())
                for layer, role in {(row["layer"], row["role"]) for row in control}:
                    rows = control[(control["layer"] == layer) & (control["role"] == role)]
                    self.assertEqual(len(rows), SMALL_STEPS)
                    self.assertTrue((rows["next_exponent"][:-1] == rows["exponent"][1:]).all())
                    moved = (rows["exponent"][1:] != rows["exponent"][:-1]).cumsum()
                    self.assertTrue((rows["moves"][1:] == moved).all())
                    self.assertTrue((rows["overflows"] == (rows["at_limit"] > 0).cumsum()).all())

    def test_telemetry_has_every_layer_and_pass_of_every_recorded_step(self):
        figures = self.train({"record.stats_every": 1}, "--out", "run.h5")
        telemetry = self.read_table("run.h5", "telemetry")
        calls = {(row["step"], row["layer"], row["pass"]) for row in telemetry}
        layers = {b"conv1", b"conv2", b"fc1", b"fc2", b"fc3"}
        passes = {b"forward", b"input_gradient", b"weight_gradient"}
        expected = {(step, layer, way) for step in range(SMALL_STEPS) for layer in layers for way in passes
                    if (layer, way) != (b"conv1", b"input_gradient")}
        self.assertEqual(calls, expected)
        self.assertEqual(len(telemetry), len(expected))
        products = self.read_table("run.h5", "products")
        self.assertEqual({(row["step"], row["layer"], row["pass"]) for row in products}, expected)
        self.assertEqual(len(products), len(expected))
        self.assertEqual(figures["integer_mac_share"], 1)
        self.assertEqual(telemetry["overflow_events"].sum(), 0)
        self.assertTrue((products["proved"] == 1).all())

    def test_all_bits_in_one_lane_overflow_and_the_rule_matters(self):
        endings = {}
        for rule in ("wrap", "saturate"):
            figures = self.train({**ALL_BITS, "plan.accumulator": f"int32:chain=inf,overflow={rule}",
                                  "record.stats_every": 1}, "--out", f"{rule}.h5")
            telemetry = self.read_table(f"{rule}.h5", "telemetry")
            self.assertGreater(figures["overflow_events"], 0)
            # What is counted while training is what the table has; evaluation calls are counted but not recorded.
            self.assertGreaterEqual(figures["overflow_events"], telemetry["overflow_events"].sum())
            self.assertGreater(telemetry["overflow_events"].sum(), 0)
            overflowing = telemetry[telemetry["overflow_events"] > 0]
            self.assertTrue((overflowing["first_output"] >= 0).all() and (overflowing["overflow_outputs"] > 0).all())
            self.assertTrue((telemetry[telemetry["overflow_events"] == 0]["first_output"] == -1).all())
            self.assertTrue((self.read_table(f"{rule}.h5", "products")["chain_length"] == 0).all())
            endings[rule] = figures["state_hash"]
        self.assertNotEqual(endings["wrap"], endings["saturate"])

    def test_the_longest_accumulator_name_has_room(self):
        long = "fp8_e4m3fn:overflow=saturate,product=fp8_e4m3fn:overflow=saturate@stochastic:bits=31"
        self.train({"plan.name": "fp32", "plan.float_accumulator": long, "train.max_steps": 1}, "--out", "run.h5")
        self.assertEqual({name.decode() for name in self.read_table("run.h5", "telemetry")["semantics"]}, {long})

    def test_skipped_steps_are_recorded(self):
        figures = self.train({"plan.name": "fp16", "loss_scale.initial": 2.0**30}, "--out", "run.h5")
        training = self.read_table("run.h5", "training")
        self.assertEqual(figures["skipped_steps"], training["skipped"].sum())
        self.assertGreater(figures["skipped_steps"], 0)
        self.assertEqual(training["loss_scale"][0], 2.0**30)
        self.assertLess(training["loss_scale"][-1], 2.0**30)

    def test_many_steps_take_seconds(self):
        start = time.monotonic()
        figures = self.train({"data.train_size": 64 * 60, "train.batch": 64, "train.epochs": 1}, "--out", "run.h5")
        self.assertEqual(figures["steps"], 60)
        if not program.is_sanitized():
            self.assertLess(time.monotonic() - start, 60)


class DivergedTest(RecordTest):
    def test_a_run_that_diverges_is_a_result(self):
        figures = self.train({"optimizer.lr": 1e6, "train.epochs": 20}, "--out", "run.h5", code=DIVERGED)
        self.assertEqual(figures["outcome"], "diverged")
        self.assertRegex(figures["message"], r"^step \d+: .*layer")
        self.assertEqual(self.files(), ["run.h5"])
        self.assert_keeps_schema("run.h5")
        self.assert_agrees("run.h5", figures)

    def test_the_exit_comes_with_one_sentence(self):
        result = self.assert_runs("train", "--quiet", *settings({**SMALL, "optimizer.lr": 1e6, "train.epochs": 20}),
                                  "--out", "run.h5", code=DIVERGED)
        self.assertRegex(result.stderr, r"\Aprecsim: diverged: step \d+: [^\n]+ run\.h5\n\Z")
        self.assertIn("test_accuracy", result.stdout)

    def test_what_was_never_evaluated_has_no_accuracy(self):
        figures = self.train({"loss_scale.mode": "static", "loss_scale.initial": 1e-300}, "--out", "run.h5", code=DIVERGED)
        self.assertEqual((figures["steps"], figures["test_accuracy"], figures["test_loss"]), (0, None, None))
        self.assert_agrees("run.h5", figures)


class InterruptedTest(RecordTest):
    def interrupt(self, number: int, at_epoch: int, values: dict = {}) -> tuple[str, str]:
        """Output and sentences of an endless run that was sent the signal after its so-manieth evaluation."""
        words = settings({**SMALL, **ENDLESS, "output.progress": "lines", **values})
        process = self.start_program("train", "--json", *words, "--out", "run.h5")
        lines = []
        while not lines or not lines[-1].startswith(f"epoch {at_epoch} "):
            lines.append(process.stderr.readline())
            self.assertTrue(lines[-1], "".join(lines))
        process.send_signal(number)
        out, sentences = process.communicate(timeout=program.MOST_SECONDS)
        self.assertEqual(process.returncode, INTERRUPTED)
        return out, sentences

    def test_every_signal_ends_the_run_with_everything_kept(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            (self.folder / "run.h5").unlink(missing_ok=True)
            with self.subTest(number):
                out, sentences = self.interrupt(number, 3)
                figures = json.loads(out)
                self.assertEqual(figures["outcome"], "interrupted")
                self.assertGreaterEqual(figures["steps"], 6)
                self.assertRegex(sentences, rf"precsim: interrupted after {int(figures['steps'])} steps[^\n]* run\.h5\n\Z")
                self.assertEqual(self.files(), ["run.h5"])
                self.assert_keeps_schema("run.h5")
                self.assert_agrees("run.h5", figures)

    def test_before_the_first_step_is_early_enough(self):
        words = settings({**SMALL, "data.train_size": 4000})
        process = self.start_program("train", "--quiet", "--json", *words, "--out", "run.h5")
        while not self.catches_signals(process.pid):
            self.assertIsNone(process.poll(), "it ended before it was asked to")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=program.MOST_SECONDS)
        self.assertEqual(process.returncode, INTERRUPTED)
        figures = json.loads(out)
        self.assertEqual((figures["steps"], figures["test_accuracy"]), (0, None))
        self.assert_keeps_schema("run.h5")
        self.assert_agrees("run.h5", figures)

    @staticmethod
    def catches_signals(pid: int) -> bool:
        with open(f"/proc/{pid}/status") as status:
            caught = next(line for line in status if line.startswith("SigCgt:"))
        return int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1 == 1

    def test_an_interrupted_run_is_the_beginning_of_the_whole_one(self):
        self.interrupt(signal.SIGINT, 2, {"schedule.name": "constant"})
        steps = len(self.read_table("run.h5", "training"))
        self.train({"train.epochs": (steps + 1) // 2, "schedule.name": "constant", "record.stats_every": 0}, "--out", "whole.h5")
        self.assertEqual(self.read_table("run.h5", "training").tobytes(),
                         self.read_table("whole.h5", "training")[:steps].tobytes())


if __name__ == "__main__":
    program.main()
