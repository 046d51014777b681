#!/usr/bin/python3
"""Tests of the command line: help, version, misspellings, exit codes, and the subcommands that only tell something.

    commands_test.py PRECSIM"""

import json
import re
import shlex

import numpy
import program
from program import REFUSED, ProgramTest, settings, write_safetensors

SUBCOMMANDS = ["train", "study", "gemm", "conv", "analyze", "convert", "formats", "models", "plans", "compare", "explain",
               "verify", "bench", "signature", "info"]
SILENT = ["formats", "models", "plans", "info"]  # subcommands that need nothing
PLANS = ["fp32", "bf16", "fp16", "dfp16", "dfp16_paper", "dfp12", "dfp8", "dfp4", "flex16+5", "dfxp12"]


class HelpTest(ProgramTest):
    def overview(self) -> str:
        return self.assert_runs("--help").stdout

    def test_overview_lists_every_subcommand_with_what_it_does(self):
        listed = re.findall(r"(?m)^  ([a-z]+) +\S.{10,}$", self.overview())
        self.assertEqual(listed, SUBCOMMANDS)
        for word in ("-h", "help"):
            self.assertEqual(self.assert_runs(word).stdout, self.overview())

    def test_version_names_program_numerics_and_compiler(self):
        text = self.assert_runs("--version").stdout
        self.assertRegex(text, r"\Aprecsim \d+\.\d+\.\d+ \(numerics version \d+, .+\)\n\Z")

    def test_every_subcommand_explains_itself(self):
        for name in SUBCOMMANDS:
            with self.subTest(name):
                text = self.assert_runs(name, "--help").stdout
                self.assertIn(f"Usage: precsim {name}", text)
                self.assertRegex(text, rf"Example:\n  precsim {name}\b.*\n\Z")
                self.assertEqual(self.assert_runs("help", name).stdout, text)
                self.assertEqual(self.assert_runs(name, "--nonsense", "-h").stdout, text)
                for line in text.splitlines():
                    self.assertLessEqual(len(line), 120, line)

    def test_every_example_runs_as_printed(self):
        ran = 0
        for seed, record in enumerate(("a.h5", "b.h5")):
            self.train({}, "--seed", seed, "--out", record)
        write_safetensors(self.folder / "model.safetensors", {"fc.weight": numpy.ones((4, 40), numpy.float32)})
        for name in SUBCOMMANDS:
            example = self.assert_runs(name, "--help").stdout.rpartition("Example:\n")[2]
            words = shlex.split(example)
            self.assertEqual(words[:2], ["precsim", name])
            if name in ("signature", "verify"):
                continue  # take long; tests of their own run them
            if name == "train":
                self.assert_runs(*words[1:], "--print-config")
                words += settings({"data.train_size": 64, "data.test_size": 20})
            if name == "study":
                self.write("my_study.ini", "[base]\nmodel.name = mlp\ndata.train_size = 64\ndata.test_size = 20\n"
                                           "train.epochs = 1\n[point.a]\n")
            self.assert_runs(*words[1:])
            ran += 1
        self.assertEqual(ran, len(SUBCOMMANDS) - 2)


class MistakeTest(ProgramTest):
    def test_nothing_to_do_lists_the_subcommands(self):
        self.assert_refused(says=SUBCOMMANDS + ["--help"])

    def test_misspelled_subcommands_and_options_are_told_the_nearest_name(self):
        for words, nearest in ((["tarin"], "'train'"), (["format"], "'formats'"), (["--verison"], "'--version'"),
                               (["help", "modles"], "'models'"), (["train", "--see", "3"], "'--seed'"),
                               (["train", "--thread=1"], "'--threads'"), (["info", "--jsno"], "'--json'"),
                               (["compare", "--exakt", "a", "b"], "'--exact'")):
            with self.subTest(words):
                self.assert_refused(*words, says=f"the nearest is {nearest}")

    def test_unknown_words_are_refused(self):
        for words in (["frobnicate"], ["-x"], ["--"], [""], ["train", "-q"], ["train", "run.h5"], ["plans", "extra"],
                      ["info", "extra"], ["models", "lenet5", "extra"], ["--version", "extra"], ["signature", "1"]):
            with self.subTest(words):
                self.assert_refused(*words)

    def test_values_are_asked_for_and_flags_take_none(self):
        self.assert_refused("train", "--seed", says="--seed N")
        self.assert_refused("train", "--out", "--quiet", says="--out RUN.h5")
        self.assert_refused("train", "--quiet=1", says="--quiet")
        self.assert_refused("train", "--seed", 1, "--seed", 2, says="twice")
        self.assert_refused("train", "--out", "", says="--out")
        self.assert_refused("compare", "a.h5", "--exact", says="two files, not 1")
        self.assert_refused("compare", says="RUN")

    def test_output_that_cannot_be_written_is_a_mistake(self):
        with open("/dev/full", "w") as full:
            for name in SILENT:
                process = self.start_program(name, stdout=full)
                self.assertEqual(process.communicate()[1], "precsim: cannot write to standard output\n")
                self.assertEqual(process.returncode, REFUSED, name)


