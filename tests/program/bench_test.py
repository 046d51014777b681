#!/usr/bin/python3
"""Tests of `precsim bench` as a user runs it, on its tiny cases.

    bench_test.py PRECSIM"""

import json

import program
from program import ProgramTest

GROUPS = ["gemm", "conv", "convert", "simulate"]


class BenchTest(ProgramTest):
    def bench(self, *options) -> dict:
        return json.loads(self.assert_runs("bench", "--json", "--quiet", "--rounds", "1", *options).stdout)

    def test_tiny_cases_of_every_group_are_right(self):
        result = self.bench("--only", "tiny")
        self.assertEqual(result["wrong"], 0)
        self.assertEqual({row["case"].split("/")[0] for row in result["rows"]}, set(GROUPS))
        for row in result["rows"]:
            with self.subTest(row["case"], contender=row["contender"]):
                self.assertGreater(row["rate"], 0)
                self.assertIsNone(row["wrong"])
                self.assertIsNone(row["over_one_thread"])
                self.assertEqual(row["unit"], "Melem/s" if row["case"].startswith("convert") else "GMAC/s")
        self.assertEqual(result["totals"], [])

    def test_every_usable_kernel_can_be_forced(self):
        for kernel in json.loads(self.assert_runs("info", "--json").stdout)["kernels"]:
            with self.subTest(kernel["name"]):
                if kernel["usable"]:
                    result = self.bench("gemm", "convert", "--only", "tiny/8", "--only", "tiny/dfp16", "--kernel",
                                        kernel["name"])
                    self.assertEqual((result["kernel"], result["wrong"]), (kernel["name"], 0))
                    self.assertGreater(len(result["rows"]), 5)
                else:
                    self.assert_refused("bench", "--only", "tiny", "--kernel", kernel["name"], says="cannot run")

    def test_several_threads_are_compared_with_one(self):
        for row in self.bench("--threads", "2", "--only", "tiny/32", "--only", "tiny/bf16")["rows"]:
            self.assertGreater(row["over_one_thread"], 0)

    def test_groups_and_names_choose_cases(self):
        listed = [line.split()[0] for line in self.assert_runs("bench", "--list").stdout.splitlines()[2:]]
        self.assertEqual(len(listed), len(set(listed)))
        for group in GROUPS:
            with self.subTest(group):
                chosen = list(dict.fromkeys(row["case"] for row in self.bench(group, "--only", "tiny")["rows"]))
                self.assertEqual(chosen, [name for name in listed if name.startswith(group + "/") and "tiny" in name])

    def test_table_tells_machine_and_outcome(self):
        text = self.assert_runs("bench", "gemm", "--only", "tiny/8", "--rounds", "1", "--quiet").stdout
        self.assertIn("CPU: " + json.loads(self.assert_runs("info", "--json").stdout)["cpu_features"], text)
        self.assertRegex(text, r"int16 packed +[\d.]+ +GMAC/s")
        self.assertRegex(text, r"\n\d+ results, 0 wrong; [\d.]+ s\n\Z")

    def test_wrong_options_are_refused(self):
        self.assert_refused("bench", "gem", says=["unknown group", "gemm", "simulate"])
        self.assert_refused("bench", "--only", "no_such_case", says=["no_such_case", "--list"])
        self.assert_refused("bench", "conv", "--only", "square", says="square")
        self.assert_refused("bench", "--only", "tiny", "--rounds", "0", says="--rounds")
        self.assert_refused("bench", "--only", "tiny", "--threads", "none", says="--threads")
        self.assert_refused("bench", "--only", "tiny", "--kernel", "sse9", says="sse9")
        self.assert_refused("bench", "--full", "--only", "tiny", says="exclude each other")
        self.assert_refused("bench", "--list", "--json", says="--list")


if __name__ == "__main__":
    program.main()
