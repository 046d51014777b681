#!/usr/bin/python3
"""Tests of the promise of numerics.md 7 on records: one configuration and seed, one record; any difference is found.

    compare_test.py PRECSIM"""

import json
import random
import shutil

import h5py
import numpy

import program
from program import MISMATCH, OK, REFUSED, ProgramTest

SEAL = 12  # bytes behind the HDF5 content, SCHEMA.md

PLANS = {
    "fp32": {"plan.name": "fp32"},
    "fp16": {"plan.name": "fp16", "loss_scale.initial": 2.0**30},
    "dfp16": {"plan.name": "dfp16"},
    "dfp16_stochastic": {"plan.name": "dfp16", "plan.rounding": "stochastic"},
    "dfp16_block": {f"plan.{role}": "dfp16:headroom=1,block=6" for role in ("weights", "activations", "errors")},
    "dfp16_saturate": {"plan.accumulator": "int32:chain=inf,overflow=saturate,atom=single", "plan.weights": "dfp16",
                       "plan.activations": "dfp16", "plan.errors": "dfp16"},
}


class CompareTest(ProgramTest):
    def compare(self, first: str, second: str, code: int) -> str:
        return self.assert_runs("compare", first, second, "--exact", code=code).stdout

    def assert_equal_records(self, first: str, second: str):
        self.assertEqual(self.compare(first, second, OK), "equal outside /provenance\n")

    def assert_differ(self, first: str, second: str, *parts: str):
        for one, other in ((first, second), (second, first)):
            text = self.compare(one, other, MISMATCH)
            self.assertRegex(text, r"\A/[^\n]+\n\Z")
            for part in parts:
                self.assertIn(part, text)


class SameRunTest(CompareTest):
    def check_threads(self, model: str):
        states = set()
        for name, plan in PLANS.items():
            with self.subTest(name, model=model):
                values = {"model.name": model, "train.epochs": 1, "record.stats_every": 1, **plan}
                for threads in (1, 2):
                    figures = self.train(values, "--threads", threads, "--out", f"{name}{threads}.h5")
                self.assert_equal_records(f"{name}1.h5", f"{name}2.h5")
                states.add(figures["state_hash"])
        self.assertEqual(len(states), len(PLANS), "plans that make no difference")

    def test_threads_make_no_difference_to_lenet5(self):
        self.check_threads("lenet5")

    def test_threads_make_no_difference_to_cnn_bn(self):
        self.check_threads("cnn_bn")

    def test_provenance_may_differ(self):
        self.train({"record.flush_seconds": 0}, "--out", "a.h5")
        self.train({"output.progress": "none"}, "--out", "b.h5", OMP_NUM_THREADS="7", LC_ALL="de_DE.UTF-8", TZ="UTC-7")
        a, b = (self.read_attributes(name, "/provenance") for name in ("a.h5", "b.h5"))
        self.assertNotEqual(a["record_id"], b["record_id"])
        self.assertNotEqual(a["record_generation"], b["record_generation"])
        self.assert_equal_records("a.h5", "b.h5")

    def test_a_record_equals_itself_and_its_copy(self):
        self.train({}, "--out", "a.h5")
        shutil.copy(self.folder / "a.h5", self.folder / "b.h5")
        self.assert_equal_records("a.h5", "a.h5")
        self.assert_equal_records("a.h5", "b.h5")


