#!/usr/bin/env python3
# Writes tests/golden/known_answers_*.txt from exact rational arithmetic; shares nothing with the C++ sources.
"""Usage: generate_known_answers.py [DIRECTORY]   (default: the tests/golden beside this script's folder)

Every number is a Fraction and every rounding a comparison of Fractions. The output depends on
nothing but this file, the answers_*.py and exact_numbers.py.
"""
import pathlib
import sys
from fractions import Fraction

from answers_control import control_lines
from answers_dfp import DFP_DRAW, dfp_lines
from answers_floats import fixed_lines, float_lines
from answers_mx import mx_lines
from exact_numbers import MODES, Sequence, element_word, philox, revealing_word, rounded, two


def rounding_lines():
    sequence = Sequence(1)
    cases = []
    for drop in [0, 1, 2, 3, 4, 8, 13, 24, 31, 32, 33, 34, 40, 61, 62, 63, 64, 65, 66, 95, 96, 97, 127, 128, 163, 300]:
        unit = 1 << drop
        marks = {0, 1, unit // 4, unit // 4 - 1, unit // 4 + 1, unit // 2, unit // 2 - 1, unit // 2 + 1, unit - 1}
        magnitudes = set()
        for kept in (0, 1, 2, 5):
            magnitudes |= {kept * unit + mark for mark in marks if mark >= 0}
        magnitudes |= {1, 2, 0xffffff, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, sequence() << 32 | sequence()}
        cases += [(magnitude, drop) for magnitude in sorted(magnitudes) if magnitude < 1 << 64]
    for index, (magnitude, drop) in enumerate(cases):
        value = Fraction(magnitude, 1 << drop)
        word = revealing_word(value % 1, index)
        negative = index // 2 % 2 == 1
        results = [f"{rounded(value, negative, mode, word):x}" for mode in MODES]
        yield f"{magnitude:016x} {drop} {'-' if negative else '+'} {word:08x}  " + " ".join(results)


PUBLISHED = """
00000000 00000000 00000000 00000000 00000000 00000000   6627e8d5 e169c58d bc57ac4c 9b00dbd8
ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff   408f276d 41c83b0e a20bc7c6 6d5451fd
243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0   d16cfe09 94fdcceb 5001e420 24126ea1
"""  # Random123 (Salmon et al., SC 2011), tests/kat_vectors, philox4x32 10


def philox_lines():
    for line in PUBLISHED.strip().splitlines():
        words = [int(word, 16) for word in line.split()]
        assert philox(words[:4], words[4:6]) == words[6:], line
        yield "block " + line
    draws = [(0, 0, 0, 0, 0), DFP_DRAW, (0xffffffff, 6, 0xffffffff, 0xffffffff, 255), (1, 1, 2, 3, 4), (42, 5, 0, 9, 1)]
    for draw in draws:
        for i in (0, 1, 2, 3, 4, 7, 1000003, (1 << 34) - 1, 1 << 34, (1 << 34) + 5, (5 << 34) + 6, (1 << 57) + 11):
            seed, stream, step, tensor, use = draw
            yield f"word {seed} {stream} {step} {tensor} {use} {i} {element_word(draw, i):08x}"


HEADERS = {
    "rounding": f"""Rounding of magnitude * 2^-drop to an integer.
Columns: magnitude (hex), drop, sign, random word (hex), then the result (hex) under {', '.join(MODES)}.""",
    "float": f"""Conversion of FP32 numbers to floating-point formats.
Columns: format, FP32 bits, random word, then the code (hex; - where the format has none) under
{', '.join(MODES)}.""",
    "fixed": f"""Conversion of FP32 numbers to fixed point.
Columns: format, FP32 bits, random word, then the code (decimal) under {', '.join(MODES)}.""",
    "dfp": f"""Conversion of blocks of FP32 numbers to dynamic fixed point.
Columns: format, rounding, FP32 bits of the elements, shared exponent, codes, elements that saturation or wrapping
changed. Random words: (seed, stream, step, tensor, use) = {DFP_DRAW}, element 0 on.""",
    "control": """Exponents of tensors that are converted again and again.
first: format, FP32 bits of the largest magnitude, the exponent of the first conversion.
next: format, conversions as LARGEST_CODE:EXPONENT, step, the exponent of the conversion in that step.
range: format, batches as CODES:AT_THE_LIMIT:ABOVE_HALF, the exponent of the next batch.""",
    "mx": f"""Conversion of blocks of FP32 numbers to the MX formats.
Columns: format, rounding, FP32 bits of the elements, shared exponent, codes (bit patterns in hex; of mxint8 integers),
FP32 bits of the values, elements that saturation changed. Random words: (seed, stream, step, tensor, use) = {DFP_DRAW},
element 0 on.""",
    "philox": """Philox4x32-10.
block: four counter words, two key words, four output words (hex); Random123's published vectors.
word: seed, stream, step, tensor, use, element (decimal), the element's random word (hex).""",
}
LINES = {"rounding": rounding_lines, "float": float_lines, "fixed": fixed_lines, "dfp": dfp_lines,
         "control": control_lines, "mx": mx_lines, "philox": philox_lines}


def main():
    here = pathlib.Path(__file__).resolve().parent
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "golden"
    for name, header in HEADERS.items():
        header += "\nWritten by tests/oracle/generate_known_answers.py."
        lines = [f"# {line}" for line in header.splitlines()] + list(LINES[name]())
        (directory / f"known_answers_{name}.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
