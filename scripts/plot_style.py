"""How all plots look: sizes, colors that color-blind readers can tell apart, saving."""

import argparse
import io
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy
import pandas
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

# Okabe and Ito's palette without its yellow, which is too light for lines on white.
BLACK, BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = (
    "#000000", "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9")
CYCLE = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
GRAY = "#767676"
SHADE, GRID, MISSING = "#e8e8e8", "#dddddd", "#f4f4f4"
DARK, LIGHT = "#111111", "#fefefe"  # text on a field, whatever the background of the page

# Without dates and versions: equal data give equal files.
METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None},
            "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}

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
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "precsim",
    "pdf.fonttype": 42,
})


def role_title(role: str) -> str:
    return role.replace("_", " ")


def letters(inches: float, size: float) -> int:
    """How many letters of `size` points have room on a line."""
    return max(8, int(inches * 72 / (0.58 * size)))


def title(figure: Figure, text: str) -> None:
    """The figure's title on as many lines as its width asks for; the figure grows by them."""
    width, height = figure.get_size_inches()
    size = plt.rcParams["figure.titlesize"]
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, letters(width - 0.1, size))]
    figure.set_size_inches(width, height + 1.2 * size / 72 * max(0, len(lines) - 1))
    figure.suptitle("\n".join(lines))


def draw_fields(axes, values: numpy.ndarray, texts: dict[tuple[int, int], tuple[str, str | None]], colors: str, norm,
                sides: tuple[list, list]) -> None:
    """A map: `values` by row and column, `texts` with their colors (None: what can be read on the field) at some."""
    rows, columns = sides
    map_of = plt.get_cmap(colors)
    axes.pcolormesh(numpy.arange(len(columns) + 1) - 0.5, numpy.arange(len(rows) + 1) - 0.5, values, cmap=map_of,
                    norm=norm, edgecolor="white", linewidth=0.8)
    for (y, x), (text, color) in texts.items():
        axes.text(x, y, text, ha="center", va="center", fontsize=7, color=color or contrast(map_of(norm(values[y, x]))))
    axes.set_facecolor(MISSING)
    axes.grid(False)
    axes.set_xticks(range(len(columns)), [str(label) for label in columns], rotation=50, ha="right",
                    rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [str(label) for label in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(length=0)


def contrast(color) -> str:
    """The color of text on a field."""
    red, green, blue, _ = color
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else LIGHT


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


def legend_beside(axes, lines: dict[str, dict], title: str, beside: float = 0.08) -> None:
    """A legend of the lines' looks, so many inches to the right of the panel; the layout keeps room for it."""
    place = axes.transAxes + ScaledTranslation(beside, 0, axes.get_figure().dpi_scale_trans)
    axes.legend([plt.Line2D([], [], **look) for look in lines.values()], list(lines), title=title, loc="upper left",
                bbox_to_anchor=(1, 1.02), bbox_transform=place, borderaxespad=0, handlelength=2.6)


def label_ends(axes, ends: dict[str, tuple[float, float, str]]) -> None:
    """Names each line at its end: x, y and color by name. Labels that would meet are moved apart and led to their line."""
    height = axes.get_figure().get_size_inches()[1] * 0.78 / axes.get_gridspec().nrows
    apart = 0.135 / height  # of a line of text, as a share of the panel
    to_share = axes.transData + axes.transAxes.inverted()
    axes.autoscale_view()
    wanted = {name: to_share.transform((x, y))[1] for name, (x, y, _) in ends.items()}
    top = max(1.0, apart * len(ends))
    places, limit = {}, top
    for name in sorted(wanted, key=wanted.get, reverse=True):
        places[name] = limit = min(wanted[name], limit)
        limit -= apart
    floor = min(0.0, 1 - apart * (len(ends) - 1))
    for name in sorted(places, key=places.get):
        places[name] = floor = max(places[name], floor)
        floor += apart
    for name, (x, y, color) in ends.items():
        axes.annotate(name, (x, y), xytext=(1.05, places[name]), textcoords="axes fraction", va="center", fontsize=7,
                      color=color, arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "alpha": 0.6,
                                               "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 2})


def add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", nargs="+", default=["png"], choices=list(METADATA),
                        help="png, or for papers and pages svg and pdf; several write each (default: png)")


class Folder:
    """Where plots go, and as what; made when the first one is saved."""

    def __init__(self, path: Path, formats: list[str]):
        self.path = path
        self.formats = formats

    def save(self, figure: Figure, name: str) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        for suffix in self.formats:
            figure.savefig(self.path / f"{name}.{suffix}", metadata=METADATA[suffix])
            print(self.path / f"{name}.{suffix}")
        plt.close(figure)


def svg_of(figure: Figure) -> str:
    """The figure as SVG with text that can be selected and searched."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=METADATA["svg"])
    plt.close(figure)
    return text.getvalue()
