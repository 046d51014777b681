#!/usr/bin/python3
"""Tests of scripts/mutate without building anything: which faults the rules plant, and the reasons for survivors.

    mutate_test.py"""

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from mutate_rules import all_mutants, find_enumerations, mutants_of  # noqa: E402
from mutate_survivors import (FILE, ReasonError, describe, load_reasons, read_reasons, unknown_reasons,  # noqa: E402
                              useless_reasons)

ENUM = "enum class Mode : int {\n  up,    ///< a comment, with a comma\n  down,\n  odd\n};\n"


def faults(line: str, rule: str | None = None) -> list[str]:
    """What becomes of one line of code, by rule."""
    text = f"{ENUM}void f() {{\n  {line}\n}}\n"
    return [mutant.after for mutant in mutants_of("f.cpp", text, find_enumerations([text]))
            if mutant.line == 7 and rule in (None, mutant.rule)]


class RulesTest(unittest.TestCase):
    def test_each_rule_plants_its_faults(self):
        for rule, line, expected in (
            ("shift", "x = y << n;", ["x = y << 1 + n;"]),
            ("comparison", "return a < b || c == d;", ["return a <= b || c == d;", "return a < b || c != d;"]),
            ("arithmetic", "s += -p * q - 1;", ["s -= -p * q - 1;", "s += -p / q - 1;", "s += -p * q + 1;"]),
            ("bitwise", "x = y & m;", ["x = y | m;"]),
            ("logical", "return p && q;", ["return p || q;"]),
            ("constant", "x = 63 + 0x0fu + 0x1.8p-1 + 0.5;",
             ["x = 64 + 0x0fu + 0x1.8p-1 + 0.5;", "x = 63 + 0x10u + 0x1.8p-1 + 0.5;",
              "x = 63 + 0x0fu + 0x1.9p-1 + 0.5;", "x = 63 + 0x0fu + 0x1.8p-1 + 1.5;"]),
            ("name", "return std::min(p, true);", ["return std::max(p, true);", "return std::min(p, false);"]),
            ("enumerator", "return m == Mode::odd;", ["return m == Mode::up;"]),
            ("twin", "return f(a.x, b);", ["return f(b.x, b);", "return f(a.x, a);"]),
            ("sign", "return !p ? -1 : ~q;", ["return p ? -1 : ~q;", "return !p ? 1 : ~q;", "return !p ? -1 : q;"]),
            ("condition", "if (p && q) return;", ["if (!(p && q)) return;"]),
            ("choice", "x = p ? q : r ? s : t;", ["x = p ? r ? s : t : q;", "x = p ? q : r ? t : s;"]),
            ("statement", "p.q[i] = 1;", [";"]),
            ("statement", "if (p) throw f(1);", ["if (p) ;"]),
            ("argument", "g(h, i + 1, j);", ["g(i + 1, h, j);"]),
        ):
            with self.subTest(line, rule=rule):
                self.assertEqual(faults(line, rule), expected)

    def test_what_is_no_code_or_no_operation_stays(self):
        for line in ("// a < b && c", "/* a + b */", 'text = "a < b + 1";', "static_assert(a < b + 1);",
                     "template <class T, int N = 1> struct S;", "#define A (b + 1)", "std::vector<std::vector<int>> v;",
                     "const Exact& x = *y;", "case Mode::odd:", "Pair p{x, z};", "two_sum(x, z);", "f(a);"):
            with self.subTest(line):
                self.assertEqual([fault for fault in faults(line) if fault != ";"], [])

    def test_a_mutant_is_known_by_its_text_and_not_by_its_line(self):
        text = "int f(int a) {\n  return a + 1;\n}\n"
        one, two = (mutants_of("f.cpp", lines, {}) for lines in (text, "\n\n" + text))
        self.assertEqual([mutant.id for mutant in one], ["f.cpp:2:arithmetic:1", "f.cpp:2:constant:1"])
        self.assertEqual([mutant.line for mutant in two], [4, 4])
        self.assertEqual([mutant.key for mutant in one], [mutant.key for mutant in two])
        twice = mutants_of("f.cpp", "void f() {\n  g();\n  g();\n}\n", {})
        self.assertEqual([mutant.key[1] for mutant in twice], ["statement", "statement#2"])


class TreeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mutants = all_mutants(ROOT)

    def test_every_rule_finds_something_and_every_mutant_is_another_text_with_the_same_lines(self):
        self.assertGreater(len(self.mutants), 1500)
        self.assertEqual({mutant.rule for mutant in self.mutants},
                         {"shift", "comparison", "arithmetic", "bitwise", "logical", "constant", "name", "enumerator",
                          "twin", "sign", "condition", "choice", "statement", "argument"})
        self.assertEqual(len({mutant.id for mutant in self.mutants}), len(self.mutants))
        self.assertEqual(len({mutant.digest for mutant in self.mutants}), len(self.mutants))
        self.assertEqual(len({mutant.key for mutant in self.mutants}), len(self.mutants))
        for mutant in self.mutants:
            original = (ROOT / mutant.file).read_text(encoding="utf-8")
            self.assertNotEqual(mutant.text, original, mutant.id)
            self.assertEqual(mutant.text.count("\n"), original.count("\n"), mutant.id)
            self.assertNotEqual(mutant.before, mutant.after, mutant.id)

    def test_every_written_reason_is_of_a_mutant_that_exists(self):
        reasons = load_reasons(ROOT)
        self.assertEqual([describe(key) for key in unknown_reasons(reasons, self.mutants)], [], FILE)

    def test_a_reason_is_useless_once_its_mutant_is_killed_and_unknown_once_its_line_is_gone(self):
        mutant, other = self.mutants[0], self.mutants[1]
        self.assertNotEqual(mutant.key, other.key)
        text = f"# About this file.\n\n{describe(mutant.key)}\n+ x\nBecause of a reason in words,\nof two lines.\n"
        reasons = read_reasons(text)
        self.assertEqual(reasons, dict.fromkeys([mutant.key, (*mutant.key[:3], "x")],
                                                "Because of a reason in words, of two lines."))
        self.assertEqual(useless_reasons(reasons, survived=[mutant], tried=[mutant, other]), [])
        self.assertEqual(useless_reasons(reasons, survived=[other], tried=[mutant, other]), [mutant.key])
        self.assertEqual(useless_reasons(reasons, survived=[], tried=[other]), [])
        self.assertEqual(unknown_reasons(reasons, [other]), list(reasons))
        self.assertEqual(unknown_reasons(reasons, [mutant]), [(*mutant.key[:3], "x")])

    def test_malformed_reasons_are_refused(self):
        whole = describe(self.mutants[0].key)
        for text in (whole, f"{whole}\nshort", "formats/a.cpp\n- a\n+ b\nA reason that is long enough.",
                     "formats/a.cpp sign\n- a\nA reason that is long enough.",
                     f"{whole}\nA reason that is long enough.\n\n{whole}\nAnother that is long enough."):
            with self.subTest(text), self.assertRaisesRegex(ReasonError, "paragraph must be|second reason"):
                read_reasons(text)


if __name__ == "__main__":
    unittest.main()
