#!/usr/bin/python3
"""Draws what `precsim analyze --out` found (experiments/SCHEMA.md).

  sqnr       SQNR of every tensor in every format, and which is the best
  roundings  where formats come with several roundings: SQNR against nearest_even, a panel for each format
  bias       likewise the mean error as a share of the RMS error
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
from octave_plot import draw_octaves, join_octaves, octave_legend
from plot_style import plt
from precsim_results import LOWEST_EXPONENT, Analysis, ResultsError, load_analysis
from rounding_maps import base_rounding, rounding_figures

MOST_TENSORS = 60  # in a figure with a row for each
MOST_PANELS = 12
MOST_FORMATS = 10  # that can be told apart
MOST_NAMES = 12  # in a sentence


def conversions(analysis: Analysis, table: str, wanted: pandas.DataFrame, globs: list[str]) -> pandas.DataFrame:
    """Rows of the tensors and formats, with a name for each conversion: the format, and the rounding if there are several.

    A glob chooses by FORMAT or FORMAT@ROUNDING.
    """
    rows = analysis.table(table)
    full = rows["format"] + "@" + rows["rounding"]
    rows = rows.assign(conversion=full if rows["rounding"].nunique() > 1 else rows["format"])
    kept = [any(fnmatch.fnmatchcase(name, glob) for name in names for glob in globs) for names in zip(rows["format"], full)]
    if not any(kept) and len(rows):
        raise ResultsError(f"{analysis.path} has no format that matches {' '.join(globs)}; it has "
                           f"{', '.join(rows['conversion'].unique()[:MOST_NAMES])}")
    return rows[numpy.array(kept, dtype=bool) & rows["tensor"].isin(wanted["tensor"])]


def winners(rows: pandas.DataFrame) -> pandas.Series:
    """Of each tensor the conversion of the best SQNR; of equal ones that of the fewest bits, then the first."""
    known = rows[rows["sqnr_db"].notna()]
    best = known.sort_values(["sqnr_db", "bits"], ascending=[False, True], kind="stable").drop_duplicates("tensor")
    return best.set_index("tensor")["conversion"]


def shown_conversions(rows: pandas.DataFrame, most: int) -> list[str]:
    """In the order of the file; of too many one rounding of each format: the winners of single tensors, then the best
    medians, first those that most tensors have (candidates of --best differ), as long as there is room."""
    names = list(dict.fromkeys(rows["conversion"]))
    if len(names) <= most:
        return names
    bases = pandas.concat([of_format[of_format["rounding"] == base_rounding(of_format)]
                           for _, of_format in rows.groupby("format", sort=False)])
    merits = bases.groupby("conversion", sort=False).agg(median=("sqnr_db", "median"), tensors=("tensor", "nunique"))
    merits["common"] = 2 * merits["tensors"] >= rows["tensor"].nunique()
    order = merits.sort_values(["common", "median"], ascending=False, kind="stable").index
    won = set(winners(rows))
    kept = won | set([name for name in order if name not in won][:max(0, most - len(won))])
    return [name for name in names if name in kept]


def plot_sqnr(rows: pandas.DataFrame, wanted: pandas.DataFrame) -> plt.Figure:
    """A row for each tensor, a marker for each conversion, and in words which one is the best."""
    names = shown_conversions(rows, MOST_FORMATS)
    looks = {name: {"color": look["color"], "marker": look["marker"], "linestyle": "none", "markersize": 5,
                    "fillstyle": "full" if look["linestyle"] == "-" else "none"}
             for name, look in style.looks(names).items()}
    places = {tensor: y for y, tensor in enumerate(wanted["tensor"])}
    figure, axes = plt.subplots(figsize=(8.6, max(2.2, 1.1 + 0.27 * len(wanted))))
    for name, look in looks.items():
        line = rows[(rows["conversion"] == name) & rows["sqnr_db"].notna()]
        finite = numpy.isfinite(line["sqnr_db"])
        axes.plot(line["sqnr_db"][finite], line["tensor"].map(places)[finite], **look)
    axes.set_yticks(range(len(wanted)), wanted["name"])
    axes.set_ylim(len(wanted) - 0.5, -0.5)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0), high + 0.03 * (high - min(low, 0)))
    best = winners(rows)
    words = {tensor: note(rows[rows["tensor"] == tensor], best.get(tensor)) for tensor in places}
    for tensor, y in places.items():
        axes.annotate(words[tensor], (1, y), xycoords=("axes fraction", "data"), xytext=(5, 0),
                      textcoords="offset points", va="center", fontsize=7, color=style.GRAY)
    if len(names) > 1:
        axes.annotate("best", (1, 1), xycoords="axes fraction", xytext=(5, 2), textcoords="offset points",
                      fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("SQNR [dB]")
    beside = 0.2 + 0.062 * max(4, *map(len, words.values()))
    style.legend_beside(axes, looks, "format", beside)
    style.title(figure, "error of conversion" + left_out(rows, names))
    return figure


def left_out(rows: pandas.DataFrame, names: list[str]) -> str:
    total = rows["conversion"].nunique()
    if len(names) == total:
        return ""
    swept = (rows.groupby("format")["rounding"].nunique() > 1).any()
    return (f"; {len(names)} of {total} conversions: the best of each tensor and the best medians"
            f"{'; the maps of roundings have the others' if swept else ''}")


def note(rows: pandas.DataFrame, best: str | None) -> str:
    """What a tensor's row says in words: the best conversion, or those without error, or nothing to convert."""
    exact = rows["conversion"][numpy.isposinf(rows["sqnr_db"])]
    if len(exact):
        return "exact: " + (", ".join(exact) if len(exact) <= 2 else f"{len(exact)} conversions")
    if best is None:
        return "no finite element but zero"
    return best if len(rows) > 1 else ""


def plot_octaves(rows: pandas.DataFrame, octaves: pandas.DataFrame, wanted: pandas.DataFrame) -> plt.Figure:
    wanted = wanted.head(MOST_PANELS)
    names = shown_conversions(rows, MOST_FORMATS)
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
    octave_legend(grid[0, -1], looks, "format")
    style.title(figure, "error against magnitude" + left_out(rows, names))
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


def draw_all(analysis: Analysis, tensors: list[str], formats: list[str], out: style.Folder) -> None:
    wanted = chosen(analysis, tensors)
    rows = conversions(analysis, "conversions", wanted, formats)
    if len(rows):
        out.save(plot_sqnr(rows, wanted), "sqnr")
        out.save(plot_octaves(rows, conversions(analysis, "octave_errors", wanted, formats), wanted), "octaves")
        for name, figure in rounding_figures(rows, wanted).items():
            out.save(figure, name)
    out.save(plot_exponents(analysis, wanted), "exponents")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("analysis", type=Path, metavar="FILE.h5")
    parser.add_argument("--tensors", nargs="+", default=["*"], metavar="GLOB", help="tensors whose names match")
    parser.add_argument("--formats", nargs="+", default=["*"], metavar="GLOB",
                        help="conversions that match as FORMAT or FORMAT@ROUNDING, such as 'dfp8*@stochastic'")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the plots (default: FILE beside FILE.h5)")
    style.add_format(parser)
    arguments = parser.parse_args()
    out = arguments.out or arguments.analysis.with_suffix("")
    try:
        draw_all(load_analysis(arguments.analysis), arguments.tensors, arguments.formats,
                 style.Folder(out, arguments.format))
    except ResultsError as error:
        print(f"plot_analysis: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"plot_analysis: {out}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