class SeveralRunsTest(CompareTest):
    """precsim compare without --exact: runs of two plans and two seeds."""

    def setUp(self):
        super().setUp()
        for plan, engine in (("fp32", "simulate"), ("dfp8", "simulate"), ("dfp16", "native")):
            for seed in (1, 2):
                self.train({"plan.name": plan, "train.epochs": 1, "record.stats_every": 1, "run.engine": engine},
                           "--seed", seed, "--out", f"{plan}_s{seed}.h5")
        self.files = [f"{plan}_s{seed}.h5" for plan in ("fp32", "dfp8", "dfp16") for seed in (1, 2)]

    def read(self, *options) -> dict:
        return json.loads(self.assert_runs("compare", *self.files, "--json", *options).stdout)

    def test_figures_are_those_of_the_records(self):
        result = self.read()
        self.assertEqual([group["label"] for group in result["groups"]], ["fp32", "dfp8", "dfp16"])
        self.assertEqual([group["settings"] for group in result["groups"]],
                         [{"plan.name": "fp32"}, {"plan.name": "dfp8"}, {"plan.name": "dfp16"}])
        eight = result["groups"][1]
        records = [h5py.File(self.folder / f"dfp8_s{seed}.h5", "r") for seed in (1, 2)]
        accuracy = [next(row["value"] for row in record["summary"][:] if row["name"] == b"test_accuracy")
                    for record in records]
        self.assertAlmostEqual(eight["figures"]["test_accuracy"]["mean"], numpy.mean(accuracy), 14)
        self.assertAlmostEqual(eight["figures"]["test_accuracy"]["deviation"], numpy.std(accuracy, ddof=1), 14)
        rows = numpy.concatenate([record["tensor_statistics"][:] for record in records])
        rows = rows[(rows["layer"] == b"conv1") & (rows["role"] == b"weights")]
        named = next(row for row in eight["sqnr"] if (row["layer"], row["role"]) == ("conv1", "weights"))
        self.assertAlmostEqual(named["mean_db"], rows["sqnr_db"].mean(), 10)
        self.assertEqual(named["worst_db"], rows["sqnr_db"].min())
        self.assertEqual(named["conversions"], len(rows))
        events = sum(int(record["telemetry"]["overflow_events"].sum()) for record in records)
        self.assertEqual(sum(row["events"] for row in eight["overflow"]), events)

        for row in result["groups"][2]["overflow"]:  # native: what was not counted is not zero
            self.assertEqual(row["events"], 0 if row["proved"] == row["calls"] else None)

    def test_bits_part_at_once_and_equal_runs_never(self):
        self.assertEqual([row["step"] for row in self.read()["partings"]], [0] * 4)
        self.train({"plan.name": "fp32", "train.epochs": 1, "record.stats_every": 2}, "--seed", 1, "--out", "same.h5")
        text = self.assert_runs("compare", "fp32_s1.h5", "same.h5").stdout
        self.assertIn("never: equal weights", text)
        self.assertIn("record.stats_every", text)

    def test_options(self):
        self.assertEqual(self.read("--reference", "dfp8")["reference"], "dfp8")
        self.assert_refused("compare", *self.files, "--reference", "dfp9", says="nearest is 'dfp8'")
        for style, sign in (("text", "-----"), ("csv", "configuration,plan.name,seeds,runs\n"), ("markdown", "| --- |"),
                            ("latex", "\\toprule")):
            text = self.assert_runs("compare", *self.files, "--style", style, "--by-layer").stdout
            self.assertIn(sign, text)
            self.assertIn("conv1", text)
        self.assert_refused("compare", "fp32_s1.h5", "fp32_s1.h5", says="one configuration and seed")
        self.assert_refused("compare", "fp32_s1.h5", "--exact", says="two files, not 1")
        self.assert_refused("compare", *self.files[:2], "--exact", "--by-layer", says="--by-layer")
        self.assert_refused("compare", *self.files, "--style", "html", says="text, csv, markdown or latex")


