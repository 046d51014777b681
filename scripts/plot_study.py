#!/usr/bin/python3
"""Draws a study, as `precsim study` gathers it (experiments/SCHEMA.md): means over the seeds of each point.

  overview.png  accuracy gap, SQNR by role, and overflow events, point by point
  curves.png    test error over the training steps
  octaves.png   relative error against octaves below absmax, for points of different formats

Example: scripts/plot_study.py results/quickstart/study.h5
"""

import argparse
import sys
from pathlib import Path

import h5py
import numpy
import pandas
from matplotlib.ticker import FixedLocator, LogFormatter, NullLocator

import plot_style as style
from octave_plot import draw_octaves, join_octaves
from plot_style import plt
from records import OPERAND_ROLES, read_table

ROLE_LOOKS = {"weights": (style.BLUE, "o"), "activations": (style.GREEN, "s"), "errors": (style.VERMILION, "^")}


def read_points(file: h5py.File) -> pandas.DataFrame:
    """One row per point in the order of the study: its status, and means over its seeds."""
    runs = read_table(file, "runs")
    rows = []
    for point, group in runs.groupby("point", sort=False):
        outcomes = [outcome for outcome in group["outcome"] if outcome != "finished"]
        row = {"point": point, "status": outcomes[0] if outcomes else "finished", "runs": list(group.index),
               "images": int(group["test_images"].max()), "test_accuracy": 100 * group["test_accuracy"].mean(),
               "gap": 100 * group["accuracy_gap"].mean(), "overflow_events": group["overflow_events"].mean()}
        for role in OPERAND_ROLES:
            row[f"sqnr_{role}_worst"] = group[f"worst_sqnr_{role}"].min()
            row[f"sqnr_{role}_mean"] = group[f"mean_sqnr_{role}"].mean()
        rows.append(row)
    return pandas.DataFrame(rows)


def plot_overview(results: pandas.DataFrame, reference: str, title: str) -> plt.Figure:
    figure, panels = plt.subplots(1, 3, figsize=(10.5, 1.4 + 0.32 * len(results)), sharey=True,
                                  gridspec_kw={"width_ratios": [1.2, 1.2, 0.8]})
    draw_gaps(panels[0], results, reference)
    draw_sqnr(panels[1], results)
    draw_overflow(panels[2], results)
    panels[0].set_yticks(range(len(results)), results["point"])
    panels[0].set_ylim(len(results) - 0.4, -0.6)
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    figure.suptitle(title)
    return figure


