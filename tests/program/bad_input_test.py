#!/usr/bin/python3
"""Tests of bad input: data files, sizes, formats, plans. Whatever it is: one sentence, exit code 2, no harm.

    bad_input_test.py PRECSIM"""

import gzip
import os
import random
import struct

import program
from program import ProgramTest

TRAIN, TEST = "train", "t10k"


def images(count: int, side: int = 28, magic: int = 0x803, seed: int = 1) -> bytes:
    header = struct.pack(">IIII", magic, count, side, side)
    return header + random.Random(seed).randbytes(count * side * side)


def labels(count: int, magic: int = 0x801, value=lambda i: i % 10) -> bytes:
    return struct.pack(">II", magic, count) + bytes(value(i) for i in range(count))


class DataTest(ProgramTest):
    """Training on IDX files of random pixels."""

    def setUp(self):
        super().setUp()
        self.data = self.folder / "data"
        for prefix, count in ((TRAIN, 40), (TEST, 20)):
            self.put(prefix, images(count), labels(count))

    def put(self, prefix: str, image_bytes: bytes | None = None, label_bytes: bytes | None = None, suffix: str = ""):
        """Writes one or both files of a split in place of those with and without .gz."""
        for content, name in ((image_bytes, f"{prefix}-images-idx3-ubyte"), (label_bytes, f"{prefix}-labels-idx1-ubyte")):
            if content is not None:
                for old in (name, name + ".gz"):
                    (self.data / old).unlink(missing_ok=True)
                self.write(f"data/{name}{suffix}", content)

    def values(self, **more) -> dict:
        return {"data.name": "mnist", "data.path": "data", "train.epochs": 1, **more}

    def assert_data_refused(self, *says: str, **more):
        self.assert_training_refused(self.values(**more), says, ("--out", "run.h5"))
        self.assertNotIn("run.h5", self.files())


