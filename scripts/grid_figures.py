"""Figures of grids: what was measured at each point as a field of a map, further axes as panels side by side."""

import itertools
import textwrap
from dataclasses import dataclass

import numpy
import pandas
from matplotlib.colors import AsinhNorm, LogNorm, Normalize

import plot_style as style
from plot_style import plt
from precsim_results import OPERAND_ROLES, Study

FEWEST_POINTS = 6
WIDEST = 9.5  # inches of panels side by side
TITLE = 8  # points of a panel's title


@dataclass
class Map:
    """One figure: its name, what it shows, the column of the points, its colors."""

    name: str
    caption: str
    values: pandas.Series
    colors: str
    norm: Normalize
    form: str


def grid_points(study: Study, points: pandas.DataFrame) -> pandas.DataFrame:
    """The points of the grid alone."""
    return points[points.index.isin(study.runs["point"][study.in_grid])]


def varying_axes(study: Study, points: pandas.DataFrame) -> list[str]:
    return [axis for axis in study.axes if grid_points(study, points)[axis].nunique() > 1]


def has_maps(study: Study, points: pandas.DataFrame) -> bool:
    return len(varying_axes(study, points)) >= 2 and len(grid_points(study, points)) >= FEWEST_POINTS


def maps(study: Study, points: pandas.DataFrame) -> list[Map]:
    """What is worth a map: figures that some points have and that are not the same everywhere."""
    points = grid_points(study, points)
    gaps, accuracies = points["gap_mean"], points["accuracy_mean"]
    largest = max(10.0, numpy.nanmax(gaps.abs(), initial=0))
    candidates = [
        Map("gaps", f"Accuracy gap to {study.reference}, percentage points, mean over the seeds", gaps, "RdBu",
            AsinhNorm(2.0, vmin=-largest, vmax=largest), "{:+.1f}"),
        Map("accuracies", "Test accuracy in percent, mean over the seeds", accuracies, "cividis",
            Normalize(accuracies.min(), accuracies.max()), "{:.1f}"),
    ]
    ratios = points[[f"sqnr_{role}_mean" for role in OPERAND_ROLES]].min(axis=1)
    ratios = ratios.where(numpy.isfinite(ratios))
    candidates.append(Map("ratios", "SQNR in dB: of weights, activations and errors the smallest mean", ratios,
                          "cividis", Normalize(ratios.min(), ratios.max()), "{:.0f}"))
    events = points["overflow_events"]
    candidates.append(Map("events", "Overflow events of the accumulator, mean over the seeds", events, "cividis_r",
                          LogNorm(1, max(10, numpy.nanmax(events, initial=0)), clip=True), "{:.2g}"))
    shown = [one for one in candidates if one.values.nunique() > 1]
    return [one for one in shown if one.name != "accuracies" or gaps.isna().all()]


def draw_map(study: Study, points: pandas.DataFrame, one: Map) -> plt.Figure:
    """The first axis downward, the last one to the right, a panel for each choice of the others."""
    points, axes = grid_points(study, points), varying_axes(study, points)
    down, right, others = axes[0], axes[-1], axes[1:-1]
    rows, columns = list(points[down].unique()), list(points[right].unique())
    choices = list(itertools.product(*(points[axis].unique() for axis in others)))
    width, height = room(len(rows), len(columns), down, right, len(choices))
    lines = -(-len(choices) // max(1, int(WIDEST / width)))
    across = -(-len(choices) // lines)
    below, beside = (max(len(str(label)) for label in labels) for labels in (columns, rows))
    titles = ["\n".join("\n".join(textwrap.wrap(str(label), style.letters(width, TITLE))) for label in choice)
              for choice in choices]
    labeled = 2 if len(choices) % across else 1  # lines of panels with labels below
    head = 0.15 * max(title.count("\n") + 1 for title in titles)
    size = (0.7 + 0.068 * beside + across * width, 0.5 + labeled * (0.1 + 0.055 * below) + lines * (height + head + 0.15))
    figure, grid = plt.subplots(lines, across, figsize=size, squeeze=False, sharex=True, sharey=True)
    for panel in grid.flat[len(choices):]:
        panel.remove()
    for panel, choice, title in zip(grid.flat, choices, titles):
        chosen = points[numpy.logical_and.reduce([points[axis] == label for axis, label in zip(others, choice)])
                        if others else numpy.full(len(points), True)]
        draw_fields(panel, chosen, one, [(down, rows), (right, columns)])
        panel.set_title(title, fontsize=TITLE)
    for panel in grid[:, 0]:
        panel.set_ylabel(down)
    for panel in grid.flat[max(0, len(choices) - across):len(choices)]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel(right)
    return figure


def room(rows: int, columns: int, down: str, right: str, panels: int) -> tuple[float, float]:
    """Width and height of a panel in inches: for its fields and for the names of its axes."""
    letter = 0.085  # of an axis' name
    return max(2.8 if panels == 1 else 1.4, 0.42 * columns + 0.1, letter * len(right)), max(0.27 * rows, letter * len(down))


def draw_fields(panel: plt.Axes, points: pandas.DataFrame, one: Map, sides: list[tuple[str, list]]) -> None:
    (down, rows), (right, columns) = sides
    fields, texts = numpy.full((len(rows), len(columns)), numpy.nan), {}
    for name, point in points.iterrows():
        y, x, value = rows.index(point[down]), columns.index(point[right]), one.values[name]
        fields[y, x] = max(value, 1) if isinstance(one.norm, LogNorm) else value
        if numpy.isnan(value):
            texts[y, x] = missing(point), style.BLACK
        else:
            texts[y, x] = one.form.format(value).replace("+0.0", "0.0").replace("-0.0", "0.0").replace("e+0", "e"), None
    style.draw_fields(panel, fields, texts, one.colors, one.norm, (rows, columns))


def missing(point) -> str:
    """Why a field has no number."""
    for name, word in (("diverged", "div."), ("failed", "failed"), ("waiting", "…")):
        if point[name]:
            return word
    return "–"
