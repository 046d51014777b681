"""Known answers of the MX formats."""
from fractions import Fraction

from answers_dfp import DFP_DRAW, dfp_blocks
from answers_floats import FloatFormat
from exact_numbers import MODES, element_word, floor_log2, fp32_bits, fp32_nudged, fp32_value, rounded, two


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