class FileTest(DataTest):
    def test_plain_and_compressed_files_are_the_same_data(self):
        plain = self.train(self.values())
        self.put(TRAIN, gzip.compress(images(40)), gzip.compress(labels(40)), ".gz")
        self.assertEqual(self.train(self.values())["state_hash"], plain["state_hash"])
        self.put(TRAIN, gzip.compress(images(40)))  # compressed, whatever the name says
        self.assertEqual(self.train(self.values())["state_hash"], plain["state_hash"])
        self.put(TRAIN, images(40, seed=2))
        self.assertNotEqual(self.train(self.values())["state_hash"], plain["state_hash"])

    def test_headers_are_checked(self):
        for prefix in (TRAIN, TEST):
            count = 40 if prefix == TRAIN else 20
            name = f"{prefix}-images-idx3-ubyte"
            for content, says in ((images(count, magic=0x801), "magic"), (images(count, magic=0xD03), "magic"),
                                  (images(count, side=27), "27 x 27"), (images(0), "no items"), (b"", "truncated"),
                                  (images(count)[:10], "truncated"), (images(count)[:-1], "truncated"),
                                  (images(count) + b"\0", "more than"), (b"\x1f\x8b", "truncated"),
                                  (struct.pack(">IIII", 0x803, 2**32 - 1, 28, 28), "truncated"), (b"<html>no</html>", "magic")):
                with self.subTest(name, content=content[:16], size=len(content)):
                    self.put(prefix, content)
                    self.assert_data_refused(name, says)
            self.put(prefix, images(count))
            for content, says in ((labels(count, magic=0x803), "magic"), (labels(count)[:-1], "truncated"),
                                  (labels(count) + b"\0", "more than"), (labels(count - 1), "labels"),
                                  (labels(count, value=lambda i: 10 if i == 7 else 0), "image 7"),
                                  (labels(count, value=lambda i: 255), "label 255")):
                with self.subTest(f"{prefix} labels", content=content[:16], size=len(content)):
                    self.put(prefix, None, content)
                    self.assert_data_refused(f"{prefix}-labels-idx1-ubyte", says)
            self.put(prefix, images(count), labels(count))
        self.train(self.values())

    def test_damaged_compression_is_noticed(self):
        whole = gzip.compress(images(40))
        middle = bytearray(whole)
        middle[len(whole) // 2] ^= 0x10
        checksum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
        for content in (bytes(middle), checksum, whole[: len(whole) // 2], whole[:-4], whole[:12]):
            self.put(TRAIN, content, suffix=".gz")
            self.assert_data_refused("train-images-idx3-ubyte.gz")

    def test_a_bomb_is_not_unpacked(self):
        bomb = struct.pack(">IIII", 0x803, 2**32 - 1, 28, 28) + bytes(64 << 20)
        self.put(TRAIN, gzip.compress(bomb, 1), suffix=".gz")
        self.assert_data_refused("truncated")
        self.put(TRAIN, gzip.compress(images(40) + bytes(64 << 20), 1), suffix=".gz")
        self.assert_data_refused("more than")

    def test_missing_files_are_named_with_what_must_be_there(self):
        for name in sorted(os.listdir(self.data)):
            content = (self.data / name).read_bytes()
            (self.data / name).unlink()
            self.assert_data_refused(f"'{name}'", f"'{name}.gz'", "data.path")
            (self.data / name).mkdir()
            self.assert_data_refused(name)
            (self.data / name).rmdir()
            os.mkfifo(self.data / name)  # would wait for a writer for ever
            self.assert_data_refused(name)
            (self.data / name).unlink()
            (self.data / name).write_bytes(content)
        self.train(self.values())

    def test_the_folder_is_needed_where_there_are_files_and_only_there(self):
        self.assert_training_refused({"data.name": "mnist"}, "data.path is empty")
        self.assert_training_refused({"data.path": "data"}, ["data.path", "glyphs"])
        for path in ("absent", "data/train-images-idx3-ubyte", "/dev/null", "x" * 5000):
            self.assert_data_refused("data.path", **{"data.path": path})


class SizeTest(DataTest):
    def test_more_images_than_there_are(self):
        self.assert_data_refused("data.train_size = 41", "40", **{"data.train_size": 41, "data.test_size": 0})
        self.assert_data_refused("data.test_size = 21", "20", **{"data.train_size": 0, "data.test_size": 21})
        self.train(self.values(**{"data.train_size": 40, "data.test_size": 20}))

    def test_a_batch_larger_than_the_data(self):
        self.assert_data_refused("train.batch is 41", "40", **{"train.batch": 41, "data.train_size": 0})
        self.assert_training_refused({"train.batch": 65536}, ["train.batch is 65536", "32"])
        self.train(self.values(**{"train.batch": 40, "data.train_size": 0}))

    def test_sizes_that_ask_for_absurd_memory(self):
        for values in ({"data.train_size": 10**18}, {"data.test_size": 2**63}, {"train.batch": 2**31},
                       {"train.eval_batch": 10**12}, {"train.epochs": 2**63 - 1}):
            self.assert_training_refused(values, list(values)[0])
        if not program.is_sanitized():
            self.assert_training_refused({"data.train_size": 10**7}, "memory")

    def test_a_very_long_run_can_begin(self):
        figures = self.train({"train.epochs": 10**6, "train.max_steps": 2, "schedule.warmup_epochs": 1e6})
        self.assertEqual(figures["steps"], 2)


class PlanTest(ProgramTest):
    def test_formats_roundings_and_accumulators_that_do_not_exist(self):
        for key, value, says in (("plan.weights", "dfp17", "2 to 16"), ("plan.weights", "dpf16", "dfp16"),
                                 ("plan.weights", "e9m9", "2 to 8"), ("plan.weights", "fp16:overflow=wrap", "saturate"),
                                 ("plan.weights", "", "format"), ("plan.weights", "fp16@", "rounding"),
                                 ("plan.weights", "fp16@nearest", "nearest_even"), ("plan.weights", "dfp16@stochastic:bits=33", "32"),
                                 ("plan.rounding", "random", "stochastic"), ("plan.rounding", "stochastic:bits=0", "1 to 32"),
                                 ("plan.accumulator", "int33", "int32"), ("plan.accumulator", "int32:chain=0", "chain"),
                                 ("plan.accumulator", "int32:chain=7", "multiple of 2"),
                                 ("plan.accumulator", "int32:chain=12,atom=pair4", "multiple of 8"),
                                 ("plan.accumulator", "int32:chain=9223372036854775808", "chain"),
                                 ("plan.accumulator", "int32:overflow=ignore", "wrap"), ("plan.accumulator", "fp32", "int32"),
                                 ("plan.float_accumulator", "int32", "fp32"), ("plan.float_accumulator", "fp32:chain=2", "chain"),
                                 ("plan.float_accumulator.forward", "fp4_e2m1:product=e9m9", "2 to 8"),
                                 ("plan.name", "int8", "dfp8"), ("init.name", "xavier", "glorot"), ("optimizer.name", "adam", "sgd")):
            with self.subTest(key, value=value):
                self.assert_training_refused({key: value}, [key, says])

    def test_impossible_combinations(self):
        for values, says in (({"plan.weights": "dfp16:block=3"}, "even"), ({"plan.weights": "dfp16:block=0"}, "even"),
                             ({"plan.weights": "dfp16:block=1000000000000"}, "even"),
                             ({"plan.weights": "dfp16:channel,block=2"}, ""), ({"plan.weights": "dfp16:headroom=15"}, "headroom"),
                             ({"plan.activations": "dfp16:channel"}, "channel"), ({"plan.errors": "dfp16:channel"}, "channel"),
                             ({"plan.activations.forward": "dfp16:channel"}, "activations of layer conv1"),
                             ({"plan.outputs": "dfp16:block=2"}, "outputs"), ({"plan.master": "dfp16:channel"}, "master"),
                             ({"plan.weights": "fix16.16"}, "16 bits"), ({"plan.errors": "fix8.16"}, "16 bits"),
                             ({"plan.conv9.weights": "dfp8"}, "conv1"), ({"plan.relu1.weights": "dfp8"}, "relu1"),
                             ({"plan.weights.weight_gradient": "dfp8"}, "weight_gradient"),
                             ({"plan.master.forward": "fp16"}, "master"), ({"plan.conv1.errors.input_gradient": "dfp8"}, "conv1"),
                             ({"plan.rounding.forward": "biased"}, "rounding"),
                             ({"schedule.name": "step"}, "schedule.step_epochs")):
            with self.subTest(values):
                self.assert_training_refused(values, says)

    def test_what_looks_impossible_but_is_not(self):
        for values in ({"plan.weights": "dfp2", "plan.activations": "dfp2", "plan.errors": "dfp2"},
                       {"plan.weights": "dfp16:headroom=14,top=bump,block=65536@to_odd"},
                       {"plan.weights": "dfp16:channel", "plan.errors.weight_gradient": "dfp16:channel"},
                       {"plan.weights": "fix1.15", "plan.activations": "fp8_e5m2"}, {"plan.master": "fix16.16"},
                       {"plan.outputs": "fp4_e2m1", "plan.saved": "fp6_e3m2"}, {"model.name": "mlp", "plan.name": "dfp16_paper"},
                       {"model.name": "cnn_bn", "train.batch": 1, "train.eval_batch": 1}):
            with self.subTest(values):
                self.train({**values, "train.max_steps": 1})


if __name__ == "__main__":
    program.main()
