"""The written reasons for mutants that no test can kill: tests/mutation_survivors.txt.

A reason is a paragraph: the file and the rule, the code as it is after '-', the code as the mutant has it after '+' (a line
for each, where one reason is that of several), and then the reason itself. Nothing refers to line numbers, so that a
reason moves with its line and ends with it. Where a file has the same code twice, RULE#2 is the second.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from mutate_rules import Mutant

FILE = "tests/mutation_survivors.txt"
LEAST_REASON = 20  # characters


class ReasonError(Exception):
    """The file of reasons is malformed."""


def read_reasons(text: str) -> dict[tuple, str]:
    """The reason of each mutant's key."""
    reasons = {}
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line for line in paragraph.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        head, reason = lines[0].split(), " ".join(line.strip() for line in lines[1:] if line[0] not in "-+")
        before, after = ([line[1:].strip() for line in lines[1:] if line[0] == sign] for sign in "-+")
        if len(head) != 2 or len(before) != 1 or not after or len(reason) < LEAST_REASON:
            raise ReasonError(f"{FILE}: a paragraph must be 'FILE RULE', a line '- ...', lines '+ ...', and a reason in "
                              f"words; this one is not: {paragraph[:200]}")
        for key in [(*head, before[0], code) for code in after]:
            if key in reasons:
                raise ReasonError(f"{FILE}: this mutant has a second reason:\n{describe(key)}")
            reasons[key] = reason
    return reasons


def describe(key: tuple) -> str:
    """The paragraph of a mutant without its reason."""
    file, rule, before, after = key
    return f"{file} {rule}\n- {before}\n+ {after}"


def load_reasons(root: Path) -> dict[tuple, str]:
    path = root / FILE
    return read_reasons(path.read_text(encoding="utf-8")) if path.exists() else {}


def unknown_reasons(reasons: dict[tuple, str], mutants: Iterable[Mutant]) -> list[tuple]:
    """Reasons for mutants that do not exist (any more)."""
    existing = {mutant.key for mutant in mutants}
    return [key for key in reasons if key not in existing]


def useless_reasons(reasons: dict[tuple, str], survived: Iterable[Mutant], tried: Iterable[Mutant]) -> list[tuple]:
    """Reasons for mutants that were tried and did not survive."""
    alive = {mutant.key for mutant in survived}
    return [key for key in {mutant.key: None for mutant in tried} if key in reasons and key not in alive]
