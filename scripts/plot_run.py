#!/usr/bin/python3
"""Draws what the record of one run tells.

  training   loss and accuracy over steps, and the loss scale where it changes
  sqnr       SQNR of every conversion, by layer and role, over steps
  exponents  the exponents of the numbers of every tensor, and what its format reaches of them
  octaves    relative error against octaves below absmax, by format and role

Example: scripts/plot_run.py results/quickstart/dfp16.h5 --out plots
"""

import argparse
import sys
from pathlib import Path

import numpy
import pandas
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, MaxNLocator

import plot_style as style
from octave_plot import draw_octaves, join_octaves, octave_legend
from plot_style import plt
from precsim_results import LOWEST_EXPONENT, ROLES, ResultsError, Run, in_order, load_run


def converted(table):
    """The rows of roles that are converted; all rows where everything is FP32."""
    rows = table[table["format"] != "fp32"]
    return rows if len(rows) else table


def role_panels(roles: list[str], height: float, **options):
    """A figure with a panel for each role; the panels, the one at the top right, those at the left."""
    columns = 2 if len(roles) in (2, 4) else min(3, len(roles))
    rows = -(-len(roles) // columns)
    size = (1.0 + 2.9 * columns, 0.4 + height * rows)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    panels = list(grid.flat)
    for axes in panels[len(roles):]:
        axes.remove()
    for axes, role in zip(panels, roles):
        axes.set_title(style.role_title(role))
        axes.tick_params(labelbottom=True)
    return figure, panels[:len(roles)], panels[columns - 1], [row[0] for row in grid]


def plot_training(record: Run, title: str) -> plt.Figure:
    training, evaluation = record.table("training"), record.table("evaluation")
    scaled = training["loss_scale"].nunique() > 1
    figure, panels = plt.subplots(2 + scaled, 1, figsize=(6.4, 4.6 + 1.4 * scaled), sharex=True,
                                  gridspec_kw={"height_ratios": [1, 1] + [0.5] * scaled})
    window = max(5, len(training) // 25)
    for axes, column, factor in ((panels[0], "loss", 1.0), (panels[1], "accuracy", 100.0)):
        values = factor * training[column].to_numpy()
        axes.plot(training["step"], values, color=style.SKY, linewidth=0.6, alpha=0.6, label="mini-batch")
        axes.plot(training["step"], style.smooth(values, window), color=style.BLUE,
                  label=f"mini-batch, mean of {window} steps")
        axes.plot(evaluation["step"], factor * evaluation[column], color=style.VERMILION, marker="o", label="test set")
    panels[0].set(ylabel="loss [nat]", title=title)
    finite = training["loss"][numpy.isfinite(training["loss"])]
    if (finite > 0).all():
        panels[0].set_yscale("log")
    panels[0].legend(loc="upper right")
    panels[1].set_ylabel("accuracy [%]")
    panels[1].set_ylim(top=101)
    if scaled:
        draw_loss_scale(panels[2], training)
    panels[-1].set_xlabel("training step")
    figure.align_ylabels()
    return figure


def draw_loss_scale(axes: plt.Axes, training: pandas.DataFrame) -> None:
    axes.step(training["step"], training["loss_scale"], where="post", color=style.BLUE)
    axes.set_yscale("log", base=2)
    axes.set_ylabel("loss scale")
    skipped = training[training["skipped"] == 1]
    axes.plot(skipped["step"], skipped["loss_scale"], "x", color=style.VERMILION, markersize=5, linestyle="none",
              label="skipped step")
    if len(skipped):
        axes.legend(loc="best")


def plot_sqnr(record: Run, title: str) -> plt.Figure:
    """Where a tensor is converted differently for several uses, the worst of them is drawn."""
    statistics = record.table("tensor_statistics").dropna(subset=["sqnr_db"])
    statistics = converted(statistics)
    worst = statistics.groupby(["role", "layer", "step"], sort=False)["sqnr_db"].min()
    worst = worst[numpy.isfinite(worst)].reset_index()
    roles, layers = in_order(statistics["role"], ROLES), in_order(statistics["layer"], [])
    figure, panels, corner, left = role_panels(roles, 2.8, sharex=True)
    looks = style.layer_looks(layers)
    for axes, role in zip(panels, roles):
        for layer, look in looks.items():
            line = worst[(worst["role"] == role) & (worst["layer"] == layer)]
            if len(line):
                axes.plot(line["step"], line["sqnr_db"], **look)
        axes.set_xlabel("training step")
        if not (worst["role"] == role).any():
            style.say_nothing_to_show(axes, "no conversion error")
    for axes in left:
        axes.set_ylabel("SQNR [dB]")
    style.legend_beside(corner, looks, "layer")
    style.title(figure, f"{title}: error of conversion")
    return figure


def plot_exponents(record: Run, title: str, step: int) -> plt.Figure:
    histograms, statistics = record.table("exponent_histograms"), record.table("tensor_statistics")
    histograms = histograms[histograms["step"] == step].drop_duplicates(["role", "layer"])
    statistics = statistics[statistics["step"] == step]
    roles, layers = in_order(histograms["role"], ROLES), in_order(histograms["layer"], [])
    occupied = numpy.flatnonzero(numpy.stack(histograms["counts"]).sum(axis=0)) + LOWEST_EXPONENT
    figure, panels, _, _ = role_panels(roles, 1.1 + 0.32 * len(layers), sharey=True)
    for axes, role in zip(panels, roles):
        shares = numpy.full((len(layers), 277), numpy.nan)
        for row in histograms[histograms["role"] == role].itertuples():
            if row.counts.sum():
                shares[layers.index(row.layer)] = row.counts / row.counts.sum()
        shares[shares == 0] = numpy.nan
        edges = numpy.arange(278) + LOWEST_EXPONENT - 0.5
        image = axes.pcolormesh(edges, numpy.arange(len(layers) + 1) - 0.5, shares, cmap="cividis_r",
                                norm=LogNorm(1e-4, 1.0))
        draw_shared_exponents(axes, statistics[statistics["role"] == role], layers)
        axes.set(xlim=(occupied.min() - 1, occupied.max() + 2), xlabel="exponent E(x)", yticks=range(len(layers)))
        axes.set_yticklabels(layers)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y", visible=False)
    panels[0].invert_yaxis()
    percent = FuncFormatter(lambda share, _: f"{100 * share:g}")
    bar = figure.colorbar(image, ax=panels, format=percent, pad=0.01, aspect=30)
    bar.set_label("share of nonzero elements [%]")
    style.title(figure, f"{title}: exponents of the numbers at step {step}")
    if (statistics["blocks"] > 0).any():
        mark = plt.Line2D([], [], color=style.VERMILION, marker="|", markersize=9, markeredgewidth=1.8)
        figure.legend([mark], ["shared exponent: unit of the codes"], loc="upper right")
    return figure


def draw_shared_exponents(axes: plt.Axes, statistics: pandas.DataFrame, layers: list[str]) -> None:
    for row in statistics[statistics["blocks"] > 0].itertuples():
        y = layers.index(row.layer)
        axes.plot([row.exponent_min, row.exponent_max], [y, y], color=style.VERMILION, marker="|", markersize=9,
                  markeredgewidth=1.8)


def plot_octaves(record: Run, title: str, step: int) -> plt.Figure:
    table = record.table("octave_errors")
    table = table[table["step"] == step]
    table = converted(table)
    roles, formats = in_order(table["role"], ROLES), in_order(table["format"], [])
    looks = style.looks(formats)
    figure, panels, corner, left = role_panels(roles, 3.0, sharex=True, sharey=True)
    for axes, role in zip(panels, roles):
        rows = table[table["role"] == role]
        draw_octaves(axes, {name: join_octaves(group) for name, group in rows.groupby("format", sort=False)}, looks)
    for axes in left:
        axes.set_ylabel("relative error, RMS")
    octave_legend(corner, looks, "format")
    style.title(figure, f"{title}: error against magnitude at step {step}, all layers")
    return figure


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("record", type=Path, metavar="RUN.h5")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the plots (default: RUN beside RUN.h5)")
    parser.add_argument("--step", type=int, metavar="N", help="step of exponents and octaves (default: the last)")
    style.add_format(parser)
    return parser.parse_args()


def draw_all(record: Run, title: str, step: int | None, out: style.Folder) -> None:
    """Raises ResultsError for a step without statistics."""
    steps = in_order(record.table("tensor_statistics")["step"], [])
    if step is not None and step not in steps:
        raise ResultsError(f"{record.path} has no statistics at step {step}; there are some at "
                           f"{', '.join(map(str, steps)) or 'none'}")
    if len(record.table("training")):
        out.save(plot_training(record, title), "training")
    if steps:
        step = steps[-1] if step is None else step
        out.save(plot_sqnr(record, title), "sqnr")
        out.save(plot_exponents(record, title, step), "exponents")
        out.save(plot_octaves(record, title, step), "octaves")


def main() -> int:
    arguments = parse_arguments()
    out = arguments.out or arguments.record.with_suffix("")
    try:
        draw_all(load_run(arguments.record), arguments.record.stem, arguments.step, style.Folder(out, arguments.format))
    except ResultsError as error:
        print(f"plot_run: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"plot_run: {out}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
