"""Relative error of conversion against octaves below the largest magnitude of the tensor."""

from dataclasses import dataclass

import numpy
import pandas

import plot_style as style

FEWEST = 16  # elements in an octave from which its error is drawn; of fewer the mean says little


@dataclass
class Curve:
    """RMS relative error of the octaves that have enough elements."""

    octaves: numpy.ndarray
    errors: numpy.ndarray


def join_octaves(rows: pandas.DataFrame) -> Curve:
    """Joins the rows of /octave_errors: the RMS over all their elements."""
    counts = numpy.stack(rows["counts"]).astype(float)
    squares = counts * numpy.square(numpy.stack(rows["rms_relative_error"]))
    total = counts.sum(axis=0)
    octaves = numpy.flatnonzero(total >= FEWEST)
    return Curve(octaves, numpy.sqrt(squares.sum(axis=0)[octaves] / total[octaves]))


def draw_octaves(axes, curves: dict[str, Curve], looks: dict[str, dict]) -> None:
    """One line per curve, in the look of its name; a dotted line is where the error is as large as the number."""
    drawn = False
    for name, curve in curves.items():
        noisy = curve.errors > 0
        if noisy.any():
            axes.plot(curve.octaves[noisy], curve.errors[noisy], **looks[name])
            drawn = True
    axes.set_xlabel("octaves below absmax")
    if not drawn:
        style.say_nothing_to_show(axes, "no conversion error")
        return
    axes.set_yscale("log", base=2)
    axes.axhline(1.0, color=style.GRAY, linewidth=0.8, linestyle=":")
    axes.annotate("all lost", (0, 1), xycoords=("axes fraction", "data"), xytext=(3, 2), textcoords="offset points",
                  va="bottom", color=style.GRAY, fontsize=7)
