"""How all plots look: sizes, colors that color-blind readers can tell apart, saving."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy
import pandas
from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which is too light for lines on white.
BLACK, BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = (
    "#000000", "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9")
CYCLE = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
GRAY = "#767676"

plt.rcParams.update({
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "figure.titlesize": 10,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "legend.frameon": False,
})


def role_title(role: str) -> str:
    return role.replace("_", " ")


def looks(names) -> dict[str, dict]:
    """How the line of each name looks: a color and a marker each, dashed when the colors begin again."""
    return {name: {"color": CYCLE[i % len(CYCLE)], "marker": MARKERS[i % len(MARKERS)],
                   "linestyle": ["-", "--", ":"][i // len(CYCLE) % 3]} for i, name in enumerate(names)}


def layer_looks(layers: list[str]) -> dict[str, dict]:
    """The same for layers in order of depth: from dark to light."""
    colors = plt.get_cmap("viridis")(numpy.linspace(0.0, 0.88, max(len(layers), 1)))
    return {name: {"color": colors[i], "marker": MARKERS[i % len(MARKERS)]} for i, name in enumerate(layers)}


def smooth(values, window: int):
    """Mean of a centered window, shorter at the ends; missing values do not count."""
    return pandas.Series(values).rolling(window, center=True, min_periods=1).mean().to_numpy()


def say_nothing_to_show(axes, text: str) -> None:
    """A panel without data says why."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GRAY)
    axes.tick_params(bottom=False, left=False, labelbottom=False, labelleft=False)
    axes.grid(False)


def legend_beside(axes, lines: dict[str, dict], title: str) -> None:
    """A legend of the lines' looks to the right of the panel; the layout keeps room for it."""
    axes.legend([plt.Line2D([], [], **look) for look in lines.values()], list(lines), title=title, loc="upper left",
                bbox_to_anchor=(1.02, 1.02), borderaxespad=0, handlelength=2.6)


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, without a date or version, so that equal data give equal files."""
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    print(path)
