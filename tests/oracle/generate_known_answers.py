#!/usr/bin/env python3
# Writes tests/golden/known_answers_*.txt from exact rational arithmetic; shares nothing with the C++ sources.
"""Usage: generate_known_answers.py [DIRECTORY]   (default: the tests/golden beside this script's folder)

Every number is a Fraction and every rounding a comparison of Fractions. The output depends on
nothing but this file and exact_numbers.py.
"""
import pathlib
import sys
from fractions import Fraction

from exact_numbers import (MODES, Sequence, element_word, floor_log2, fp32_bits, fp32_nudged, fp32_value, philox,
                           revealing_word, rounded, two)


# ---- rounding ---------------------------------------------------------------------------------------------------

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


# ---- floating point ---------------------------------------------------------------------------------------------

class FloatFormat:
    """ieee: the all-ones exponent is special; else the topmost `nan_codes` magnitude codes are NaN, none infinite."""

    def __init__(self, name, exponent_bits, fraction_bits, bias=None, ieee=True, nan_codes=None, overflow="inf"):
        base, _, option = name.partition(":overflow=")
        self.name, self.base = name, base
        self.exponent_bits, self.fraction_bits = exponent_bits, fraction_bits
        self.bias = (1 << (exponent_bits - 1)) - 1 if bias is None else bias
        self.ieee = ieee
        self.nan_codes = (1 << fraction_bits) - 1 if ieee else nan_codes
        self.overflow = option or overflow
        self.digits = (exponent_bits + fraction_bits + 4) // 4
        top = (1 << (exponent_bits + fraction_bits)) - 1
        self.largest_code = top - self.nan_codes - (1 if ieee else 0)

    def value(self, code):
        """The value of a magnitude code; the pattern goes on above the largest."""
        field, fraction = code >> self.fraction_bits, code & (1 << self.fraction_bits) - 1
        hidden = 0 if field == 0 else 1 << self.fraction_bits
        return (fraction + hidden) * two(max(field, 1) - self.bias - self.fraction_bits)

    def code(self, value):
        """Inverse of value()."""
        exponent = max(floor_log2(value), 1 - self.bias) if value else 1 - self.bias
        significand = value / two(exponent - self.fraction_bits)
        assert significand.denominator == 1
        hidden = 1 << self.fraction_bits
        if significand < hidden:
            return int(significand)
        return (exponent + self.bias) * hidden + int(significand) - hidden

    def sign(self, negative):
        return 1 << (self.exponent_bits + self.fraction_bits) if negative else 0

    def overflow_code(self):
        if self.overflow == "inf":
            return self.largest_code + 1
        return self.largest_code if self.overflow == "saturate" else self.nan_code(0)

    def nan_code(self, fraction):
        if not self.ieee:
            return self.largest_code + 1 if self.nan_codes else None
        all_ones = (1 << self.exponent_bits) - 1 << self.fraction_bits
        leading = fraction >> (23 - self.fraction_bits)
        return all_ones | leading | 1 << (self.fraction_bits - 1)

    def place(self, magnitude):
        """|x| in units of the last place it may keep."""
        exponent = max(floor_log2(magnitude), 1 - self.bias) if magnitude else 1 - self.bias
        step = two(exponent - self.fraction_bits)
        return magnitude / step, step

    def encode(self, bits, mode, word):
        """The code of FP32 bits, or None where the format has none."""
        negative = bits >> 31 == 1
        if bits & 0x7f800000 == 0x7f800000:
            fraction = bits & 0x7fffff
            code = self.nan_code(fraction) if fraction else self.overflow_code()
            return None if code is None else self.sign(negative) | code
        scaled, step = self.place(abs(fp32_value(bits)))
        value = rounded(scaled, negative, mode, word) * step
        if value <= self.value(self.largest_code):
            return self.sign(negative) | self.code(value)
        keeps_largest = {"toward_zero": True, "to_odd": True, "toward_positive": negative,
                         "toward_negative": not negative}.get(mode, False)
        return self.sign(negative) | (self.largest_code if keeps_largest else self.overflow_code())


