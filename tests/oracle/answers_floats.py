"""Known answers of floating-point and fixed-point formats."""
from fractions import Fraction

from exact_numbers import MODES, Sequence, floor_log2, fp32_bits, fp32_nudged, fp32_value, revealing_word, rounded, two


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
