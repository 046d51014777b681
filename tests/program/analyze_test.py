#!/usr/bin/python3
"""Tests of `precsim analyze` against numpy: figures, files, tables, threads, what is not finite, and refusals.

    analyze_test.py PRECSIM"""

import json
import math
import unittest
from pathlib import Path

import h5py
import numpy
import program
from program import INTERRUPTED, REFUSED, ProgramTest, write_safetensors

FORMATS = "fp16 dfp12 dfp8:block=32 dfp8:channel"


def sqnr(x, y):
    noise = numpy.sum((x - y) ** 2)
    return 10 * math.log10(numpy.sum(x**2) / noise) if noise else math.inf


def fixed(x, bits):
    """x under one exponent, to nearest even, saturating."""
    absmax = numpy.max(numpy.abs(x)) if x.size else 0
    step = 2.0 ** ((math.floor(math.log2(absmax)) if absmax else -149) - (bits - 2))
    top = 2 ** (bits - 1) - 1
    return numpy.clip(numpy.rint(x / step), -top, top) * step


def converted(x, name):
    x = x.astype(numpy.float64)
    if name == "fp16":
        return x.astype(numpy.float16).astype(numpy.float64)
    if name == "dfp12":
        return fixed(x, 12)
    if name == "dfp8:channel":
        return numpy.concatenate([fixed(row, 8).ravel() for row in x]).reshape(x.shape) if x.ndim else fixed(x, 8)
    rows = x.reshape(-1, x.shape[-1] if x.ndim else 1)
    blocks = [fixed(row[at : at + 32], 8) for row in rows for at in range(0, row.size, 32)]
    return numpy.concatenate(blocks).reshape(x.shape)