class DifferenceTest(CompareTest):
    def setUp(self):
        super().setUp()
        self.train({}, "--out", "a.h5")

    def changed(self, change) -> str:
        """A copy of the record that `change` was let loose on."""
        shutil.copy(self.folder / "a.h5", self.folder / "changed.h5")
        with h5py.File(self.folder / "changed.h5", "r+") as file:
            change(file)
        return "changed.h5"

    def test_an_untouched_copy_through_h5py_is_equal(self):
        self.assert_equal_records("a.h5", self.changed(lambda file: None))

    def test_another_seed_is_named(self):
        self.train({}, "--seed", 2, "--out", "b.h5")
        self.assert_differ("a.h5", "b.h5", "/ attribute configuration", "line 2 'seed = ")

    def test_one_flipped_bit_is_named_with_its_place(self):
        def flip(file):
            row = file["training"][2:3]
            row["loss"].view(numpy.uint64)[0] ^= numpy.uint64(1)
            file["training"][2:3] = row

        self.assert_differ("a.h5", self.changed(flip), "/training row 2, loss", "0x")

    def test_one_flipped_bit_of_a_nan_is_found(self):
        def nan(payload):
            def change(file):
                row = file["summary"][0:1]
                row["value"].view(numpy.uint64)[0] = 0x7FF8 << 48 | payload
                file["summary"][0:1] = row

            return change

        shutil.copy(self.folder / self.changed(nan(0)), self.folder / "nan.h5")
        self.assert_equal_records("nan.h5", self.changed(nan(0)))
        self.assert_differ("nan.h5", self.changed(nan(1)), "/summary row 0, value", "nan")

    def test_a_zero_of_the_other_sign_is_found(self):
        def zero(value):
            def change(file):
                row = file["training"][0:1]
                row["loss"] = value
                file["training"][0:1] = row

            return change

        shutil.copy(self.folder / self.changed(zero(0.0)), self.folder / "zero.h5")
        self.assert_differ("zero.h5", self.changed(zero(-0.0)), "/training row 0, loss")

    def test_structure_is_compared(self):
        def extra_row(file):
            file["training"].resize(len(file["training"]) + 1, axis=0)

        def less_precision(file):
            rows = file["summary"][:]
            del file["summary"]
            file["summary"] = rows.astype([("name", "S48"), ("value", "f4"), ("unit", "S16")])

        for change, parts in ((extra_row, ("/training", "shape", "[5]")),
                              (lambda file: file.create_dataset("extra", data=1), ("/extra", "absent")),
                              (lambda file: file.create_group("extra"), ("/extra", "absent")),
                              (lambda file: file.__setitem__("soft", h5py.SoftLink("/training")), ("/soft", "absent")),
                              (lambda file: file.__delitem__("octave_errors"), ("/octave_errors", "absent")),
                              (lambda file: file.attrs.__setitem__("note", "x"), ("/ attribute note", "absent")),
                              (lambda file: file.attrs.__setitem__("seed", numpy.int32(1)), ("/ attribute seed", "type")),
                              (lambda file: file["training"].attrs.__setitem__("unit:loss", "bit"), ("/training attribute unit:loss",)),
                              (less_precision, ("/summary",))):
            self.assert_differ("a.h5", self.changed(change), *parts)
        self.assert_equal_records("a.h5", self.changed(lambda file: file["provenance"].attrs.__setitem__("host", "other")))

    def test_json_tells_the_same(self):
        answer = json.loads(self.assert_runs("compare", "a.h5", "a.h5", "--exact", "--json").stdout)
        self.assertEqual(answer, {"equal": True})
        changed = self.changed(lambda file: file.attrs.__setitem__("model", "mlp"))
        answer = json.loads(self.assert_runs("compare", "a.h5", changed, "--exact", "--json", code=MISMATCH).stdout)
        self.assertEqual((answer["equal"], answer["path"], answer["what"]), (False, "/ attribute model", "value"))
        self.assertIn("lenet5", answer["first"])
        self.assertIn("mlp", answer["second"])

    def test_a_damaged_record_is_a_mistake_and_no_difference(self):
        whole = (self.folder / "a.h5").read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for content in (bytes(flipped), whole[: len(whole) // 2], whole[:100], b""):
            self.write("bad.h5", content)
            self.assert_refused("compare", "a.h5", "bad.h5", "--exact", says="bad.h5")

    def test_damage_that_crashes_hdf5_is_a_mistake_too(self):
        """Without the seal, so that HDF5 gets to see what was damaged: random bits of the first kilobytes."""
        whole = (self.folder / "a.h5").read_bytes()[:-SEAL]
        bits = random.Random(1)
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(4):
                damaged[bits.randrange(3000)] ^= 1 << bits.randrange(8)
            self.write("bad.h5", bytes(damaged))
            result = self.run_program("compare", "a.h5", "bad.h5", "--exact")
            self.assertIn(result.returncode, (OK, MISMATCH, REFUSED), result.stderr)
            if result.returncode == REFUSED:
                self.assertRegex(result.stderr, r"\Aprecsim: [^\n]*bad\.h5[^\n]*\n\Z")


if __name__ == "__main__":
    program.main()
