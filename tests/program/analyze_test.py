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
        per_tensor = len(conversions) // len(tensors)
        self.assertEqual(len(ranking), len(tensors) * (per_tensor - len(FORMATS.split())))
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
        self.assertEqual((self.folder / "there.h5").read_text(), "kept")
        self.assert_runs("analyze", "t.npz", "--out", "there.h5", "--overwrite")


if __name__ == "__main__":
    program.main()