class AnalyzeTest(ProgramTest):
    def tensors(self):
        draw = numpy.random.default_rng(3)
        bad = draw.normal(size=(6, 50)).astype(numpy.float32)
        bad[2, 3], bad[4, 5], bad[0, 0] = numpy.nan, -numpy.inf, 0
        return {
            "conv.weight": draw.normal(size=(8, 3, 5, 5)).astype(numpy.float32) * 0.1,
            "conv.bias": draw.normal(size=70).astype(numpy.float32),
            "half": draw.normal(size=(4, 33)).astype(numpy.float16),
            "bad": bad,
            "scalar": numpy.array(3.3, numpy.float32),
            "empty": numpy.zeros((3, 0, 2), numpy.float32),
        }

    def write_all(self):
        tensors = self.tensors()
        write_safetensors(self.folder / "t.safetensors", tensors)
        numpy.savez(self.folder / "t.npz", **tensors)
        with h5py.File(self.folder / "t.h5", "w") as file:
            for name, value in tensors.items():
                file[name] = value
        return tensors

    def analyze(self, *arguments):
        return json.loads(self.assert_runs("analyze", *arguments, "--json", "--quiet").stdout)

    def assert_figures(self, tensor, x):
        finite = numpy.where(numpy.isfinite(x), x, 0).astype(numpy.float64)
        kept = x[numpy.isfinite(x)].astype(numpy.float64)
        self.assertEqual(tensor["count"], x.size)
        self.assertEqual(tensor["nonfinite"], x.size - kept.size)
        self.assertEqual(tensor["shape"], "x".join(map(str, x.shape)) or "scalar")
        self.assertEqual(len(tensor["conversions"]), len(FORMATS.split()))
        if not kept.size:
            self.assertIsNone(tensor["mean"])
            self.assertTrue(all(one["sqnr_db"] is None for one in tensor["conversions"]))
            return
        self.assertEqual(tensor["absmax"], numpy.max(numpy.abs(kept)))
        self.assertAlmostEqual(tensor["mean"], numpy.mean(kept), delta=1e-14)
        self.assertAlmostEqual(tensor["std"], numpy.std(kept), delta=1e-13)
        for one in tensor["conversions"]:
            y = converted(finite, one["format"])
            with self.subTest(one["format"], tensor=tensor["name"]):
                truth = sqnr(finite, y)
                self.assertTrue(one["sqnr_db"] is None if truth == math.inf else abs(one["sqnr_db"] - truth) < 1e-9)
                self.assertEqual(one["max_abs_error"], numpy.max(numpy.abs(finite - y)))
                self.assertEqual(one["flushed"], numpy.count_nonzero((finite != 0) & (y == 0)))
                self.assertAlmostEqual(one["mean_error"], numpy.sum(y - finite) / kept.size, delta=1e-14)
                self.assertEqual(sum(one["octave_errors"]["counts"]), numpy.count_nonzero(kept))

    def test_figures_are_those_of_numpy_for_every_kind_of_file(self):
        tensors = self.write_all()
        for file in ("t.safetensors", "t.npz", "t.h5"):
            with self.subTest(file):
                result = self.analyze(file, "--formats", FORMATS)
                self.assertEqual({one["name"] for one in result["tensors"]}, set(tensors))
                for tensor in result["tensors"]:
                    self.assert_figures(tensor, tensors[tensor["name"]])

    def test_hdf5_holds_the_tables_and_the_blocks(self):
        tensors = self.write_all()
        self.assert_runs("analyze", "t.safetensors", "--formats", FORMATS, "--best", "8", "--out", "a.h5", "--blocks")
        with h5py.File(self.folder / "a.h5") as file:
            self.assertEqual(file.attrs["outcome"], "finished")
            self.assertEqual([name.decode() for name in file["tensors"]["name"]], list(tensors))
            conversions, blocks, ranking = file["conversions"][:], file["blocks"][:], file["ranking"][:]
            counts = file["exponent_histograms"]["counts"]
            self.assertEqual(file["octave_errors"]["counts"].shape, (len(conversions), 40))
        self.assertEqual(len(ranking), len(conversions) - len(tensors) * len(FORMATS.split()))
        self.assertEqual(len(ranking[ranking["tensor"] == 1]), numpy.count_nonzero(conversions["tensor"] == 1) - 4)
        self.assertTrue(numpy.all(ranking["bits"] <= 8.01))
        self.assertEqual(counts[3].sum(), 6 * 50 - 3)
        x = tensors["conv.weight"].astype(numpy.float64)
        rows = blocks[blocks["conversion"] == 2]  # of tensor 0, dfp8:block=32
        pieces, results = x.reshape(-1, 5), converted(x, "dfp8:block=32").reshape(-1, 5)
        self.assertEqual(len(rows), len(pieces))
        for row, piece, result in zip(rows, pieces, results):
            self.assertAlmostEqual(row["sqnr_db"], sqnr(piece, result), delta=1e-9)
            self.assertEqual(row["absmax"], numpy.max(numpy.abs(piece)))
        self.assertEqual(conversions[2]["blocks"], len(pieces))
        self.assertEqual(conversions[2]["block_sqnr_min_db"], rows["sqnr_db"].min())
        for tensor in range(len(tensors)):
            ranked = ranking[ranking["tensor"] == tensor]["sqnr_db"]
            known = ranked[~numpy.isnan(ranked)]
            self.assertTrue(numpy.all(known[:-1] >= known[1:]))

    def test_threads_change_nothing(self):
        draw = numpy.random.default_rng(4)
        numpy.save(self.folder / "long.npy", draw.normal(size=(3, 800000)).astype(numpy.float32))
        formats = ("--formats", "fp16 dfp8 dfp8:block=32 dfp8:channel", "--rounding", "nearest_even stochastic")
        one = self.analyze("long.npy", *formats, "--threads", "1")
        self.assertEqual(self.analyze("long.npy", *formats, "--threads", "3"), one)
        self.assertEqual(len(one["tensors"][0]["conversions"]), 8)
        self.assertNotEqual(self.analyze("long.npy", *formats, "--seed", "2"), one)

    def test_table_names_tensors_formats_and_what_is_not_finite(self):
        self.write_all()
        text = self.assert_runs("analyze", "t.npz", "--tensors", "conv*", "--tensors", "bad").stdout
        for word in ("conv.weight  8x3x5x5 float32", "dfp16", "2 of 300 not finite", "SQNR"):
            self.assertIn(word, text)
        self.assertNotIn("half", text)
        self.assertEqual(text.count("fp16 ") - text.count("dfp16 "), 3)
        self.assertLessEqual(max(map(len, text.splitlines())), 120)
        best = self.assert_runs("analyze", "t.npz", "--best", "4.5", "--tensors", "half").stdout
        self.assertIn("best for:", best)

    def test_blocks_belong_to_the_rows_of_their_conversions(self):
        """Also where candidates differ between tensors that are read together."""
        tensors = self.write_all()
        self.assert_runs("analyze", "t.safetensors", "--best", "8", "--rounding", "nearest_even biased", "--out", "a.h5",
                         "--blocks")
        with h5py.File(self.folder / "a.h5") as file:
            conversions, blocks = file["conversions"][:], file["blocks"][:]
        by_tensor = [numpy.count_nonzero(conversions["tensor"] == i) for i in range(len(tensors))]
        self.assertGreater(len(set(by_tensor)), 2)
        tracked = [i for i, row in enumerate(conversions) if b":" in row["format"] or row["format"].startswith(b"mx")]
        self.assertGreater(len(tracked), 30)
        for i, row in enumerate(conversions):
            of_row = blocks[blocks["conversion"] == i]
            self.assertEqual(len(of_row), row["blocks"] if i in tracked else 0)
            if len(of_row):
                self.assertEqual(of_row["exponent"].max(), row["exponent_max"])

    def test_best_counts_the_exponents_of_each_tensor(self):
        self.write_all()
        result = {one["name"]: one for one in self.analyze("t.npz", "--best", "8")["tensors"]}
        bits = {name: {one["format"]: one["bits"] for one in tensor["conversions"]} for name, tensor in result.items()}
        self.assertEqual(bits["conv.weight"]["dfp7"], 7 + 16 / 600)
        self.assertEqual(bits["conv.weight"]["dfp7:channel"], 7 + 16 / 75)
        self.assertEqual(bits["conv.weight"]["dfp4:block=16"], 4 + 16 / 5)
        self.assertNotIn("dfp4:block=32", bits["conv.weight"])  # the same blocks of 5
        self.assertEqual(bits["conv.bias"]["dfp7:block=64"], 7 + 32 / 70)
        self.assertFalse({"dfp8", "dfp8:channel", "mxfp8_e4m3"} & set(bits["conv.bias"]))
        self.assertEqual({one for one in bits["scalar"] if one.startswith(("dfp", "mx"))}, set())
        for tensor in result.values():
            self.assertEqual(len(tensor["ranking"]), len(tensor["conversions"]))
        text = self.assert_runs("analyze", "t.npz", "--best", "8", "--tensors", "half").stdout
        self.assertIn("left out: dfp8 (8.121), dfp8:channel (8.485), flex8+5 (8.038), mxint8 (8.485), mxfp8_e4m3 (8.",
                      text)

    def test_nothing_may_fit_a_tiny_tensor(self):
        self.write_all()
        text = self.assert_runs("analyze", "t.npz", "--best", "2", "--tensors", "scalar").stdout
        self.assertIn("no format takes at most 2 bits", text)
        self.assertIn("\n0 candidates of at most 2 bits\n", text)
        self.assertEqual(self.analyze("t.npz", "--best", "2", "--tensors", "scalar")["tensors"][0]["ranking"], [])
        self.assertIn("0 to 1 candidates", self.assert_runs("analyze", "t.npz", "--best", "2.2").stdout)

    def test_roundings_are_compared(self):
        def tensor(small):
            return numpy.array([64] + 255 * [small], numpy.float32)  # dfp8 takes steps of 1

        numpy.savez(self.folder / "r.npz", a=tensor(0.25), b=tensor(0.375), exact=tensor(3))
        formats = ("r.npz", "--formats", "dfp8 dfp12@biased")
        result = self.analyze(*formats, "--rounding", "nearest_even stochastic")
        (one,) = result["roundings"]
        nearest, stochastic = one["highest_sqnr"], one["least_bias"]
        self.assertEqual((one["format"], one["tensors"]), ("dfp8", 2))
        self.assertEqual((nearest["rounding"], stochastic["rounding"]), ("nearest_even", "stochastic"))
        expected = [10 * math.log10((4096 + 255 * x * x) / (255 * x * x)) for x in (0.25, 0.375)]
        self.assertAlmostEqual(nearest["mean_sqnr_db"], sum(expected) / 2, delta=1e-9)
        expected = [255 * x / 256 / math.sqrt((4096 + 255 * x * x) / 256) for x in (0.25, 0.375)]
        self.assertAlmostEqual(nearest["mean_relative_bias"], sum(expected) / 2, delta=1e-12)
        self.assertLess(stochastic["mean_relative_bias"], nearest["mean_relative_bias"] / 2)
        text = self.assert_runs("analyze", *formats, "--rounding", "nearest_even stochastic").stdout
        self.assertIn("-6.2e-02", text)  # 0.249 / sqrt(16.06), the bias of a
        self.assertRegex(text, r"dfp8 +nearest_even +22\.\d+ +stochastic +\S+ +2\n")

    def test_all_roundings(self):
        numpy.save(self.folder / "x.npy", numpy.arange(40, dtype=numpy.float32) / 7)
        result = self.analyze("x.npy", "--formats", "dfp8 fp16", "--rounding", "all stochastic:bits=4")
        conversions = result["tensors"][0]["conversions"]
        names = ["nearest_even", "nearest_away", "toward_zero", "toward_positive", "toward_negative", "to_odd",
                 "stochastic", "biased", "stochastic:bits=4"]
        self.assertEqual([(one["format"], one["rounding"]) for one in conversions],
                         [(format, name) for format in ("dfp8", "fp16") for name in names])
        for choice, rows in zip(result["roundings"], (conversions[:9], conversions[9:])):
            self.assertEqual(choice["highest_sqnr"]["mean_sqnr_db"], max(one["sqnr_db"] for one in rows))
            best = min(rows, key=lambda one: abs(one["mean_error"]))
            self.assertEqual(choice["least_bias"]["rounding"], best["rounding"])
        exact = self.analyze("x.npy", "--formats", "fp32", "--rounding", "all")["roundings"]
        self.assertEqual(exact, [{"format": "fp32", "tensors": 0, "highest_sqnr": None, "least_bias": None}])
        self.assertNotIn("bias:", self.assert_runs("analyze", "x.npy").stdout)

    def test_integers_are_named_and_left_out(self):
        numpy.savez(self.folder / "m.npz", index=numpy.arange(4), x=numpy.ones(3, numpy.float32))
        self.assertIn("left out: index (int64)", self.assert_runs("analyze", "m.npz").stdout)
        self.assertEqual(self.analyze("m.npz")["unreadable"], ["index (int64)"])

    def test_refusals(self):
        self.write_all()
        (self.folder / "there.h5").write_text("kept")
        numpy.save(self.folder / "integers.npy", numpy.arange(4))
        numpy.savez(self.folder / "empty.npz")
        for words in (
            ("t.npz", "--formats", "fp17"),
            ("t.npz", "--formats", "fp16 fp16"),
            ("t.npz", "--formats", " "),
            ("integers.npy",),
            ("empty.npz",),
            ("t.npz", "--rounding", "up"),
            ("t.npz", "--best", "1"),
            ("t.npz", "--best", "nan"),
            ("t.npz", "--best", "8x"),
            ("t.npz", "--tensors", "nothing*"),
            ("t.npz", "--blocks"),
            ("t.npz", "--overwrite"),
            ("t.npz", "--out", "there.h5"),
            ("t.npz", "--out", "t.npz", "--overwrite"),
            ("t.npz", "--out", "no/folder.h5", "--blocks"),
            ("t.npz", "--threads", "-1"),
            ("absent.npz",),
            (),
        ):
            with self.subTest(words):
                self.assert_refused("analyze", *words)
        blanks = "separate its words with blanks, not commas"
        self.assert_refused("analyze", "t.npz", "--formats", "dfp8,dfp12", says=["'dfp8,dfp12'", blanks])
        self.assert_refused("analyze", "t.npz", "--rounding", "nearest_even,stochastic", says=blanks)
        self.assert_refused("analyze", "t.npz", "--rounding", "all biased", says="biased twice")
        self.assert_refused("analyze", "t.npz", "--tensors", "conv*", "half", says=["'half'", "--tensors takes one glob"])
        self.assertNotIn("--tensors", self.assert_refused("analyze", "absent.npz", says="absent.npz"))
        self.assertEqual((self.folder / "there.h5").read_text(), "kept")
        self.assert_runs("analyze", "t.npz", "--out", "there.h5", "--overwrite")


if __name__ == "__main__":
    program.main()
