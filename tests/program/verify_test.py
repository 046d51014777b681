#!/usr/bin/python3
"""Tests of `precsim verify` as a user runs it: clean here, told apart by name, as a table and as JSON.

    verify_test.py PRECSIM"""

import json

import program
from program import ProgramTest


class VerifyTest(ProgramTest):
    def verify(self, *options) -> dict:
        return json.loads(self.assert_runs("verify", "--json", "--quiet", *options).stdout)

    def test_quick_is_clean_and_every_section_has_cases(self):
        result = self.verify("--quick")
        self.assertEqual(result["mismatches"], 0)
        self.assertEqual(result["run"] + result["not_run"], len(result["sections"]))
        self.assertGreater(result["run"], 15)
        for section in result["sections"]:
            with self.subTest(section["section"]):
                if section["run"]:
                    self.assertGreater(section["cases"], 0)
                else:
                    self.assertNotEqual(section["not_run"], "")
        self.assertEqual(result["cases"], sum(section.get("cases", 0) for section in result["sections"]))

    def test_cases_do_not_depend_on_threads(self):
        def cases(*options):
            result = self.verify("--quick", "--only", "dfp", "--only", "chain", *options)
            return [section["cases"] for section in result["sections"]]

        self.assertEqual(cases("--threads", 1), cases("--threads", 2))

    def test_another_seed_is_clean_too(self):
        self.assertEqual(self.verify("--quick", "--only", "catalogue", "--only", "chain", "--seed", 2)["mismatches"], 0)

    def test_only_takes_a_section_or_a_group(self):
        names = [line.split()[0] for line in self.assert_runs("verify", "--list").stdout.splitlines()[2:]]
        self.assertEqual(len(names), len(set(names)))
        group = names[0].split("/")[0]
        chosen = self.verify("--quick", "--only", group)["sections"]
        self.assertEqual([row["section"] for row in chosen], [name for name in names if name.startswith(group + "/")])
        self.assertEqual([row["section"] for row in self.verify("--quick", "--only", names[-1])["sections"]], names[-1:])
        self.assertEqual(self.verify("--quick", "--only", group + "/")["sections"][0]["section"], names[0])
        self.assert_refused("verify", "--only", "no_such_section", says=["unknown section", group, "--list"])
        self.assert_refused("verify", "--list", "--only", "no_such_section", says="unknown section")
        self.assert_refused("verify", "--list", "--json", says="--list")

    def test_table_says_what_is_present_and_what_ran(self):
        text = self.assert_runs("verify", "--quick", "--only", "dfp").stdout
        self.assertIn("CPU: " + json.loads(self.assert_runs("info", "--json").stdout)["cpu_features"], text)
        self.assertRegex(text, r"\d+ sections ran, \d+ not run; \d+ cases, 0 mismatches; [\d.]+ s\n\Z")

    def test_contradicting_and_wrong_options_are_refused(self):
        self.assert_refused("verify", "--quick", "--full", says="exclude each other")
        self.assert_refused("verify", "--seed", "-1", says="--seed")
        self.assert_refused("verify", "--threads", "many", says="--threads")


if __name__ == "__main__":
    program.main()
