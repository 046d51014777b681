#!/usr/bin/python3
"""Tests of `precsim gemm` and `precsim conv` with operands from files, against NumPy: small integers, whose products and
sums are exact in every format that holds them.

    product_files_test.py PRECSIM"""

import json

import numpy as np

import program
from program import OK

EXACT = ("--a", "dfp16", "--b", "dfp16")


def conv(x, w, stride: int = 1, pad: int = 0, groups: int = 1):
    """NCHW with OIHW weights, as the definition says."""
    n, c, h, width = x.shape
    oc, ic, kh, kw = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    oh, ow = (h + 2 * pad - kh) // stride + 1, (width + 2 * pad - kw) // stride + 1
    y = np.zeros((n, oc, oh, ow))
    for o in range(oc):
        first = o // (oc // groups) * ic
        for i in range(oh):
            for j in range(ow):
                patch = x[:, first : first + ic, i * stride : i * stride + kh, j * stride : j * stride + kw]
                y[:, o, i, j] = (patch * w[o]).sum((1, 2, 3))
    return y


def to_nhwc(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


class ProductFilesTest(program.ProgramTest):
    def setUp(self):
        super().setUp()
        self.draws = np.random.default_rng(1)

    def small(self, *shape):
        return self.draws.integers(-9, 10, shape).astype("f4")

    def save(self, **arrays):
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)

    def product(self, *arguments, output: str = "c.npy"):
        told = json.loads(self.assert_runs(*arguments, "--save", output, "--overwrite", "--json").stdout)
        return told, np.load(self.folder / output)

    def assert_equal(self, got, expected):
        self.assertEqual((got.dtype, got.shape), (np.dtype("f4"), expected.shape))
        np.testing.assert_array_equal(got, expected)

    def test_gemm(self):
        a, b = self.small(7, 12), self.small(5, 12)
        self.save(a=a, b=b, a_turned=np.asfortranarray(a.T), b_turned=np.ascontiguousarray(b.T))
        files = ("--file-a", "a.npy", "--file-b", "b.npy")
        told, c = self.product("gemm", *files, *EXACT)
        self.assert_equal(c, a @ b.T)
        self.assertEqual((told["a"]["tensor"], told["product"]), ("'a' of a.npy", "gemm 7x5x12"))
        turned, c = self.product("gemm", "--file-a", "a_turned.npy", "--file-b", "b_turned.npy", "--transpose-a",
                                 "--transpose-b", *EXACT, "--shape", "7x5x12")
        self.assert_equal(c, a @ b.T)
        self.assertEqual(turned["result_hash"], told["result_hash"])
        filled, c = self.product("gemm", "--file-b", "b.npy", "--m", 3, "--a", "fp32", "--b", "fp32")
        self.assertEqual((filled["a"]["fill"], c.shape), ("normal", (3, 5)))

    def test_gemm_converts_what_the_file_has(self):
        a, b = self.small(4, 6).astype("f8"), self.small(3, 6).astype("f2")
        np.savez(self.folder / "x.npz", a=a, b=b, steps=np.arange(3))
        np.save(self.folder / "a.npy", a.astype("f4") / 3)
        words = ("--file-b", "x.npz", "--tensor-b", "b")
        _, c = self.product("gemm", "--file-a", "x.npz", "--tensor-a", "a", *words, *EXACT, output="c.npy")
        self.assert_equal(c, a @ b.T.astype("f8"))
        self.assert_runs("convert", "a.npy", "half.npy", "--to", "fp16")
        _, c = self.product("gemm", "--file-a", "a.npy", *words, "--a", "fp16", "--b", "fp32")
        _, d = self.product("gemm", "--file-a", "half.npy", *words, "--a", "fp32", "--b", "fp32", output="d.npy")
        self.assert_equal(c, d)

    def test_the_whole_error_is_against_the_numbers_of_the_files(self):
        a, b = (self.draws.standard_normal((size, 40)).astype("f4") for size in (7, 5))
        self.save(a=a, b=b)
        exact = a.astype("f8") @ b.T.astype("f8")
        for formats in (("dfp8", "dfp8"), ("dfp8:block=16", "dfp6"), ("bf16", "fp32"), ("mxfp4_e2m1", "mxfp8_e5m2")):
            told, c = self.product("gemm", "--file-a", "a.npy", "--file-b", "b.npy", "--a", formats[0], "--b", formats[1])
            error = told["telemetry"]["whole_error"]
            self.assertAlmostEqual(error["sqnr_db"], 10 * np.log10((exact**2).sum() / ((c - exact) ** 2).sum()), 6)
            self.assertAlmostEqual(error["max_abs_error"], np.abs(c - exact).max(), 12)
            self.assertAlmostEqual(error["mean_error"], (c - exact).mean(), 12)

    def test_conv(self):
        for stride, pad, groups in ((1, 0, 1), (1, 1, 2), (2, 1, 1)):
            x, w = self.small(2, 4, 6, 5), self.small(6, 4 // groups, 3, 3)
            y = conv(x, w, stride, pad, groups)
            words = (*EXACT, "--stride", stride, "--pad", pad, "--groups", groups, "--engine", "check")
            self.save(x=x, w=w, x_last=to_nhwc(x), w_last=to_nhwc(w))
            with self.subTest((stride, pad, groups)):
                told, c = self.product("conv", "--file-a", "x.npy", "--file-b", "w.npy", "--layout", "nchw", *words)
                self.assert_equal(c, y)
                same, c = self.product("conv", "--file-a", "x_last.npy", "--file-b", "w_last.npy", *words)
                self.assert_equal(c, to_nhwc(y))
                self.assertEqual(same["result_hash"], told["result_hash"])

    def test_the_other_layout_is_named_where_it_fits(self):
        x, w = self.small(2, 4, 8, 8), self.small(6, 4, 3, 3)
        self.save(x=x, w=w, x_last=to_nhwc(x), w_last=to_nhwc(w))
        plain, last = (["conv", "--file-a", f"x{s}.npy", "--file-b", f"w{s}.npy"] for s in ("", "_last"))
        self.assert_refused(*plain, says="; with --layout nchw the sizes fit")
        self.assert_refused(*last, "--layout", "nchw", says="; with --layout nhwc the sizes fit")
        self.save(w=self.small(6, 5, 3, 3))
        self.assertNotIn("--layout", self.run_program(*plain).stderr)

    def test_explain_tells_one_output(self):
        a, b = self.small(3, 6), self.small(4, 6)
        self.save(a=a, b=b)
        words = ("gemm", "--file-a", "a.npy", "--file-b", "b.npy", *EXACT, "--engine", "check")
        told, c = self.product(*words, "--explain", "2,1")
        story = told["explain"]
        self.assertEqual((story["result"]["value"], story["index"], story["element"]), (c[2, 1], [2, 0, 0, 1], 9))
        self.assertTrue(story["engine"]["same_bits"])
        products = [p["product"] for step in story["steps"] for p in step["products"]]
        scale = 2.0 ** (told["a"]["exponents"]["smallest"] + told["b"]["exponents"]["smallest"])
        np.testing.assert_array_equal(np.array(products) * scale, a[2] * b[1])
        self.assertNotIn("explain", self.product(*words)[0])
        text = self.assert_runs(*words, "--explain", "2,1").stdout
        self.assertRegex(text, r"(?s)product +gemm 3x4x6\n.*\noutput +gemm 3x4x6\n.*lane \+ products.*the same bits")
        for layout in ("nhwc", "nchw"):
            x, w = self.small(2, 4, 6, 5), self.small(6, 4, 3, 3)
            self.save(x=x if layout == "nchw" else to_nhwc(x), w=w if layout == "nchw" else to_nhwc(w))
            conv_words = ("conv", "--file-a", "x.npy", "--file-b", "w.npy", "--layout", layout, "--pad", 1)
            for formats in (EXACT, ("--a", "dfp16:block=2", "--b", "mxfp8_e4m3"), ("--a", "mxint8", "--b", "mxfp4_e2m1")):
                told, c = self.product(*conv_words, *formats, "--explain", "1,3,2,5", "--full")
                at = (1, 5, 3, 2) if layout == "nchw" else (1, 3, 2, 5)
                self.assertEqual((told["explain"]["result"]["value"], told["explain"]["whole"]), (c[at], True))
        self.assert_refused("gemm", "--shape", "3x4x5", "--explain", "3,0", says=["--explain 3,0", "n from 0 to 2"])
        self.assert_refused("gemm", "--shape", "3x4x5", "--full", says="without --explain")
        self.assert_refused("gemm", "--shape", "1x1x5000000", "--explain", "0", says="5000000 products")

    def test_gradients_of_conv(self):
        """The gradients of sum(y * e), which is linear in x and in w."""
        x, w = self.small(2, 2, 5, 4), self.small(3, 2, 3, 3)
        e = self.small(*conv(x, w, pad=1).shape)
        self.save(x=x, w=w, e=e)
        of_input, of_weights = np.zeros_like(x), np.zeros_like(w)
        for at in np.ndindex(x.shape):
            one = np.zeros_like(x)
            one[at] = 1
            of_input[at] = (conv(one, w, pad=1) * e).sum()
        for at in np.ndindex(w.shape):
            one = np.zeros_like(w)
            one[at] = 1
            of_weights[at] = (conv(x, one, pad=1) * e).sum()
        words = (*EXACT, "--pad", 1, "--layout", "nchw", "--file-a", "e.npy")
        _, c = self.product("conv", "--pass", "input_gradient", "--file-b", "w.npy", *words)
        self.assert_equal(c, of_input)
        _, c = self.product("conv", "--pass", "weight_gradient", "--file-b", "x.npy", "--filter", "3x3", *words)
        self.assert_equal(c, of_weights)

    def test_refusals(self):
        self.save(a=self.small(7, 12), b=self.small(5, 11), e=self.small(0, 12), x=self.small(1, 4, 4, 3), w=self.small(2, 3, 3, 4))
        np.savez(self.folder / "two.npz", p=self.small(2, 2), q=self.small(2, 2))
        np.savez(self.folder / "many.npz", **{f"w{i}": self.small(2, 2) for i in range(20)}, act25=self.small(2, 2))
        self.write("c.npy", "before")
        a, ab = ("gemm", "--file-a", "a.npy"), ("gemm", "--file-a", "a.npy", "--file-b", "b.npy")
        for arguments, says in (
            (ab, ["operand b", "5x11", "5x12"]),
            ((*a, "--shape", "7x5x13"), ["operand a", "7x12", "7x13"]),
            (a, ["--n N"]),
            ((*a, "--n", "2", "--fill-a", "normal"), ["--fill-a"]),
            ((*a, "--n", "2", "--transpose-b"), ["--transpose-b", "no effect"]),
            (("gemm", "--shape", "2x2x2", "--tensor-a", "p"), ["--file-a"]),
            (("gemm", "--file-a", "two.npz", "--n", "2"), ["'p'", "'q'"]),
            (("gemm", "--file-a", "two.npz", "--n", "2", "--tensor-a", "r"), ["'r'", "'p'"]),
            (("gemm", "--file-a", "many.npz", "--n", "2", "--tensor-a", "act26"), ["(the nearest is 'act25')", "..."]),
            (("gemm", "--file-a", "x.npy", "--n", "2"), ["[1, 4, 4, 3]", "2 axes"]),
            (("gemm", "--file-a", "none.npy", "--n", "2"), ["none.npy"]),
            (("gemm", "--file-a", "e.npy", "--n", "2"), ["operand a", "[0, 12]", "no elements"]),
            (("conv", "--file-a", "x.npy", "--file-b", "w.npy"), ["operand b", "2x3x3x4", "2x3x3x3"]),
            (("conv", "--input", "1x4x4x3", "--channels", "2", "--layout", "nchw"), ["--layout", "no effect"]),
            (("conv", "--file-a", "x.npy", "--channels", "2", "--layout", "hwcn"), ["nchw", "'hwcn'"]),
            ((*a, "--n", "2", "--save", "c.txt"), [".npz"]),
            ((*a, "--n", "2", "--save", "none/c.npy"), ["there is no folder none"]),
            ((*a, "--n", "2", "--save", "c.npy"), ["c.npy exists", "--overwrite"]),
            ((*a, "--n", "2", "--save", "a.npy", "--overwrite"), ["--save a.npy is one of the files to be read"]),
        ):
            with self.subTest(arguments):
                self.assert_refused(*arguments, *(() if "--save" in arguments or "--layout" in arguments else
                                                  ("--save", "c.npy")), says=says)
        self.assertEqual((self.folder / "c.npy").read_text(), "before")
        self.assertEqual([name for name in self.files() if "partial" in name], [])


if __name__ == "__main__":
    program.main()
