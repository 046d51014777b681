"""Means and their confidence intervals by Student's t, in plain Python."""

import functools
import math
from dataclasses import dataclass

import numpy


@dataclass
class Interval:
    """Of `count` values: mean, sample standard deviation, half width of the mean's confidence interval of 95 %.

    NaN for what the values are too few for.
    """

    count: int
    mean: float
    deviation: float
    half_width: float


def interval(values) -> Interval:
    """By Student's t; NaNs do not count.

    >>> interval([1.0, 2.0, 3.0])
    Interval(count=3, mean=2.0, deviation=1.0, half_width=2.484137711750329)
    >>> interval([5.0, math.nan])
    Interval(count=1, mean=5.0, deviation=nan, half_width=nan)
    """
    values = numpy.asarray(values, dtype=float)
    values = values[~numpy.isnan(values)]
    count = len(values)
    if count == 0:
        return Interval(0, math.nan, math.nan, math.nan)
    mean = float(values.mean())
    if count == 1:
        return Interval(1, mean, math.nan, math.nan)
    deviation = float(values.std(ddof=1))
    return Interval(count, mean, deviation, student_t(count - 1) * deviation / math.sqrt(count))


@functools.lru_cache(maxsize=None)
def student_t(degrees: int, confidence: float = 0.95) -> float:
    """The t that Student's distribution of so many degrees of freedom stays within, in magnitude, with `confidence`.

    >>> [round(student_t(n), 6) for n in (1, 2, 3, 9, 30)]
    [12.706205, 4.302653, 3.182446, 2.262157, 2.042272]
    """
    low, high = 0.0, 1.0
    while probability_within(high, degrees) < confidence:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if probability_within(middle, degrees) < confidence else (low, middle)
    return high


def probability_within(t: float, degrees: int) -> float:
    """Of Student's t: the probability of [-t, t]. A finite sum in the angle atan(t / sqrt(degrees)).

    >>> round(probability_within(1.0, 1), 12)
    0.5
    """
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
