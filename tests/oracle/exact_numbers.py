# Exact numbers for known answers: FP32 bits as fractions, every rounding, Philox words. Standard library only.
from fractions import Fraction

MODES = ["nearest_even", "nearest_away", "toward_zero", "toward_positive", "toward_negative", "to_odd", "biased",
         "stochastic", "stochastic:bits=16", "stochastic:bits=8", "stochastic:bits=1"]


def two(exponent):
    return Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent)


def floor_log2(value):
    """floor(log2 value) of a positive Fraction, by search."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    while two(exponent) > value:
        exponent -= 1
    while two(exponent + 1) <= value:
        exponent += 1
    return exponent


def fp32_value(bits):
    field, fraction = bits >> 23 & 0xff, bits & 0x7fffff
    magnitude = fraction * two(-149) if field == 0 else (fraction + (1 << 23)) * two(field - 150)
    return -magnitude if bits >> 31 else magnitude


def fp32_bits(value):
    """The FP32 bits of a value that FP32 holds exactly."""
    sign, magnitude = (1 << 31, -value) if value < 0 else (0, value)
    if magnitude == 0:
        return 0
    exponent = max(floor_log2(magnitude), -126)
    significand = magnitude / two(exponent - 23)
    assert significand.denominator == 1 and exponent <= 127, value
    field = exponent + 127 if significand >= 1 << 23 else 0
    return sign | field << 23 | int(significand) & 0x7fffff


def fp32_nudged(value, nudge):
    """FP32 bits of the largest FP32 number not above `value`, `nudge` steps on; None outside FP32."""
    if value >= two(128) or value < 0:
        return None
    exponent = max(floor_log2(value), -126) if value else -126
    step = two(exponent - 23)
    bits = fp32_bits((value / step).__floor__() * step) + nudge
    return bits if bits >= 0 else None


def mode_bits(mode):
    base, _, bits = mode.partition(":bits=")
    return base, int(bits or 32)


def rounded(value, negative, mode, word):
    """A nonnegative Fraction as an integer, by the table of numerics section 1."""
    kept = value.numerator // value.denominator
    f = value - kept
    base, bits = mode_bits(mode)
    up = {
        "nearest_even": f > Fraction(1, 2) or (f == Fraction(1, 2) and kept % 2 == 1),
        "nearest_away": f >= Fraction(1, 2),
        "toward_zero": False,
        "toward_positive": f > 0 and not negative,
        "toward_negative": f > 0 and negative,
        "to_odd": f > 0 and kept % 2 == 0,
        "stochastic": (word >> (32 - bits)) < int(f * (1 << bits)),
        "biased": f >= Fraction(1, 4),
    }[base]
    return kept + (1 if up else 0)


# ---- random words -----------------------------------------------------------------------------------------------

def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        product0, product1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [product1 >> 32 ^ c[1] ^ k[0], product1 & 0xffffffff, product0 >> 32 ^ c[3] ^ k[1], product0 & 0xffffffff]
        k = [(k[0] + 0x9E3779B9) & 0xffffffff, (k[1] + 0xBB67AE85) & 0xffffffff]
    return c


def element_word(draw, i):
    seed, stream, step, tensor, use = draw
    counter = [i >> 2 & 0xffffffff, step, tensor, use + 256 * (i >> 34) & 0xffffffff]
    return philox(counter, [seed, stream])[i & 3]


class Sequence:
    """A small generator of operands (not of random bits): a linear congruence modulo 2^64, high 32 bits."""

    def __init__(self, state):
        self.state = state

    def __call__(self, bound=1 << 32):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 32) * bound >> 32


def revealing_word(f, index):
    """A word beside the threshold of one of the stochastic roundings for the fraction f, varied by index."""
    bits = [32, 16, 8, 1][index % 4]
    threshold = int(f * (1 << bits))
    draw = min(max(threshold - index // 4 % 2, 0), (1 << bits) - 1)
    return draw << (32 - bits) | (0 if index % 3 else (1 << (32 - bits)) - 1)
