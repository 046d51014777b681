#!/usr/bin/python3
"""Tests of `precsim explain`: outputs of recorded runs, of every pass, from any start; two vectors; and refusals.

    explain_test.py PRECSIM"""

import json
import shutil
import struct

import program
from program import SMALL_STEPS, ProgramTest

PASSES = ["forward", "input_gradient", "weight_gradient"]
WRAPPING = {"model.name": "lenet5", "plan.name": "dfp16_paper", "plan.accumulator": "int32:chain=inf",
            "plan.activations": "dfp16", "plan.weights": "dfp16", "plan.errors": "fix1.15", "record.stats_every": 1,
            "loss_scale.mode": "static", "loss_scale.initial": 65536}  # errors saturate


class RunTest(ProgramTest):
    def explain(self, record, *options) -> dict:
        return json.loads(self.assert_runs("explain", record, "--json", *options).stdout)

    def telemetry(self, record) -> list:
        return [row for row in self.read_table(record, "/telemetry") if row["first_output"] >= 0]

    def assert_story_holds(self, story):
        """The steps follow from each other; the last spill and the bias give the result; the engine agrees."""
        self.assertTrue(story["whole"] and story["engine"]["same_bits"])
        lane, at = 0, 0
        spills = list(story["spills"])
        for step in story["steps"]:
            for product in step["products"]:
                self.assertEqual(product["k"], at)
                self.assertEqual(product["product"], product["a_code"] * product["b_code"])
                at += 1
            self.assertEqual(step["lane_before"], lane)
            exact = lane + sum(product["product"] for product in step["products"])
            self.assertEqual(step["lane_plus_products"], exact)
            self.assertEqual(step["overflow"], not -2**31 <= exact < 2**31)
            lane = (exact + 2**31) % 2**32 - 2**31
            self.assertEqual(step["lane_after"], lane)
            if at == spills[0]["end_k"]:
                self.assertEqual(spills.pop(0)["lane"], lane)
                lane = 0
        self.assertEqual((at, spills), (story["length"], []))
        self.assertEqual(story["sum"]["value"], story["spills"][-1]["c_after"]["value"])
        if "bias" in story:
            total = struct.unpack("f", struct.pack("f", story["sum"]["value"] + story["bias"]["value"]))[0]
            self.assertEqual(total, story["result"]["value"])
        exact = story["exact"]
        self.assertAlmostEqual(int(exact["integer"]) * 2.0 ** exact["exponent"] / exact["value"], 1)

    def test_the_first_overflow_of_the_record_is_found_in_every_pass(self):
        self.train(WRAPPING, "--out", "run.h5")
        rows = self.telemetry("run.h5")
        seen = set()
        for row in rows:
            layer, name = row["layer"].decode(), row["pass"].decode()
            if name in seen or row["step"] == 0:
                continue
            seen.add(name)
            place = ["--layer", layer, "--pass", name, "--step", row["step"]]
            story = self.explain("run.h5", *place, "--first-overflow", "--full")
            self.assertEqual(story["element"], row["first_output"])
            first = next(step for step in story["steps"] if step["overflow"])
            self.assertEqual(first["products"][0]["k"], row["first_k"])
            self.assertEqual(story["overflow_events"], sum(step["overflow"] for step in story["steps"]))
            self.assert_story_holds(story)
            self.assertEqual(self.explain("run.h5", *place, "--index", row["first_output"], "--full"), story)
            text = self.assert_runs("explain", "run.h5", *place, "--first-overflow").stdout
            self.assertIn("wraps", text)
            self.assertIn(f"the first at k = {row['first_k']}", text)
            self.assertIn(story["result"]["bits"], text)
        self.assertEqual(seen, set(PASSES))

    def test_products_of_mx_floats_are_told_in_every_pass(self):
        self.train({"plan.name": "mxfp8_e4m3", "plan.float_accumulator": "bf16"}, "--out", "mx.h5")
        for name in PASSES:
            story = self.explain("mx.h5", "--layer", "conv2", "--pass", name, "--step", 2, "--index", 0, "--full")
            self.assertTrue(story["engine"]["same_bits"])
            self.assertEqual((len(story["spills"]), len(story["steps"])), (story["chains"], story["length"]))
            at, c = 0, 0
            for spill in story["spills"]:
                self.assertEqual((spill["first_k"], spill["c_before"]["value"]), (at, c))
                self.assertEqual(story["steps"][at]["sum_before"]["value"], 0)
                at, c = spill["end_k"], spill["c_after"]["value"]
                self.assertEqual(story["steps"][at - 1]["sum_after"], spill["sum"])
            self.assertEqual((at, c), (story["length"], story["sum"]["value"]))

    def test_checkpoints_engines_and_the_beginning_give_one_story(self):
        self.train({"plan.name": "dfp16", "model.name": "mlp", "optimizer.lr": 1e-9}, "--out", "run.h5",
                   "--checkpoint-every", 4)  # learns nothing: the first evaluation, after step 2, stays the best
        place = ["--layer", "fc1", "--pass", "weight_gradient", "--step", 3, "--index", "5,300"]
        first = self.explain("run.h5", *place, "--from-beginning")
        self.assertEqual(first["computed"], "from the beginning of the run")
        self.assertEqual(first["index"], [5, 0, 0, 300])
        starts = set()
        for engine in ("native", "simulate", "check"):
            story = self.explain("run.h5", *place, "--set", f"run.engine={engine}")
            starts.add(story.pop("computed"))
            self.assertEqual(story.pop("engine")["name"], f"engine {engine}")
            self.assertEqual(story, {key: value for key, value in first.items() if key not in ("computed", "engine")})
        self.assertEqual(len(starts), 1)
        self.assertRegex(starts.pop(), r"from step 2, run.best.checkpoint.h5")

    def test_floating_point_mixed_and_blocked_products(self):
        for values, forward, weight_gradient in (
                ({"plan.name": "fp16", "plan.float_accumulator": "fp16"}, "fp16", "fp16"),
                ({"plan.name": "dfp16", "plan.weights": "bf16"}, "fp32", "int32:chain=auto,atom=pair,overflow=wrap"),
                ({"plan.name": "dfp12", "plan.activations": "dfp12:block=32", "plan.weights": "dfp12:block=32"},
                 "int32:chain=auto,atom=pair,overflow=wrap", "int32:chain=auto,atom=pair,overflow=wrap")):
            self.train({"model.name": "mlp", **values}, "--out", "run.h5", "--overwrite")
            for name, accumulator in (("forward", forward), ("weight_gradient", weight_gradient)):
                place = ["--layer", "fc1", "--pass", name, "--step", 1, "--index", 17]
                story = self.explain("run.h5", *place, "--full")
                self.assertTrue(story["engine"]["same_bits"])
                self.assertEqual(story["accumulator"], accumulator)
                text = self.assert_runs("explain", "run.h5", *place).stdout
                self.assertIn("spills" if accumulator.startswith("int32") else "swallowed products", text)
                self.assertEqual("decoded to FP32" in text, accumulator == "fp32")

    def test_a_diverging_step_is_explained_and_none_behind_it(self):
        self.train({"model.name": "mlp", "plan.name": "fp32", "optimizer.lr": 1e6, "train.epochs": 20}, "--out", "run.h5",
                   code=program.DIVERGED)
        last = len(self.read_table("run.h5", "/training"))
        self.assertLess(last, 40)
        forward = ["--layer", "fc1", "--pass", "forward", "--index", 0]
        self.assertTrue(self.explain("run.h5", *forward, "--step", last)["engine"]["same_bits"])
        self.assert_refused("explain", "run.h5", *forward, "--step", last + 1, says=[f"0 to {last}", "diverged"])
        self.assert_refused("explain", "run.h5", "--layer", "fc1", "--pass", "weight_gradient", "--index", 0, "--step",
                            last, says="the run diverges before it")

    def test_what_is_not_named_is_listed(self):
        self.train(WRAPPING, "--out", "run.h5")
        text = self.assert_runs("explain", "run.h5").stdout
        self.assertIn("oh 0 to ", text)
        self.assertIn("--first-overflow", text)
        rows = self.telemetry("run.h5")
        listed = self.explain("run.h5", "--layer", "conv2", "--step", 2)["recorded"]
        self.assertEqual([row["pass"] for row in listed], ["forward", "weight_gradient", "input_gradient"])
        expected = {row["pass"].decode(): row["first_k"] for row in rows
                    if row["layer"] == b"conv2" and row["step"] == 2}
        self.assertEqual({row["pass"]: row["first_k"] for row in listed if row["first_output"] >= 0}, expected)
        self.assertTrue(expected)


class RunRefusalTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.train({"model.name": "mlp", "plan.name": "dfp16"}, "--out", "run.h5", "--checkpoint-every", 1)
        self.place = ["--layer", "fc1", "--pass", "forward", "--step", 1]

    def assert_explain_refused(self, *arguments, says):
        self.assert_refused("explain", *arguments, says=says)

    def test_names_and_numbers_are_checked_before_anything_runs(self):
        for words, says in (
                (["--layer", "fc9"], ["'fc9'", "fc1, fc2"]),
                (["--layer", "fc1", "--pass", "backward"], ["'backward'", "weight_gradient"]),
                (["--layer", "fc1", "--pass", "input_gradient"], ["no input gradient", "weight_gradient"]),
                (["--step", SMALL_STEPS], ["no step 4", "0 to 3"]),
                ([*self.place, "--index", "16,0"], ["n from 0 to 15", "oc from 0 to"]),
                ([*self.place, "--index", "1,0,0"], ["n from 0 to 15"]),
                ([*self.place, "--index", "1,x"], ["n from 0 to 15"]),
                ([*self.place, "--index", ""], ["n from 0 to 15"]),
                ([*self.place, "--index", 10**9], ["one number from 0 to"]),
                ([*self.place, "--index", 0, "--first-overflow"], ["give one of them"]),
                ([*self.place, "--first-overflow"], ["no lane overflows"]),
                (["--index", 0], ["--layer"]),
                ([*self.place, "--full"], ["--index"]),
                (["--a", "1"], ["--a has no effect on a run"]),
                ([*self.place, "--index", 0, "--set", "train.batch=8"], ["data.path"]),
                ([*self.place, "--index", 0, "--set", "run.engine=fast"], ["native"])):
            with self.subTest(words):
                self.assert_explain_refused("run.h5", *words, says=says)

    def test_files_that_are_no_whole_record_are_sentences(self):
        self.assert_explain_refused("nothing.h5", says="nothing.h5")
        self.assert_explain_refused("run.checkpoint.h5", *self.place, "--index", 0, says="run.checkpoint.h5")
        content = (self.folder / "run.h5").read_bytes()
        self.write("cut.h5", content[:-100])
        self.assert_explain_refused("cut.h5", says="cut.h5")
        self.write("text.h5", "not a record")
        self.assert_explain_refused("text.h5", says="text.h5")

    def test_damaged_and_foreign_checkpoints_are_named_and_can_be_left_out(self):
        index = [*self.place, "--index", 0]
        story = self.assert_runs("explain", "run.h5", *index, "--from-beginning").stdout
        for name in ("run.checkpoint.h5", "run.best.checkpoint.h5"):
            (self.folder / name).unlink()
        self.assertEqual(self.assert_runs("explain", "run.h5", *index).stdout, story)
        self.write("run.checkpoint.h5", "damaged")
        self.assert_explain_refused("run.h5", *index, says=["run.checkpoint.h5", "--from-beginning"])
        self.train({"model.name": "mlp", "plan.name": "dfp16", "train.batch": 8}, "--out", "other.h5",
                   "--checkpoint-every", 1)
        shutil.copy(self.folder / "other.checkpoint.h5", self.folder / "run.checkpoint.h5")
        self.assert_explain_refused("run.h5", *index, says=["train.batch is 8 there and 16 here", "--from-beginning"])
        self.assertEqual(self.assert_runs("explain", "run.h5", *index, "--from-beginning").stdout, story)

    def test_data_that_moved_is_asked_for(self):
        folder = self.write_cifar10(20)
        values = {"data.name": "cifar10", "data.path": folder, "model.name": "mlp", "plan.name": "dfp16"}
        self.train(values, "--out", "cifar.h5")
        index = [*self.place, "--index", 3]
        story = self.assert_runs("explain", "cifar.h5", *index).stdout
        folder.rename(self.folder / "moved")
        self.assert_explain_refused("cifar.h5", *index, says="--set data.path=")
        self.assertEqual(self.assert_runs("explain", "cifar.h5", *index, "--set", "data.path=moved").stdout, story)
        changed = self.folder / "moved/data_batch_1.bin"
        changed.write_bytes(changed.read_bytes()[:-1] + b"\x00")
        self.assert_explain_refused("cifar.h5", *index, "--set", "data.path=moved", says=["checksum", "data.path"])