FLOATS = [
    FloatFormat("fp32", 8, 23), FloatFormat("fp16", 5, 10), FloatFormat("bf16", 8, 7), FloatFormat("tf32", 8, 10),
    FloatFormat("fp8_e5m2", 5, 2),
    FloatFormat("fp8_e4m3fn", 4, 3, ieee=False, nan_codes=1, overflow="nan"),
    FloatFormat("fp6_e3m2", 3, 2, ieee=False, nan_codes=0, overflow="saturate"),
    FloatFormat("fp6_e2m3", 2, 3, bias=1, ieee=False, nan_codes=0, overflow="saturate"),
    FloatFormat("fp4_e2m1", 2, 1, bias=1, ieee=False, nan_codes=0, overflow="saturate"),
    FloatFormat("e2m1", 2, 1), FloatFormat("e4m3", 4, 3), FloatFormat("e8m1", 8, 1), FloatFormat("e2m23", 2, 23),
    FloatFormat("e6m9", 6, 9), FloatFormat("e8m22", 8, 22), FloatFormat("e7m16", 7, 16),
    FloatFormat("fp16:overflow=saturate", 5, 10), FloatFormat("fp16:overflow=nan", 5, 10),
    FloatFormat("fp8_e4m3fn:overflow=saturate", 4, 3, ieee=False, nan_codes=1),
    FloatFormat("e8m1:overflow=nan", 8, 1), FloatFormat("fp32:overflow=saturate", 8, 23),
]
NONFINITE = [0x7f800000, 0xff800000, 0x7f800001, 0x7fc00000, 0xffc00000, 0x7fffffff, 0xff8fffff, 0x7fa00000,
             0xff800200, 0x7fbfe000, 0xffd55555]


def float_operands(fmt):
    """Magnitudes: what lies around the codes that matter, in steps of the format and of FP32."""
    sequence = Sequence(len(fmt.name) + fmt.fraction_bits)
    hidden = 1 << fmt.fraction_bits
    one = fmt.bias << fmt.fraction_bits
    codes = [0, 1, 2, hidden - 1, hidden, one - 1, one, one + 1, fmt.largest_code - 1, fmt.largest_code,
             fmt.largest_code + 1, sequence(fmt.largest_code), sequence(hidden)]
    found = {}
    for code in codes:
        low, high = fmt.value(code), fmt.value(code + 1)
        for quarter in range(4):
            at = low + (high - low) * Fraction(quarter, 4)
            for nudge in (0, -1, 1):
                found[fp32_nudged(at, nudge)] = None
    found.update({bits: None for bits in (0, 1, 2, 0x7fffff, 0x800000, 0x7f7fffff, 0x7f7ffffe, 0x7f000000)})
    return sorted(bits for bits in found if bits is not None and bits < 0x7f800000)


def float_lines():
    for fmt in FLOATS:
        operands = float_operands(fmt)
        if ":" in fmt.name:
            threshold = fp32_bits(fmt.value(fmt.largest_code - 1))
            operands = [bits for bits in operands if bits >= threshold]
        signed = []
        for index, bits in enumerate(operands):
            both = bits == 0 or fp32_value(bits) >= fmt.value(fmt.largest_code)
            signed += [bits, bits | 1 << 31] if both else [bits | (index % 2) << 31]
        for index, bits in enumerate(signed + NONFINITE):
            finite = bits & 0x7f800000 != 0x7f800000
            f = fmt.place(abs(fp32_value(bits)))[0] % 1 if finite else Fraction(0)
            word = revealing_word(f, index)
            codes = [fmt.encode(bits, mode, word) for mode in MODES]
            shown = ["-" if code is None else f"{code:0{fmt.digits}x}" for code in codes]
            yield f"{fmt.name} {bits:08x} {word:08x}  " + " ".join(shown)


# ---- fixed point ------------------------------------------------------------------------------------------------

FIXED = [(8, 8), (4, 4), (1, 15), (16, 0), (1, 1), (2, 0), (8, 16), (32, 0), (1, 31), (12, 13)]


