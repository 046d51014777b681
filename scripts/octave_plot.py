"""Relative error of conversion against octaves below the largest magnitude of the tensor."""

from dataclasses import dataclass

import numpy
import pandas
from matplotlib.ticker import MaxNLocator

import plot_style as style

FEWEST = 16  # elements in an octave from which its error is drawn as certain; of fewer the mean says little
SPARSE = {"marker": "o", "linestyle": "none", "fillstyle": "none", "color": style.GRAY, "alpha": 0.7}


@dataclass
class Curve:
    """RMS relative error of each octave that has elements, and how many it has."""

    octaves: numpy.ndarray
    errors: numpy.ndarray
    counts: numpy.ndarray

    @property
    def certain(self) -> "Curve":
        """The octaves that have enough elements."""
        kept = self.counts >= FEWEST
        return Curve(self.octaves[kept], self.errors[kept], self.counts[kept])

    @property
    def has_error(self) -> bool:
        return bool((self.errors > 0).any())

    def by_octave(self) -> numpy.ndarray:
        """The errors from octave 0 on; NaN, where a line breaks, for octaves without elements or without error."""
        errors = numpy.full(int(self.octaves.max(initial=-1)) + 1, numpy.nan)
        errors[self.octaves] = numpy.where(self.errors > 0, self.errors, numpy.nan)
        return errors


def join_octaves(rows: pandas.DataFrame) -> Curve:
    """Joins the rows of /octave_errors: the RMS over all their elements."""
    counts = numpy.stack(rows["counts"]).astype(float)
    errors = numpy.stack(rows["rms_relative_error"])
    counts[numpy.isnan(errors)] = 0
    squares = (counts * numpy.square(numpy.nan_to_num(errors))).sum(axis=0)
    total = counts.sum(axis=0)
    octaves = numpy.flatnonzero(total)
    return Curve(octaves, numpy.sqrt(squares[octaves] / total[octaves]), total[octaves])


def draw_octaves(axes, curves: dict[str, Curve], looks: dict[str, dict]) -> None:
    """One line per curve, in the look of its name; a dotted line is where the error is as large as the number.

    Octaves of few elements are hollow and faint, and no line crosses an octave without elements or without error.
    """
    for name, curve in curves.items():
        draw_curve(axes, curve, looks[name])
    axes.set_xlabel("octaves below absmax")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not any(curve.has_error for curve in curves.values()):
        empty = all(len(curve.octaves) == 0 for curve in curves.values())
        style.say_nothing_to_show(axes, "nothing to convert" if empty else "no conversion error")
        return
    axes.set_yscale("log", base=2)
    axes.axhline(1.0, color=style.GRAY, linewidth=0.8, linestyle=":")
    axes.annotate("all lost", (0, 1), xycoords=("axes fraction", "data"), xytext=(3, 2), textcoords="offset points",
                  va="bottom", color=style.GRAY, fontsize=7)


def draw_curve(axes, curve: Curve, look: dict) -> None:
    every, certain = curve.by_octave(), curve.certain.by_octave()
    if numpy.isnan(every).all():
        return
    certain = numpy.concatenate([certain, numpy.full(len(every) - len(certain), numpy.nan)])
    sparse = numpy.where(numpy.isnan(certain), every, numpy.nan)
    places = numpy.arange(len(every))
    axes.plot(places, every, **{**look, "marker": "none", "linewidth": 0.8, "alpha": 0.4})
    axes.plot(places, sparse, **{**look, "linestyle": "none", "fillstyle": "none", "alpha": SPARSE["alpha"],
                                 "markeredgewidth": 0.8})
    axes.plot(places, certain, **look)


def octave_legend(axes, looks: dict[str, dict], title: str) -> None:
    """The looks of the curves, and what hollow markers are."""
    style.legend_beside(axes, {**looks, f"of fewer than {FEWEST} elements": SPARSE}, title)