class VectorTest(ProgramTest):
    def test_a_lane_that_clamps(self):
        result = self.assert_runs("explain", "--a", "32767 32767 32767 -1", "--b", "32767 32767 32767 5", "--codes",
                                  "--accumulator", "int32:atom=single,overflow=saturate,chain=4", "--exponent-a", -3)
        for words in ("clamps", "3221028867", "2147483642", "2^(-3 + 0)", "1, the first at k = 2"):
            self.assertIn(words, result.stdout)

    def test_numbers_from_a_file_under_other_formats(self):
        self.write("a.txt", "1.5, 2\n-3e2\n" * 100)
        arguments = ["explain", "--a", "@a.txt", "--b", "@a.txt", "--format-a", "bf16", "--format-b", "fp8_e4m3fn"]
        story = json.loads(self.assert_runs(*arguments, "--json", "--full", "--accumulator", "fp16").stdout)
        self.assertEqual(len(story["steps"]), 300)
        self.assertEqual(story["result"]["value"], None)  # infinite
        self.assertIn("overflow", self.assert_runs(*arguments, "--accumulator", "fp16").stdout)
        self.assertIn("relative", self.assert_runs(*arguments).stdout)

    def test_blocks_of_mx_floats(self):
        vectors = ["explain", "--a", "1024 36 0.5 0.25 0.5", "--b", "2 3 12 -8 1", "--format-a", "mxfp8_e4m3:block=2",
                   "--format-b"]
        text = self.assert_runs(*vectors, "mxfp4_e2m1:block=4").stdout
        for words in ("3 exponents along the reduction, blocks of 2: 2 -9 -9", "0x78", "3 sums of unscaled elements",
                      "2^(-9 + 1)", "269.5", "2160.5", "the same bits"):
            self.assertIn(words, text)
        story = json.loads(self.assert_runs(*vectors, "mxfp4_e2m1:block=4", "--json").stdout)
        self.assertEqual([(spill["sum"]["value"], spill["exponent_a"], spill["exponent_b"], spill["c_after"]["value"])
                          for spill in story["spills"]], [(269.5, 2, 1, 2156), (1024, -9, 1, 2160),
                                                          (1024, -9, -2, 2160.5)])
        self.assertEqual((story["chains"], story["a"]["block"], story["b"]["exponents"]), (3, 2, [1, -2]))

    def test_mixed_sides_show_their_codes(self):
        vectors = ["explain", "--a", "1024 36 0.5 0.25 0.5", "--b", "2 3 12 -8 1", "--format-a", "mxfp8_e4m3:block=2",
                   "--format-b", "dfp8:block=4"]
        text = self.assert_runs(*vectors).stdout
        rows = [line.split() for line in text.splitlines()]
        self.assertTrue(any(row[:5] == ["0", "0x78", "1024", "16", "2"] for row in rows), text)
        self.assertTrue(any(row[:5] == ["3", "0x70", "0.25", "-64", "-8"] for row in rows), text)
        self.assertTrue(any(row[:5] == ["4", "0x78", "0.5", "64", "1"] for row in rows), text)
        self.assertIn("blocks of 4: -3 -6, decoded to FP32 (the other operand is of another kind)", text)
        story = json.loads(self.assert_runs(*vectors, "--json").stdout)
        self.assertEqual(story["b"]["decoded_from"], {"exponents": [-3, -6], "block": 4})
        fixed = self.assert_runs(*vectors[:-1], "fix4.4").stdout
        self.assertIn("exponent -4", fixed)

    def test_mistakes_are_sentences(self):
        both = ["--a", "1 2", "--b", "3 4"]
        for words, says in (
                ([], "give a record, or two vectors"),
                (["--a", "1"], "--b NUMBERS"),
                (["--a", "1 2", "--b", "1"], "--a has 2 numbers and --b has 1"),
                (["--a", "1 x", "--b", "1 2"], "'x' is no finite number"),
                (["--a", "1.5", "--b", "1", "--codes"], "'1.5' is no code of dfp16"),
                (["--a", "1", "--b", "1", "--codes", "--format-a", "bf16"], "bf16 has no integer codes"),
                ([*both, "--exponent-a", "1"], "--exponent-a has no effect without --codes"),
                ([*both, "--layer", "x"], "--layer has no effect on vectors"),
                ([*both, "--format-a", "fp99"], "fp99"),
                ([*both, "--accumulator", "fp16"], "int32"),
                ([*both, "--format-a", "bf16", "--accumulator", "int32"], "int32"),
                (["--a", "1e30", "--b", "1", "--format-a", "fp16"], "finite operands"),
                ([*both, "--format-a", "dfp16:channel"], "channel")):
            with self.subTest(words):
                self.assert_refused("explain", *words, says=says)


if __name__ == "__main__":
    program.main()
