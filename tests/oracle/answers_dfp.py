"""Known answers of dynamic fixed point, one exponent per block."""
from fractions import Fraction

from exact_numbers import MODES, Sequence, element_word, floor_log2, fp32_bits, fp32_value, rounded, two

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