def draw_gaps(axes: plt.Axes, results: pandas.DataFrame, reference: str) -> None:
    """Gaps from the reference; the band is what chance in the choice of test images alone explains."""
    gaps = results["gap"].to_numpy()
    label = f"gap to {reference or 'a reference, which the study has not'} [percentage points]"
    rows = numpy.arange(len(gaps))
    axes.axvline(0, color=style.BLACK, linewidth=0.8)
    for row in results[results["point"] == reference].itertuples():
        if row.images and not numpy.isnan(row.test_accuracy):
            error = 100 * numpy.sqrt(row.test_accuracy / 100 * (1 - row.test_accuracy / 100) / row.images)
            axes.axvspan(-error, error, color="#e8e8e8", zorder=0, linewidth=0)
            label += f"\ngray: ± standard error of {row.images} images"
    axes.set_xlabel(label)
    known = ~numpy.isnan(gaps)
    axes.hlines(rows[known], 0, gaps[known], color=style.BLUE)
    axes.plot(gaps[known], rows[known], "o", color=style.BLUE, markersize=5)
    low, high = 1.15 * numpy.nanmin(gaps, initial=-0.6), 1.15 * numpy.nanmax(gaps, initial=0.6)
    axes.set_xscale("asinh", linear_width=1.0)
    axes.set_xlim(low, high)
    ticks = [1, 3, 10, 30, 90] if high - low > 4 else [0.2, 0.5, 1, 2]
    axes.xaxis.set_major_locator(FixedLocator([-tick for tick in reversed(ticks)] + [0] + ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    for y, row in zip(rows, results.itertuples()):
        text = row.status if numpy.isnan(row.test_accuracy) else f"{row.test_accuracy:.2f} %"
        axes.annotate(text, (1, y), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                      va="center", fontsize=7)
    axes.set_title("test accuracy")


def draw_sqnr(axes: plt.Axes, results: pandas.DataFrame) -> None:
    """Mean as a marker, a line down to the worst; one line of the row for each role."""
    for i, role in enumerate(OPERAND_ROLES):
        color, marker = ROLE_LOOKS[role]
        worst, mean = results[f"sqnr_{role}_worst"].to_numpy(), results[f"sqnr_{role}_mean"].to_numpy()
        rows = numpy.arange(len(results)) + 0.24 * (i - 1)
        known = numpy.isfinite(mean)
        axes.hlines(rows[known], worst[known], mean[known], color=color, linewidth=1.0)
        axes.plot(mean[known], rows[known], marker, color=color, label=role)
    means = results[[f"sqnr_{role}_mean" for role in OPERAND_ROLES]].to_numpy()
    for y in numpy.flatnonzero(~numpy.isfinite(means).any(axis=1)):
        label = "unknown" if results["status"].iloc[y] == "failed" else "no conversion error"
        axes.annotate(label, (0.5, y), xycoords=("axes fraction", "data"), ha="center", va="center",
                      color=style.GRAY, fontsize=7, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    axes.set_xlim(left=0)
    axes.set_title("error of conversion")
    axes.set_xlabel("SQNR [dB]\nmarker: mean over layers and steps, line: to the worst")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, handletextpad=0.2)


def draw_overflow(axes: plt.Axes, results: pandas.DataFrame) -> None:
    events = results["overflow_events"].to_numpy()
    rows = numpy.arange(len(events))
    some = events > 0
    axes.hlines(rows[some], 1, events[some], color=style.BLUE)
    axes.plot(events[some], rows[some], "o", color=style.BLUE, markersize=5)
    axes.set_xscale("log")
    axes.set_xlim(1, max(10, 3 * numpy.nanmax(events, initial=0)))
    for y in rows[~some]:
        axes.annotate("0" if events[y] == 0 else "unknown", (0, y), xycoords=("axes fraction", "data"), xytext=(5, 0),
                      textcoords="offset points", va="center", color=style.GRAY, fontsize=7,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    axes.set_title("overflow of the accumulator")
    axes.set_xlabel("events")


def plot_curves(file: h5py.File, results: pandas.DataFrame, title: str) -> plt.Figure:
    figure, axes = plt.subplots(figsize=(7.6, 4.2))
    evaluation = read_table(file, "evaluation")
    drawn = {}
    for point, look in zip(results.itertuples(), style.looks(results["point"]).values()):
        rows = evaluation[evaluation["run"].isin(point.runs)].groupby("step")["accuracy"].mean()
        if len(rows):
            axes.plot(rows.index, 100 * (1 - rows), **look)
            drawn[point.point] = look
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))
    axes.grid(which="minor", axis="y", linewidth=0.3)
    axes.set(xlabel="training step", ylabel="error on the test set [%]", title=title)
    style.legend_beside(axes, drawn, "point")
    return figure


def plot_octaves(file: h5py.File, results: pandas.DataFrame, title: str) -> plt.Figure:
    """Of points that convert to the same formats the first one."""
    octaves = read_table(file, "error_by_octave")
    tables, seen = {}, set()
    for point in results.itertuples():
        table = octaves[octaves["run"].isin(point.runs)]
        conversions = frozenset(zip(table["role"], table["format"]))
        if conversions not in seen and has_error(table):
            seen.add(conversions)
            tables[point.point] = table
    looks = style.looks(tables)
    figure, panels = plt.subplots(1, len(OPERAND_ROLES), figsize=(10.5, 3.6), sharex=True, sharey=True)
    for axes, role in zip(panels, OPERAND_ROLES):
        axes.set_title(style.role_title(role))
        curves = {name: table[table["role"] == role] for name, table in tables.items()}
        draw_octaves(axes, {name: join_octaves(rows) for name, rows in curves.items() if len(rows)}, looks)
    panels[0].set_ylabel("relative error, RMS")
    style.legend_beside(panels[-1], looks, "point")
    figure.suptitle(f"{title}: error against magnitude, all layers and recorded steps")
    return figure


def has_error(octaves: pandas.DataFrame) -> bool:
    return any((errors > 0).any() for errors in octaves["rms_relative_error"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("study", type=Path, metavar="study.h5")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the plots (default: that of study.h5)")
    arguments = parser.parse_args()
    out = arguments.out or arguments.study.parent
    try:
        with h5py.File(arguments.study, "r") as file:
            results = read_points(file)
            title = arguments.study.resolve().parent.name
            out.mkdir(parents=True, exist_ok=True)
            style.save(plot_overview(results, file.attrs["reference"], file.attrs["question"] or title),
                       out / "overview.png")
            style.save(plot_curves(file, results, title), out / "curves.png")
            style.save(plot_octaves(file, results, title), out / "octaves.png")
    except (OSError, KeyError) as error:
        print(f"plot_study: {arguments.study}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
