#!/usr/bin/python3
"""Draws what `precsim analyze --out` found (experiments/SCHEMA.md).

  sqnr       SQNR of every tensor in every format
  octaves    relative error against octaves below absmax, a panel for each tensor
  exponents  the exponents of the numbers of every tensor

Example: scripts/plot_analysis.py model.h5 --tensors 'layer1.*' --format svg
"""

import argparse
import fnmatch
import sys
from pathlib import Path

import numpy
import pandas
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, MaxNLocator

import plot_style as style
from octave_plot import draw_octaves, join_octaves
from plot_style import plt
from precsim_results import LOWEST_EXPONENT, Analysis, ResultsError, load_analysis

MOST_TENSORS = 60  # in a figure with a row for each
MOST_PANELS = 12
MOST_FORMATS = 10  # that can be told apart


def conversions(analysis: Analysis, table: str, wanted: pandas.DataFrame) -> pandas.DataFrame:
    """Rows of the tensors, with a name for each conversion: the format, and the rounding where there are several."""
    rows = analysis.table(table)
    rounded = rows["rounding"].nunique() > 1
    names = rows["format"] + ("@" + rows["rounding"] if rounded else "")
    return rows.assign(conversion=names)[rows["tensor"].isin(wanted["tensor"])]


def best_first(rows: pandas.DataFrame, most: int) -> list[str]:
    """Conversions in the order of the file; of too many those with the best SQNR on the median tensor, before those that
    fewer than half of the tensors have (candidates of --best differ)."""
    names = list(dict.fromkeys(rows["conversion"]))
    if len(names) <= most:
        return names
    merits = rows.groupby("conversion").agg(median=("sqnr_db", "median"), tensors=("tensor", "nunique"))
    merits["common"] = 2 * merits["tensors"] >= rows["tensor"].nunique()
    kept = set(merits.sort_values(["common", "median"], ascending=False, kind="stable").index[:most])
    return [name for name in names if name in kept]


def plot_sqnr(rows: pandas.DataFrame, wanted: pandas.DataFrame) -> plt.Figure:
    """A row for each tensor, a marker for each conversion; an arrow where it is without error."""
    names = best_first(rows, MOST_FORMATS)
    looks = style.looks(names)
    places = {tensor: y for y, tensor in enumerate(wanted["tensor"])}
    figure, axes = plt.subplots(figsize=(7.8, max(2.2, 1.1 + 0.27 * len(wanted))))
    for name, look in looks.items():
        line = rows[(rows["conversion"] == name) & rows["sqnr_db"].notna()]
        y = line["tensor"].map(places)
        finite = numpy.isfinite(line["sqnr_db"])
        axes.plot(line["sqnr_db"][finite], y[finite], color=look["color"], marker=look["marker"], linestyle="none",
                  markersize=5, fillstyle="full" if look["linestyle"] == "-" else "none")
    axes.set_yticks(range(len(wanted)), wanted["name"])
    axes.set_ylim(len(wanted) - 0.5, -0.5)
    low, high = axes.get_xlim()
    for tensor, y in places.items():
        note(axes, rows[rows["tensor"] == tensor], y)
    axes.set_xlim(min(low, 0), high)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("SQNR [dB]")
    style.legend_beside(axes, {name: {**look, "linestyle": "none", "markersize": 5,
                                      "fillstyle": "full" if look["linestyle"] == "-" else "none"}
                               for name, look in looks.items()}, "format")
    figure.suptitle("error of conversion" + left_out(rows, names))
    return figure


def left_out(rows: pandas.DataFrame, names: list[str]) -> str:
    total = rows["conversion"].nunique()
    return f", the best {len(names)} of {total} conversions" if len(names) < total else ""