def fixed_code(bits, integer_bits, fraction_bits, mode, word):
    negative = bits >> 31 == 1
    limit = 1 << (integer_bits + fraction_bits - 1)
    if bits & 0x7f800000 == 0x7f800000:
        return -limit if negative else limit - 1
    magnitude = rounded(abs(fp32_value(bits)) * two(fraction_bits), negative, mode, word)
    return max(-limit, min(limit - 1, -magnitude if negative else magnitude))


def fixed_lines():
    for integer_bits, fraction_bits in FIXED:
        step = two(-fraction_bits)
        limit = 1 << (integer_bits + fraction_bits - 1)
        found = {0, 1, 0x7fffff, 0x800000, 0x7f7fffff, 0x7f800000}
        for kept in (0, 1, 2, limit // 2, limit - 2, limit - 1, limit, 3 * limit):
            for quarter in range(4):
                for nudge in (0, -1, 1):
                    found.add(fp32_nudged((kept + Fraction(quarter, 4)) * step, nudge))
        operands = sorted(bits for bits in found if bits is not None)
        for index, bits in enumerate(operands + [bits | 1 << 31 for bits in operands]):
            finite = bits & 0x7f800000 != 0x7f800000
            f = abs(fp32_value(bits)) / step % 1 if finite else Fraction(0)
            word = revealing_word(f, index)
            codes = [str(fixed_code(bits, integer_bits, fraction_bits, mode, word)) for mode in MODES]
            if integer_bits + fraction_bits > 16 and index % 3:
                continue
            yield f"fix{integer_bits}.{fraction_bits} {bits:08x} {word:08x}  " + " ".join(codes)


# ---- dynamic fixed point ----------------------------------------------------------------------------------------

DFP_DRAW = (2718281828, 0, 3, 0x1234abcd, 7)  # seed, stream (rounding), step, tensor, use


class Dfp:
    def __init__(self, bits, headroom=0, top="saturate"):
        self.bits, self.headroom, self.top = bits, headroom, top
        options = ([f"headroom={headroom}"] if headroom else []) + ([f"top={top}"] if top != "saturate" else [])
        self.name = f"dfp{bits}" + (":" + ",".join(options) if options else "")
        self.limit = 1 << (bits - 1 - headroom)

    def codes(self, block, mode, exponent):
        """Rounded codes before the top rule."""
        out = []
        for i, bits in enumerate(block):
            negative = bits >> 31 == 1
            magnitude = rounded(abs(fp32_value(bits)) / two(exponent), negative, mode, element_word(DFP_DRAW, i))
            out.append(-magnitude if negative else magnitude)
        return out

    def convert(self, block, mode):
        """Exponent, codes, and how many codes the top rule changed."""
        absmax = max(abs(fp32_value(bits)) for bits in block)
        exponent = (floor_log2(absmax) if absmax else -149) - (self.bits - 2) + self.headroom
        codes = self.codes(block, mode, exponent)
        if self.top == "bump":
            if mode.startswith("stochastic"):
                bump = absmax > (self.limit - 1) * two(exponent)
            else:
                bump = any(abs(code) >= self.limit for code in codes)
            if bump:
                exponent += 1
                codes = self.codes(block, mode, exponent)
            assert all(abs(code) < self.limit for code in codes)
            return exponent, codes, 0
        if self.top == "saturate":
            kept = [max(-self.limit + 1, min(self.limit - 1, code)) for code in codes]
        else:
            kept = [(code + self.limit) % (2 * self.limit) - self.limit for code in codes]
        return exponent, kept, sum(a != b for a, b in zip(codes, kept))


def dfp_line(fmt, mode, block):
    exponent, codes, changed = fmt.convert(block, mode)
    return (f"{fmt.name} {mode} " + ",".join(f"{bits:08x}" for bits in block) + f"  {exponent} " +
            ",".join(str(code) for code in codes) + f" {changed}")


def dfp_boundary_lines():
    """Every exponent boundary of FP32, from both sides, under every top rule."""
    formats = [Dfp(bits, 0, top) for bits in (16, 8, 4) for top in ("saturate", "bump", "wrap")]
    for exponent in range(-149, 129):
        boundary = fp32_bits(two(exponent)) if exponent < 128 else 0x7f800000
        below = [boundary - 1, boundary - 1 | 1 << 31]
        for offset in range(3):
            yield dfp_line(formats[3 * (exponent % 3) + offset], MODES[(exponent + offset) % 7], below)
        if exponent < 128:
            bits, headroom = ((16, 1), (12, 0), (2, 0))[exponent % 3]
            fmt = Dfp(bits, headroom, ("bump", "saturate", "wrap")[exponent // 3 % 3])
            small = (boundary + 1 - (9 << 23)) % (1 << 31) if boundary > 9 << 23 else 1
            yield dfp_line(fmt, MODES[exponent % len(MODES)], [boundary | 1 << 31, small])
            yield dfp_line(Dfp(16), "nearest_even", [boundary + 1])


def dfp_blocks():
    """Blocks with names in comments, each converted by many formats and modes."""
    sequence = Sequence(77)

    def random_block(top, spread, count):
        return [((top - sequence(spread)) << 23 | sequence(1 << 23)) | sequence(2) << 31 for _ in range(count)]

    largest = 0x7f7fffff
    half_codes = [fp32_bits(Fraction(n, 2)) for n in (1, 3, 5, 7, 65535, 65534, 65533)]
    return {
        "all zero, both signs": [0, 0x80000000, 0],
        "a single zero": [0],
        "the smallest subnormal alone": [1],
        "subnormals only": [1, 0x80000001, 3, 0x400000, 0x807fffff],
        "subnormals below a normal": [0x00800000, 1, 0x80400000, 0x7fffff],
        "largest finite and tiny": [largest, 1, 0x80000001, 0x3f800000],
        "largest finite, negative": [largest | 1 << 31, 0x7f000000],
        "just under the top": [0x7effff00, 0x7effff7f, 0x7effff80, 0x7effff81, 0xfeffff00],
        "halves": half_codes + [bits | 1 << 31 for bits in half_codes],
        "carries in the second element only": [0x3fc00000, 0xbfffffff, 0x3fffffff],
        "carry of a negative only": [0x3f800000, 0xbfffffff],
        "octaves apart": [(127 - k) << 23 | (0x7fffff if k % 2 else 0x400000) for k in range(18)],
        "random, four octaves": random_block(130, 4, 7),
        "random, twenty octaves": random_block(120, 20, 9),
        "random near the bottom": random_block(12, 13, 6),
    }


def dfp_lines():
    yield from dfp_boundary_lines()
    formats = [Dfp(bits, headroom, top) for bits in (16, 12, 8, 4, 2) for headroom in sorted({0, 1, bits - 2})
               if headroom <= bits - 2 for top in ("saturate", "bump", "wrap")]
    formats += [Dfp(3, 1, top) for top in ("saturate", "bump", "wrap")]
    index = 0
    for title, block in dfp_blocks().items():
        yield f"# {title}"
        for fmt in formats:
            yield dfp_line(fmt, MODES[index % len(MODES)], block)
            index += 1


# ---- predicted and controlled exponents -------------------------------------------------------------------------

class Flex:
    """flexP+m: Autoflex, with its constants for other widths than 16 as the contract's choices have them."""

    def __init__(self, name, mantissa, exponent, history=16, deviations=3, offset=100):
        self.name, self.bits, self.lowest = name, mantissa, -(1 << exponent)
        self.history, self.deviations, self.offset = history, deviations, offset

    def bounded(self, exponent):
        return min(0, max(self.lowest, exponent))

    def first(self, absmax):
        half = (self.bits - 1) // 2
        low, high = 1 << (self.bits - 2), (1 << (self.bits - 1)) - 1
        exponent = self.bounded(-8)
        for _ in range(10):
            g = min(rounded(absmax / two(exponent), False, "nearest_even", 0), high) + 1
            if g >= high:
                exponent = self.bounded(exponent + half)
            elif g >= low:
                return exponent
            else:
                exponent = self.bounded(exponent + g.bit_length() - low.bit_length())
                if g >= max(2, 1 << max(half - 2, 0)):
                    return exponent
        return 0

    def next(self, conversions, step):
        """Of (largest code, exponent) pairs. y >= t iff deviations * std >= t - rest, both sides squared."""
        kept = []
        for largest, exponent in conversions:
            if largest >= (1 << (self.bits - 1)) - 1:
                kept, largest = [], 2 * largest
            kept = (kept + [largest * two(exponent)])[-self.history:]
        scale = two(conversions[-1][1])
        if 16 * len(conversions) <= step:
            rest, spread = max(kept[-2:]) + scale * two(self.bits - 4), Fraction(0)
        else:
            mean = sum(kept) / len(kept)
            variance = sum((x - mean) ** 2 for x in kept) / len(kept)
            rest = max(kept) + self.offset * scale * two(self.bits - 16)
            spread = self.deviations ** 2 * variance
        if rest == 0:
            return 0
        exponent = floor_log2(rest)
        while two(exponent + 1) <= rest or spread >= (two(exponent + 1) - rest) ** 2:
            exponent += 1
        return self.bounded(exponent - (self.bits - 2))


def flex_lines():
    sequence = Sequence(41)
    flexes = [Flex("flex16+5", 16, 5), Flex("flex8+5", 8, 5), Flex("flex12+3", 12, 3), Flex("flex4+7", 4, 7),
              Flex("flex16+5:history=4,deviations=0,offset=0", 16, 5, 4, 0, 0)]
    for flex in flexes:
        for exponent in [-149, -126, -60] + list(range(-40, 20)) + [60, 127]:
            for nudge in (0, -1, 1):
                bits = fp32_nudged(two(exponent), nudge)
                yield f"first {flex.name} {bits:08x} {flex.first(fp32_value(bits))}"
        yield f"first {flex.name} 00000000 {flex.first(Fraction(0))}"
        top = (1 << (flex.bits - 1)) - 1
        # By hand: constant histories, one overflow, the limit and beside it, zeros, more than are remembered.
        histories = [[(top // 2, -3)], [(top // 2, -3)] * 20, [(top, -2)], [(top + 1, -2)], [(top - 1, -2)], [(0, -1)],
                     [(1, 0), (0, -1), (0, -2)], [(9, -1)] * 3 + [(top, -1), (2, 0)], [(top // 2 + 1, -8), (1, 0)],
                     [(k % 9, -2) for k in range(40)]]
        for _ in range(40):
            histories.append([(sequence(top + 2) >> sequence(5), -sequence(-flex.lowest + 1))
                              for _ in range(1 + sequence(24))])
        for history in histories:
            for step in (len(history), 16 * len(history)):
                shown = ",".join(f"{largest}:{exponent}" for largest, exponent in history)
                yield f"next {flex.name} {shown} {step} {flex.next(history, step)}"


def range_lines():
    """Batches as counts: codes, of them at the limit, of them above half."""
    sequence = Sequence(42)
    for name, bits, start, every, allowed in (("dfxp10:every=1,overflow=0.25", 10, 5, 1, Fraction(1, 4)),
                                              ("dfxp12:range=-2,every=3,overflow=0.125", 12, -2, 3, Fraction(1, 8)),
                                              ("dfxp3:range=-63,every=1,overflow=0", 3, -63, 1, Fraction(0)),
                                              ("dfxp16:range=64,every=2,overflow=0.5", 16, 64, 2, Fraction(1, 2))):
        batches = [(8, 0, 0), (8, 2, 2), (8, 3, 8), (8, 0, 2), (8, 1, 3), (8, 8, 8), (1, 0, 0), (1, 1, 1), (16, 4, 5)]
        for _ in range(20):
            total = 1 + sequence(64)
            half = sequence(total + 1)
            batches.append((total, sequence(half + 1), half))
        now = start
        for index, _ in enumerate(batches):
            if (index + 1) % every == 0:
                total, limit, half = (sum(column) for column in zip(*batches[index + 1 - every:index + 1]))
                now += 1 if Fraction(limit, total) > allowed else 0 if Fraction(half, total) > allowed else -1
                now = min(64, max(-64, now))
            shown = ",".join(":".join(map(str, batch)) for batch in batches[:index + 1])
            yield f"range {name} {shown} {now - (bits - 1)}"


def control_lines():
    yield from flex_lines()
    yield from range_lines()


# ---- MX ---------------------------------------------------------------------------------------------------------

class Mx:
    """OCP Microscaling 1.0: `element` is a FloatFormat, or None for integers."""

    def __init__(self, name, emax, element=None):
        self.name, self.emax, self.element = name, emax, element
        if element:
            assert floor_log2(element.value(element.largest_code)) == emax

    def convert(self, block, mode):
        """Exponent, codes (bit patterns, or integers), FP32 bits of the values, and how many elements saturated."""
        absmax = max(abs(fp32_value(bits)) for bits in block)
        exponent = max(-127, min(127, floor_log2(absmax) - self.emax)) if absmax else -127
        codes, values, saturated = [], [], 0
        for i, bits in enumerate(block):
            negative = bits >> 31 == 1
            scaled, word = abs(fp32_value(bits)) / two(exponent), element_word(DFP_DRAW, i)
            if self.element:
                place, step = self.element.place(scaled)
                value = rounded(place, negative, mode, word) * step
                largest = self.element.value(self.element.largest_code)
            else:
                value, largest = Fraction(rounded(scaled, negative, mode, word)), Fraction(127)
            saturated += value > largest
            value = min(value, largest)
            sign = 1 << 31 if negative and (self.element or value) else 0
            values.append(sign | fp32_bits(value * two(exponent)))
            if self.element:
                codes.append(f"{self.element.sign(negative) | self.element.code(value):x}")
            else:
                codes.append(str(-int(value) if negative else int(value)))
        return exponent, codes, values, saturated


MX = [Mx("mxint8", 6)] + [
    Mx(name, emax, FloatFormat(name, bits, fraction, bias=(1 << (bits - 1)) - 1, ieee=ieee, nan_codes=nan_codes,
                               overflow="saturate"))
    for name, emax, bits, fraction, ieee, nan_codes in (
        ("mxfp8_e4m3", 8, 4, 3, False, 1), ("mxfp8_e5m2", 15, 5, 2, True, 0), ("mxfp6_e3m2", 4, 3, 2, False, 0),
        ("mxfp6_e2m3", 2, 2, 3, False, 0), ("mxfp4_e2m1", 2, 2, 1, False, 0))]


def mx_line(fmt, mode, block):
    exponent, codes, values, saturated = fmt.convert(block, mode)
    return (f"{fmt.name} {mode} " + ",".join(f"{bits:08x}" for bits in block) + f"  {exponent} " + ",".join(codes) +
            " " + ",".join(f"{bits:08x}" for bits in values) + f" {saturated}")


def mx_lines():
    """Every exponent boundary from both sides, with elements around a code and subnormal ones; then the blocks of dfp."""
    index = 0
    for exponent in range(-149, 128):
        boundary = fp32_bits(two(exponent))
        for top in (boundary, boundary + 1, 2 * boundary - 1 if exponent < -126 else boundary + 0x7fffff,
                    boundary - 1):
            fmt = MX[index % len(MX)]
            half = fp32_nudged(abs(fp32_value(top)) * Fraction(5, 16 if index % 2 else 24), index % 3 - 1)
            block = [top | index // 2 % 2 << 31, half or 0, 0x80000001, 0x007fffff if exponent >= -126 else 1]
            yield mx_line(fmt, MODES[index % len(MODES)], block)
            index += 1
    for title, block in dfp_blocks().items():
        yield f"# {title}"
        for fmt in MX:
            for mode in (MODES[index % len(MODES)], "nearest_even"):
                yield mx_line(fmt, mode, block)
                index += 1


# ---- Philox -----------------------------------------------------------------------------------------------------

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


# ---- files ------------------------------------------------------------------------------------------------------

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
