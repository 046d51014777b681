#!/usr/bin/python3
"""Tests of `precsim convert` and of the files it reads and writes, against NumPy and h5py.

    convert_test.py PRECSIM"""

import json
import resource
import signal
import struct

import h5py
import numpy as np

import program
from program import OK, REFUSED, write_safetensors


def read_safetensors(path) -> dict:
    """By the documentation of the format; bfloat16 and 8-bit floats as their bit patterns."""
    kinds = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I8": "i1", "I16": "<i2", "I32": "<i4", "U8": "u1", "U16": "<u2",
             "U32": "<u4", "BF16": "<u2", "F8_E4M3": "u1", "F8_E5M2": "u1"}
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    tensors, data = {}, content[8 + length :]
    for name, tensor in json.loads(content[8 : 8 + length]).items():
        first, end = tensor["data_offsets"]
        tensors[name] = np.frombuffer(data[first:end], kinds[tensor["dtype"]]).reshape(tensor["shape"])
    return tensors


def read_hdf5(path) -> dict:
    tensors = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: tensors.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return tensors


READERS = {".npz": lambda path: dict(np.load(path)), ".npy": lambda path: {"x": np.load(path)}, ".h5": read_hdf5,
           ".safetensors": read_safetensors}


class ConvertTest(program.ProgramTest):
    def setUp(self):
        super().setUp()
        draws = np.random.default_rng(1)
        spread = np.exp2(draws.integers(-30, 10, (3, 5, 70)))
        self.tensors = {
            "conv1/weight": (draws.standard_normal((3, 5, 70)) * spread).astype("f4"),
            "scalar": np.array(-0.3, "f8"),
            "half": draws.standard_normal((6, 33)).astype("f2"),
            "größe": np.zeros((0, 4), "f4"),
        }

    def convert(self, name: str, output: str, *options) -> dict:
        self.assertEqual(self.assert_runs("convert", name, output, "--overwrite", *options).stderr, "")
        path = self.folder / output
        return READERS[path.suffix](path)

    def write_tensors(self, suffix: str, tensors: dict | None = None, name: str = "in"):
        tensors, path = self.tensors if tensors is None else tensors, self.folder / (name + suffix)
        if suffix == ".npz":
            np.savez_compressed(path, **tensors)
        elif suffix == ".safetensors":
            write_safetensors(path, tensors)
        else:
            with h5py.File(path, "w") as file:
                for key, array in tensors.items():
                    chunked = {"chunks": True, "compression": 1} if array.size > 1 else {}
                    file.create_dataset(key, data=array, **chunked)
        return path.name

    def assert_same(self, got: dict, expected: dict):
        self.assertEqual(sorted(got), sorted(expected))
        for name, array in expected.items():
            with self.subTest(name):
                self.assertEqual((got[name].dtype, got[name].shape), (array.dtype, array.shape))
                self.assertEqual(got[name].tobytes(), array.tobytes())

    def test_fp32_copies_between_all_kinds(self):
        expected = {name: array.astype("f4") for name, array in self.tensors.items()}
        for source in (".npz", ".safetensors", ".h5"):
            for target in (".npz", ".safetensors", ".h5"):
                with self.subTest(f"{source} to {target}"):
                    self.assert_same(self.convert(self.write_tensors(source), "out" + target, "--to", "fp32"), expected)

    def test_layouts_and_types_of_numpy(self):
        base = np.arange(-60, 60).reshape(4, 5, 6)
        for kind in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8"):
            for order in "CF":
                with self.subTest(kind + order):
                    np.save(self.folder / "x.npy", np.asarray(base, kind, order))
                    self.assert_same(self.convert("x.npy", "y.npy", "--to", "fp32"), {"x": base.astype("f4")})

    def test_floats_as_numpy_rounds_them(self):
        with np.errstate(over="ignore"):
            expected = {name: array.astype("f4").astype("f2") for name, array in self.tensors.items()}
        self.assert_same(self.convert(self.write_tensors(".npz"), "out.npz", "--to", "fp16", "--codes"), expected)
        values = {name: array.astype("f4") for name, array in expected.items()}
        self.assert_same(self.convert("in.npz", "out.npz", "--to", "fp16"), values)

    def exponents(self, shape, codes, exponents, layout: str):
        """The exponent of each element."""
        if layout == "channel":
            return exponents.reshape([-1] + [1] * (len(shape) - 1)) if shape else exponents
        if layout == "block":
            return np.repeat(exponents, 32, axis=-1)[..., : shape[-1]] if shape else exponents
        self.assertEqual(exponents.shape, ())
        return exponents

    def test_codes_and_exponents_give_the_values(self):
        cases = [("dfp16", "tensor", "int16"), ("dfp8:channel", "channel", "int8"), ("dfp6:block=32", "block", "int8"),
                 ("dfp12:top=bump", "tensor", "int16"), ("dfp4:top=wrap,channel", "channel", "int8"),
                 ("fix4.8", "tensor", "int16"), ("fix8.20", "tensor", "int32"), ("fix1.31", "tensor", "int32")]
        name = self.write_tensors(".h5")
        for text, layout, kind in cases:
            for rounding in ("nearest_even", "stochastic:bits=8", "toward_zero"):
                for suffix in (".npz", ".h5"):
                    with self.subTest(f"{text} {rounding} {suffix}"):
                        options = ("--to", text, "--rounding", rounding, "--seed", 5)
                        values = self.convert(name, "values" + suffix, *options)
                        codes = self.convert(name, "codes" + suffix, *options, "--codes")
                        self.assertEqual(len(codes), 2 * len(values))
                        for key, array in values.items():
                            self.assertEqual((codes[key].dtype, codes[key].shape), (np.dtype(kind), array.shape))
                            shared = codes[key + ".exponents"]
                            self.assertEqual(shared.dtype, np.dtype("i2"))
                            each = self.exponents(array.shape, codes[key], shared, layout).astype("f8")
                            again = (codes[key] * np.exp2(each)).astype("f4")
                            self.assertEqual(again.tobytes(), array.tobytes())

    def test_bit_patterns(self):
        for text, kind in (("fp32", "<f4"), ("bf16", "<u2"), ("fp8_e4m3fn", "u1"), ("fp6_e2m3", "u1"), ("tf32", "<u4")):
            with self.subTest(text):
                values = self.convert(self.write_tensors(".npz"), "values.npz", "--to", text)
                codes = self.convert("in.npz", "codes.npz", "--to", text, "--codes")
                self.assertEqual({array.dtype for array in codes.values()}, {np.dtype(kind)})
                self.convert("in.npz", "codes.safetensors", "--to", text, "--codes")
                if text in ("fp32", "bf16", "fp8_e4m3fn"):
                    self.assert_same(self.convert("codes.safetensors", "again.npz", "--to", "fp32"), values)
                if text == "bf16":
                    wide = {name: np.left_shift(array.astype("u4"), np.uint32(16)) for name, array in codes.items()}
                    self.assert_same({name: array.view("f4") for name, array in wide.items()}, values)

    def mx_elements(self, codes, exponent_bits: int, fraction_bits: int):
        """What bit patterns of elements stand for, by OCP MX 1.0."""
        magnitude = codes.astype("i4") & ((1 << (exponent_bits + fraction_bits)) - 1)
        exponent, fraction = magnitude >> fraction_bits, magnitude & ((1 << fraction_bits) - 1)
        significand = np.where(exponent == 0, fraction, fraction + (1 << fraction_bits)).astype("f8")
        scale = np.maximum(exponent, 1) - ((1 << (exponent_bits - 1)) - 1) - fraction_bits
        sign = np.where(codes >> (exponent_bits + fraction_bits) != 0, -1.0, 1.0)
        return sign * significand * np.exp2(scale)

    def test_elements_and_scales_of_mx_formats_give_the_values(self):
        cases = [("mxfp8_e4m3", 4, 3), ("mxfp8_e5m2", 5, 2), ("mxfp6_e3m2", 3, 2), ("mxfp6_e2m3", 2, 3),
                 ("mxfp4_e2m1", 2, 1), ("mxint8", None, None)]
        self.tensors["extremes"] = np.array([[1e-45] * 40, [3e38] * 40, [0] * 40, [-2.0**-126] * 40], "f4")
        name = self.write_tensors(".npz")
        for text, exponent_bits, fraction_bits in cases:
            for suffix in (".npz", ".h5", ".safetensors"):
                with self.subTest(f"{text} {suffix}"):
                    values = self.convert(name, "values" + suffix, "--to", text)
                    codes = self.convert(name, "codes" + suffix, "--to", text, "--codes")
                    self.assertEqual(sorted(codes), sorted([*values, *(key + ".scales" for key in values)]))
                    for key, array in values.items():
                        self.assertEqual((codes[key].dtype, codes[key].shape),
                                         (np.dtype("u1" if exponent_bits else "i1"), array.shape))
                        scales = codes[key + ".scales"]
                        self.assertEqual(scales.dtype, np.dtype("u1"))
                        self.assertFalse((scales == 255).any(), "the NaN of E8M0")
                        each = self.exponents(array.shape, codes[key], scales, "block").astype("f8") - 127
                        elements = self.mx_elements(codes[key], exponent_bits, fraction_bits) if exponent_bits else codes[key]
                        self.assertEqual((elements * np.exp2(each)).astype("f4").tobytes(), array.tobytes())
        self.assertEqual(codes["extremes.scales"][:, 0].tolist(), [0, 127 - 6 + 127, 0, 0])

    def test_random_bits_depend_on_name_index_and_seed_alone(self):
        array = self.tensors["conv1/weight"]
        self.write_tensors(".npz", {"a": array, "b": array})
        self.write_tensors(".h5", {"a": array})
        options = ("--to", "dfp8@stochastic")
        both = self.convert("in.npz", "both.npz", *options)
        alone = self.convert("in.h5", "alone.npz", *options, "--seed", 1)
        self.assert_same(alone, {"a": both["a"]})
        self.assertNotEqual(both["a"].tobytes(), both["b"].tobytes())
        other = self.convert("in.npz", "other.npz", *options, "--seed", 2)
        self.assertNotEqual(both["a"].tobytes(), other["a"].tobytes())

    def test_large_tensors_are_streamed(self):
        """A shared exponent of 2 million elements, whose largest comes last, where memory has room for a part of it."""
        array = np.random.default_rng(3).standard_normal(2_000_000).astype("f4")
        array[-1] = 1000
        np.save(self.folder / "x.npy", array)
        for text in ("dfp8", "dfp8:top=bump"):
            step = 2.0 ** (9 - 6)
            codes = np.rint(array / step)
            step, codes = (2 * step, np.rint(array / (2 * step))) if codes.max() > 127 and "bump" in text else (step, codes)
            expected = (np.minimum(codes, 127) * step + 0.0).astype("f4")
            self.assert_same(self.convert("x.npy", "y.npy", "--to", text), {"x": expected})

    def test_choice_of_tensors(self):
        self.write_tensors(".npz", {**self.tensors, "steps": np.arange(3)})
        stdout = self.assert_runs("convert", "in.npz", "out.npz", "--to", "dfp16", "--tensors", "*[es]*").stdout
        self.assertIn("left out: 'steps' (int64)", stdout)
        self.assertEqual(sorted(np.load(self.folder / "out.npz")), ["conv1/weight", "größe", "scalar"])
        told = json.loads(self.assert_runs("convert", "in.npz", "out.npz", "--to", "dfp16", "--json", "--overwrite").stdout)
        self.assertEqual([tensor["name"] for tensor in told["tensors"]], list(self.tensors))
        self.assert_refused("convert", "in.npz", "out.npz", "--to", "dfp16", "--tensors", "x*", says=["'x*'", "'half'"])
        self.assert_refused("convert", "in.npz", "out.npz", "--to", "dfp16", "--tensors", "steps", says=["'steps'"])

    def test_refusals_leave_what_was_there(self):
        (self.folder / "out.npz").write_text("before")
        self.write_tensors(".npz")
        array = np.ones((4, 5), "f4")
        array[2, 1] = np.nan
        self.write_tensors(".npz", {"w": array}, "nan")
        self.write_tensors(".npz", {"w": array[:1], "w.exponents": array[:1]}, "taken")
        for arguments, says in (
            (("in.npz", "out.npz"), ["--to"]),
            (("taken.npz", "out.npz", "--to", "dfp8", "--codes"), ["exponents of 'w'", "'w.exponents'", "--tensors"]),
            (("in.npz", "out.npz", "--to", "dfp99"), ["dfp99"]),
            (("in.npz", "out.npz", "--to", "dfp8@biased", "--rounding", "to_odd"), ["rounding"]),
            (("in.npz", "out.txt", "--to", "dfp8"), [".txt", ".safetensors"]),
            (("in.npz", "out.npy", "--to", "dfp8"), ["4 tensors", ".npz"]),
            (("in.npz", "out.npz", "--to", "dfp8", "--seed", "4294967296"), ["seed"]),
            (("none.npz", "out.npz", "--to", "dfp8"), ["none.npz"]),
            (("out.npz", "out.npz", "--to", "dfp8"), ["out.npz"]),
            (("nan.npz", "out.npz", "--to", "dfp8", "--overwrite"), ["'w'", "element 11", "nan"]),
            (("in.npz", "out.npz", "--to", "dfp8"), ["out.npz exists", "--overwrite"]),
            (("in.npz", "in.npz", "--to", "dfp8", "--overwrite"), ["in.npz is one of the files to be read"]),
            (("in.npz", "none/out.npz", "--to", "dfp8"), ["there is no folder none"]),
        ):
            with self.subTest(arguments):
                self.assert_refused("convert", *arguments, says=says)
        self.write_tensors(".npz", {"a": array, "a.exponents": array}, "twice")
        self.assert_refused("convert", "twice.npz", "out.npz", "--to", "dfp8", "--codes", says=["'a.exponents'"])
        self.write_tensors(".npz", {"a": array, "a.scales": array}, "scales")
        self.assert_refused("convert", "scales.npz", "out.npz", "--to", "mxint8", "--codes", says=["'a.scales'"])
        self.write_tensors(".npz", {"a": array[:1], "a/b": array[:1]}, "nested")
        self.assert_refused("convert", "nested.npz", "out.h5", "--to", "dfp8", says=["out.h5", "a/b"])
        self.assertEqual((self.folder / "out.npz").read_text(), "before")
        self.assertEqual([path.name for path in self.folder.glob("*.partial")], [])
        self.assert_same(self.convert("nan.npz", "out.npz", "--to", "bf16"), {"w": array})

    def test_full_disk(self):
        np.save(self.folder / "x.npy", np.ones(1_000_000, "f4"))

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

        for suffix in (".npy", ".npz", ".safetensors", ".h5"):
            with self.subTest(suffix):
                done = self.run_program("convert", "x.npy", "y" + suffix, "--to", "dfp8", "--overwrite", prepare=small_files)
                self.assertEqual(done.returncode, REFUSED)
                self.assertIn("y" + suffix, done.stderr)
                self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["x.npy"])


if __name__ == "__main__":
    program.main()