def note(axes: plt.Axes, rows: pandas.DataFrame, y: int) -> None:
    """Says in a tensor's row what no marker can: that there is no error, or nothing to convert."""
    exact = rows["conversion"][numpy.isposinf(rows["sqnr_db"])]
    text = "no finite element but zero" if rows["sqnr_db"].isna().all() else ""
    if len(exact):
        text = "exact: " + (", ".join(exact) if len(exact) <= 3 else f"{len(exact)} formats")
    axes.annotate(text, (0, y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                  va="center", fontsize=7, color=style.GRAY)


def plot_octaves(rows: pandas.DataFrame, octaves: pandas.DataFrame, wanted: pandas.DataFrame) -> plt.Figure:
    wanted = wanted.head(MOST_PANELS)
    names = best_first(rows, MOST_FORMATS)
    looks = style.looks(names)
    columns = min(3, len(wanted))
    high = -(-len(wanted) // columns)
    figure, grid = plt.subplots(high, columns, figsize=(2.4 + 2.8 * columns, 0.4 + 2.6 * high), squeeze=False,
                                sharex=True, sharey=True)
    for panel in grid.flat[len(wanted):]:
        panel.remove()
    for panel, tensor in zip(grid.flat, wanted.itertuples()):
        of_tensor = octaves[octaves["tensor"] == tensor.tensor]
        lines = dict(list(of_tensor.groupby("conversion")))
        curves = {name: join_octaves(lines[name]) for name in names if name in lines}
        draw_octaves(panel, curves, looks)
        panel.set_title(tensor.name)
        panel.tick_params(labelbottom=True)
    for panel in grid[:, 0]:
        panel.set_ylabel("relative error, RMS")
    style.legend_beside(grid[0, -1], looks, "format")
    figure.suptitle("error against magnitude" + left_out(rows, names))
    return figure


def plot_exponents(analysis: Analysis, wanted: pandas.DataFrame) -> plt.Figure:
    histograms = analysis.table("exponent_histograms").set_index("tensor").loc[wanted["tensor"]]
    counts = numpy.stack(histograms["counts"]).astype(float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = numpy.divide(counts, totals, out=numpy.zeros_like(counts), where=totals > 0)
    occupied = numpy.flatnonzero(counts.sum(axis=0)) + LOWEST_EXPONENT
    figure, axes = plt.subplots(figsize=(8.2, max(2.2, 1.1 + 0.27 * len(wanted))))
    axes.set_title("exponents of the numbers")
    axes.set_yticks(range(len(wanted)), wanted["name"])
    axes.set_ylim(len(wanted) - 0.5, -0.5)
    axes.set_xlabel("exponent E(x)")
    if not len(occupied):
        axes.text(0.5, 0.5, "no finite element but zero", transform=axes.transAxes, ha="center", color=style.GRAY)
        return figure
    image = axes.pcolormesh(numpy.arange(shares.shape[1] + 1) + LOWEST_EXPONENT - 0.5, numpy.arange(len(wanted) + 1) - 0.5,
                            numpy.where(shares > 0, shares, numpy.nan), cmap="cividis_r", norm=LogNorm(1e-4, 1.0))
    axes.set_xlim(occupied.min() - 1, occupied.max() + 2)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(axis="y", visible=False)
    bar = figure.colorbar(image, ax=axes, format=FuncFormatter(lambda share, _: f"{100 * share:g}"), pad=0.01)
    bar.set_label("share of nonzero\nelements [%]")
    return figure


def chosen(analysis: Analysis, globs: list[str]) -> pandas.DataFrame:
    """The tensors that match, the first MOST_TENSORS of them; tells on stderr of the others."""
    tensors = analysis.table("tensors")
    wanted = tensors[[any(fnmatch.fnmatchcase(name, glob) for glob in globs) for name in tensors["name"]]]
    if wanted.empty:
        raise ResultsError(f"{analysis.path} has no tensor that matches {' '.join(globs)}; it has "
                           f"{', '.join(tensors['name'].head(MOST_PANELS)) or 'none'}")
    if len(wanted) > MOST_PANELS:
        print(f"plot_analysis: {len(wanted)} tensors: octaves has the first {MOST_PANELS}, sqnr and exponents the first "
              f"{min(len(wanted), MOST_TENSORS)}; --tensors chooses others", file=sys.stderr)
    return wanted.head(MOST_TENSORS)


def draw_all(analysis: Analysis, globs: list[str], out: style.Folder) -> None:
    wanted = chosen(analysis, globs)
    rows = conversions(analysis, "conversions", wanted)
    if len(rows):
        out.save(plot_sqnr(rows, wanted), "sqnr")
        out.save(plot_octaves(rows, conversions(analysis, "octave_errors", wanted), wanted), "octaves")
    out.save(plot_exponents(analysis, wanted), "exponents")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("analysis", type=Path, metavar="FILE.h5")
    parser.add_argument("--tensors", nargs="+", default=["*"], metavar="GLOB", help="tensors whose names match")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the plots (default: FILE beside FILE.h5)")
    style.add_format(parser)
    arguments = parser.parse_args()
    out = arguments.out or arguments.analysis.with_suffix("")
    try:
        draw_all(load_analysis(arguments.analysis), arguments.tensors, style.Folder(out, arguments.format))
    except ResultsError as error:
        print(f"plot_analysis: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"plot_analysis: {out}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
