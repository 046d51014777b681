"""Known answers of predicted and controlled exponents (Flexpoint, DFXP)."""
from fractions import Fraction

from exact_numbers import Sequence, floor_log2, fp32_nudged, fp32_value, rounded, two


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