class CatalogueTest(ProgramTest):
    def names(self) -> list[str]:
        return [row["name"] for row in json.loads(self.assert_runs("formats", "--json").stdout)]

    def test_every_format_is_listed_and_explained(self):
        self.assert_refused("formats", "int32:chain=inf", says=["accumulator of integer products", "--accumulator"])
        listing = self.assert_runs("formats").stdout
        names = self.names()
        self.assertGreaterEqual(len(names), 20)
        for name in names:
            self.assertRegex(listing, rf"(?m)^{re.escape(name)} ")
            text = self.assert_runs("formats", name).stdout
            self.assertTrue(text.startswith(name + "\n"), text)
            for fact in ("bits per element", "largest", "smallest normal", "smallest ", "epsilon", "dynamic range"):
                self.assertIn(fact, text)
        for rounding in ("nearest_even", "stochastic", "biased", "to_odd"):
            self.assertRegex(listing, rf"(?m)^{rounding} ")

    def test_known_facts(self):
        def fact(name):
            return json.loads(self.assert_runs("formats", "--json", name).stdout)[0]

        self.assertEqual((fact("fp16")["largest"], fact("fp16")["smallest"]), (65504, 2**-24))
        self.assertEqual(fact("fp8_e4m3fn")["largest"], 448)
        self.assertEqual((fact("dfp16")["largest"], fact("dfp16:headroom=1")["largest"]), (32767, 16383))
        self.assertAlmostEqual(fact("dfp16")["dynamic_range_db"], 90.3, 1)
        self.assertEqual((fact("fix8.8")["bits"], fact("fix8.8")["smallest"]), (16, 2**-8))
        self.assertEqual(fact("e5m10")["name"], "fp16")

    def test_a_format_with_a_rounding_is_explained_too(self):
        text = self.assert_runs("formats", "dfp16:headroom=1@stochastic:bits=8").stdout
        self.assertRegex(text, r"(?m)^  rounding +stochastic:bits=8 ")

    def test_unknown_formats_are_told_the_nearest(self):
        for name, says in (("fp61", "fp16"), ("dpf16", "dfp16"), ("dfp17", "2 to 16"), ("e9m2", "2 to 8"),
                           ("fix0.8", "fixI.F"), ("dfp16:blok=2", "block"), ("dfp16:block=3", "even"),
                           ("dfp16:headroom=15", "headroom"), ("fp16@stohastic", "stochastic"), ("", "empty"),
                           ("fp16 ", "blank"), ("\x1b[31m", "format"), ("x" * 5000, "too long")):
            with self.subTest(name):
                self.assert_refused("formats", name, says=says)

    def test_models_are_listed_and_laid_out(self):
        for name in ("mlp", "lenet5", "cnn_bn", "resnet20", "resnet50"):
            self.assertRegex(self.assert_runs("models").stdout, rf"(?m)^{name} ")
            self.assertRegex(self.assert_runs("models", name).stdout, r"(?m)^total ")
        self.assertRegex(self.assert_runs("models", "lenet5").stdout, r"(?m)^total +61706 ")
        paper = self.assert_runs("models", "lenet5", "--plan", "dfp16_paper").stdout
        self.assertRegex(paper, r"(?m)^conv1 .* fp32 +fp32 +fp32$")
        self.assertRegex(paper, r"(?m)^conv2 .* dfp16:headroom=1 +dfp16:headroom=1$")
        self.assertIn("dfp7", self.assert_runs("models", "mlp", "--set", "plan.fc1.weights=dfp7").stdout)
        mixed = self.assert_runs("models", "mlp", "--set", "plan.fc2.weights.input_gradient=bf16",
                                 "--set", "plan.momentum=fp16").stdout
        self.assertRegex(mixed, r"(?m)^fc2 .* dfp16:headroom=1 \(input_gradient bf16\) .* fp16$")
        self.assertRegex(mixed, r"(?m)^layer .* weights +activations +errors +momentum$")

    def test_training_only_layers_are_counted_apart(self):
        text = self.assert_runs("models", "googlenet_v1").stdout
        self.assertRegex(text, r"(?m)^total +6998552 +1582671872$")
        self.assertRegex(text, r"(?m)^more in training +6379728 ")
        self.assertLessEqual(max(map(len, text.splitlines())), 160)

    def test_impossible_models_are_refused(self):
        for words, says in ((["lenet"], "lenet5"), (["lenet5", "--image", "28x28"], "HxWxC"),
                            (["lenet5", "--image", "0x28x1"], "HxWxC"), (["lenet5", "--image", "4x4x1"], "conv2"),
                            (["mlp", "--image", "65536x65536x65536"], ""), (["lenet5", "--image", "65536x65536x65536"], "2^40"),
                            (["mlp", "--classes", "1"], "--classes"), (["mlp", "--classes", "1e9"], "--classes"),
                            (["mlp", "--plan", "dfp61"], "dfp16"), (["mlp", "--set", "plan.weights=dfp99"], "2 to 16"),
                            (["mlp", "--set", "train.batch=1"], "plan.KEY"), (["mlp", "--set", "plan.fc9.weights=dfp8"], "fc1"),
                            (["--image", "28x28x1"], "needs a network"), (["a\nb"], "model")):
            with self.subTest(words):
                self.assert_refused("models", *words, says=says)

    def test_plans_are_listed_with_their_settings(self):
        text = self.assert_runs("plans").stdout
        for plan in PLANS:
            self.assertRegex(text, rf"(?m)^{re.escape(plan)}$")
        self.assertIn("plan.weights=dfp16:headroom=1", text)

    def test_info_names_kernels_and_libraries(self):
        facts = json.loads(self.assert_runs("info", "--json").stdout)
        self.assertIn("hdf5", facts["libraries"])
        self.assertTrue(any(kernel["usable"] for kernel in facts["kernels"]))
        text = self.assert_runs("info").stdout
        self.assertEqual(text.count("in use"), 1)
        self.assertIn(facts["version"], text)

    def test_products_differ_neither_by_engine_nor_by_kernel_nor_by_threads(self):
        hashes = set()
        for words in (["--engine", "check"], ["--engine", "native", "--threads", 1], ["--kernel", "portable"]):
            text = self.assert_runs("gemm", "--shape", "33x17x65", "--json", *words).stdout
            hashes.add(json.loads(text)["result_hash"])
        self.assertEqual(len(hashes), 1)

    def test_absurd_products_are_refused_before_memory_is_taken(self):
        for words, says in ((["gemm", "--shape", "1000000x1000000x1000000"], "memory"),
                            (["gemm", "--shape", "2147483648x1x2147483648"], "2^40"),
                            (["gemm", "--m", "9", "--n", "9"], "--k K"), (["gemm"], "--shape MxNxK"),
                            (["gemm", "--shape", "99999999999x1x1"], "--shape"),
                            (["conv", "--input", "64x4096x4096x1", "--channels", "512"], "memory"),
                            (["conv", "--input", "1x4x4x3", "--channels", "3", "--filter", "7x7"], "7x7")):
            with self.subTest(words):
                self.assert_refused(*words, says=says)

    def test_comparing_what_is_no_record_is_refused(self):
        self.write("text.h5", "no HDF5 at all")
        for words in (["absent.h5", "absent.h5"], ["text.h5", "text.h5"], [".", "."], ["/dev/zero", "/dev/zero"]):
            self.assert_refused("compare", *words, "--exact", says=words[0])


if __name__ == "__main__":
    program.main()
