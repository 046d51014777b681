#!/usr/bin/python3
"""Tests of `precsim bench train` as a user and a measuring program meet it, on a small network.

    bench_train_test.py PRECSIM"""

import json
import signal
import subprocess
import time
from pathlib import Path

import program
from program import REFUSED, ProgramTest

WORK = ["forward", "input_gradient", "weight_gradient", "proof", "batch_norm", "elementwise", "quantize", "optimizer",
        "data", "other"]
SMALL = ["--model", "lenet5", "--batch", "8", "--rounds", "1", "--steps", "2", "--quiet"]


class BenchTrainTest(ProgramTest):
    def bench(self, *options) -> dict:
        return json.loads(self.assert_runs("bench", "train", *SMALL, "--json", *options).stdout)

    def test_contenders_take_turns_and_are_compared(self):
        result = self.bench("--plan", "fp32", "--plan", "dfp16_paper rounding=stochastic")
        self.assertEqual((result["model"], result["batch"], result["parameters"]), ("lenet5", 8, 61706))
        first, second = result["contenders"]
        self.assertEqual((first["plan"], second["plan"]), ("fp32", "dfp16_paper rounding=stochastic"))
        self.assertEqual(first["as_fast"], 1)
        self.assertAlmostEqual(second["as_fast"], first["seconds"] / second["seconds"])
        for one in (first, second):
            self.assertEqual(list(one["work_seconds"]), WORK)
            self.assertAlmostEqual(sum(one["work_seconds"].values()), one["seconds"])
            self.assertAlmostEqual(one["images_per_second"], 8 / one["seconds"])
            self.assertEqual((one["steps"], one["engine"], one["threads"]), (2, "native", 1))
            self.assertGreater(one["peak_bytes"], 1 << 20)
        self.assertEqual(first["work_seconds"]["proof"], 0)
        self.assertGreater(second["work_seconds"]["proof"], 0)

    def test_engines_and_threads_are_combined(self):
        rows = self.bench("--plan", "dfp16", "--engine", "native", "--engine", "simulate", "--threads", "1",
                          "--threads", "2", "--telemetry")["contenders"]
        self.assertEqual([(row["engine"], row["threads"], row["telemetry"]) for row in rows],
                         [("native", 1, False), ("simulate", 1, True), ("native", 2, False), ("simulate", 2, True)])

    def test_table_tells_machine_contenders_and_work(self):
        text = self.assert_runs("bench", "train", *SMALL).stdout
        self.assertIn("lenet5: 61706 parameters", text)
        self.assertRegex(text, r"\ndfp16_paper +native +1 +[\d.]+ ")
        for work in ("weight_gradient", "quantize", "optimizer"):
            self.assertRegex(text, rf"\nfp32 +native +1 +{work} +[\d.]+ ")

    def worker(self, requests: str) -> subprocess.CompletedProcess:
        return subprocess.run([program.program(), "bench", "train", "--worker", "--model", "lenet5", "--batch", "8",
                               "--plan", "dfp16"], input=requests, capture_output=True, text=True,
                              timeout=program.MOST_SECONDS)

    def test_worker_answers_requests_line_by_line(self):
        for end in ("", "end\n"):
            result = self.worker("go 1\ngo 2\n" + end)
            self.assertEqual((result.returncode, result.stderr), (program.OK, ""))
            greeting, *samples = map(json.loads, result.stdout.splitlines())
            self.assertEqual(greeting["parameters"], 61706)
            self.assertEqual([sample["steps"] for sample in samples], [1, 2])
            for sample in samples:
                self.assertGreater(sample["processor_seconds"], 0)
                self.assertLessEqual(sum(sample["work"].values()), sample["wall_seconds"])

    def test_interrupt_ends_after_the_turn(self):
        process = self.start_program("bench", "train", "--model", "lenet5", "--rounds", "1000", "--quiet")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + program.MOST_SECONDS
        while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        workers = children.read_text().split()
        self.assertEqual(len(workers), 2)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=program.MOST_SECONDS)
        self.assertEqual(process.returncode, program.INTERRUPTED, stderr)
        self.assertRegex(stderr, r"\Aprecsim: interrupted[^\n]*\n\Z")
        self.assertFalse([worker for worker in workers if Path(f"/proc/{worker}").exists()])

    def test_worker_refuses_what_is_no_request(self):
        for request in ("hurry", "go", "go 0", "go -1", "go 1 2", "go 99999999999999999999"):
            with self.subTest(request):
                result = self.worker(request + "\n")
                self.assertEqual(result.returncode, REFUSED)
                self.assertEqual(len(result.stdout.splitlines()), 1)
                self.assertRegex(result.stderr, r"\Aprecsim: --worker: a request is 'go N'[^\n]*\n\Z")

    def test_wrong_options_are_refused(self):
        self.assert_refused("bench", "train", says=["--model", "precsim models"])
        self.assert_refused("bench", "train", "--model", "lenet6", says=["lenet6", "lenet5"])
        for options, says in [(["--plan", "dfp17"], "dfp17"), (["--plan", "dfp16 x"], "KEY=VALUE"),
                              (["--plan", "dfp16 conv9.rounding=stochastic"], "conv9"), (["--plan", ""], "plan"),
                              (["--engine", "fast"], "simulate"), (["--kernel", "sse9"], "sse9"),
                              (["--threads", "0"], "--threads"), (["--batch", "0"], "--batch"),
                              (["--telemetry"], "--engine simulate"), (["--worker"], "--worker"),
                              (["--worker", "--plan", "fp32", "--threads", "1", "--threads", "2"], "2")]:
            with self.subTest(options):
                self.assert_refused("bench", "train", *SMALL, *options, says=says)
        self.assert_refused("bench", "train", "--model", "lenet5", "--worker", "--plan", "fp32", "--json",
                            says=["--json", "--worker"])
        self.assert_refused("bench", "train", "lenet5", says="lenet5")


if __name__ == "__main__":
    program.main()
