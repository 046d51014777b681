"""Figures of a study: an overview of its points, test error over steps, error by octave."""

import numpy
import pandas
from matplotlib.ticker import FixedLocator, LogFormatter, NullFormatter, NullLocator

import plot_style as style
from octave_plot import draw_octaves, join_octaves, octave_legend
from plot_style import plt
from precsim_results import OPERAND_ROLES, Study

ROLE_LOOKS = {"weights": (style.BLUE, "o"), "activations": (style.GREEN, "s"), "errors": (style.VERMILION, "^")}
MOST_LINES = 12  # of one panel that can be told apart
OTHER_ERRORS = 0.75  # bits apart, from which errors are drawn for themselves
MOST_CURVES = 14  # of errors by octave: two styles of line in every color
CHANCE = "gray: ± standard error of {} test images"


def status(point) -> str:
    """What of a point's runs did not finish, in words; empty where all did."""
    return ", ".join(f"{count} of {point.runs} {name}"
                     for name, count in (("diverged", point.diverged), ("failed", point.failed),
                                         ("waiting", point.waiting)) if count)


def has_reference(study: Study) -> bool:
    return study.reference in set(study.runs["point"])


def seed_values(study: Study) -> pandas.DataFrame:
    """Of each run that finished: point, and what the overview's first panel has, in percent."""
    runs = study.runs
    runs = runs[runs["outcome"] == "finished"]
    if not has_reference(study):
        return pandas.DataFrame({"point": runs["point"], "value": 100 * runs["test_accuracy"]})
    base = runs[runs["point"] == study.reference].set_index("seed")["test_accuracy"]
    gaps = 100 * (runs["test_accuracy"] - runs["seed"].map(base))
    return pandas.DataFrame({"point": runs["point"], "value": gaps}).dropna()


def overview(study: Study, points: pandas.DataFrame) -> plt.Figure:
    """Accuracy, SQNR and, where anything overflowed, how often; a row for each point."""
    names = [str(name) for name in points.index]
    overflowed = bool((points["overflow_events"] > 0).any())
    ratios = [1.3, 1.1] + [0.8] * overflowed
    width = 1.0 + 2.38 * sum(ratios) + 0.065 * max(map(len, names))
    figure, panels = plt.subplots(1, len(ratios), figsize=(width, 1.5 + 0.3 * len(points)), sharey=True,
                                  gridspec_kw={"width_ratios": ratios})
    draw_accuracy(panels[0], study, points)
    draw_sqnr(panels[1], points)
    if overflowed:
        draw_overflow(panels[2], points)
    panels[0].set_yticks(range(len(points)), names)
    panels[0].set_ylim(len(points) - 0.4, -0.6)
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    return figure


def draw_accuracy(axes: plt.Axes, study: Study, points: pandas.DataFrame) -> None:
    """Means with their intervals as bars, single seeds as dots; gaps where there is a reference."""
    compared = has_reference(study)
    column = "gap" if compared else "accuracy"
    means, halves = points[f"{column}_mean"].to_numpy(), points[f"{column}_half_width"].to_numpy()
    rows, seeds = numpy.arange(len(points)), seed_values(study)
    places = {name: row for row, name in zip(rows, points.index)}
    drawn = pandas.Series(places).reindex(seeds["point"]).to_numpy()
    axes.plot(seeds["value"], drawn + 0.22, ".", color=style.SKY, markersize=4, linestyle="none", label="one seed")
    axes.plot(means, rows, "o", color=style.BLUE, markersize=5, linestyle="none", label="mean")
    certain = ~numpy.isnan(halves)
    if certain.any():
        axes.errorbar(means[certain], rows[certain], xerr=halves[certain], fmt="none", ecolor=style.BLUE, capsize=2.5,
                      elinewidth=1.4, label="95 % confidence interval")
    label = f"gap to {study.reference} [percentage points]" if compared else "test accuracy [%]"
    if compared:
        label += draw_chance(axes, study, points)
        scale_gaps(axes, means, halves, seeds["value"])
    axes.set_xlabel(label)
    for y, row in zip(rows, points.itertuples()):
        known = "" if numpy.isnan(row.accuracy_mean) else f"{row.accuracy_mean:.2f} %"
        text = "\n".join(filter(None, [known, status(row)]))
        axes.annotate(text, (1, y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=7, linespacing=0.95)
    head(axes, "test accuracy")


def draw_chance(axes: plt.Axes, study: Study, points: pandas.DataFrame) -> str:
    """The band that chance in the choice of test images explains, around zero; what the label says of it."""
    axes.axvline(0, color=style.BLACK, linewidth=0.8)
    error, images = standard_error(study, points)
    if not images:
        return ""
    axes.axvspan(-error, error, color=style.SHADE, zorder=0, linewidth=0)
    return "\n" + CHANCE.format(images)


def standard_error(study: Study, points: pandas.DataFrame) -> tuple[float, int]:
    """Of the reference's accuracy, by the choice of its test images, in percentage points; and their number, 0 if unknown."""
    share, images = points.loc[study.reference, "accuracy_mean"] / 100, int(study.runs["test_images"].max())
    if not images or numpy.isnan(share):
        return numpy.nan, 0
    return 100 * numpy.sqrt(share * (1 - share) / images), images


def scale_gaps(axes: plt.Axes, means, halves, seeds) -> None:
    """Linear around zero, logarithmic beyond a point."""
    ends = numpy.concatenate([means - numpy.nan_to_num(halves), means + numpy.nan_to_num(halves), seeds])
    low, high = 1.15 * numpy.nanmin(ends, initial=-0.6), 1.15 * numpy.nanmax(ends, initial=0.6)
    axes.set_xscale("asinh", linear_width=1.0)
    axes.set_xlim(low, high)
    ticks = [1, 3, 10, 30, 90] if high - low > 4 else [0.2, 0.5, 1, 2]
    axes.xaxis.set_major_locator(FixedLocator([-tick for tick in reversed(ticks)] + [0] + ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")


def draw_sqnr(axes: plt.Axes, points: pandas.DataFrame) -> None:
    """Mean as a marker, a line down to the worst; one line of the row for each role."""
    for i, role in enumerate(OPERAND_ROLES):
        color, marker = ROLE_LOOKS[role]
        worst, mean = points[f"sqnr_{role}_worst"].to_numpy(), points[f"sqnr_{role}_mean"].to_numpy()
        rows = numpy.arange(len(points)) + 0.24 * (i - 1)
        known = numpy.isfinite(mean)
        axes.hlines(rows[known], worst[known], mean[known], color=color, linewidth=1.0)
        axes.plot(mean[known], rows[known], marker, color=color, label=role)
    means = points[[f"sqnr_{role}_mean" for role in OPERAND_ROLES]].to_numpy()
    for y in numpy.flatnonzero(~numpy.isfinite(means).any(axis=1)):
        say(axes, "no conversion error" if numpy.isinf(means[y]).any() else "unknown", (0.5, y), "center")
    axes.set_xlim(left=min(0, axes.get_xlim()[0]))
    axes.set_xlabel("SQNR [dB]\nmarker: mean, line: down to the worst")
    head(axes, "error of conversion")


def draw_overflow(axes: plt.Axes, points: pandas.DataFrame) -> None:
    events = points["overflow_events"].to_numpy()
    rows, some = numpy.arange(len(events)), events > 0
    axes.hlines(rows[some], 1, events[some], color=style.BLUE)
    axes.plot(events[some], rows[some], "o", color=style.BLUE, markersize=5)
    axes.set_xscale("log")
    axes.set_xlim(1, max(10, 3 * numpy.nanmax(events, initial=0)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    for y in rows[~some]:
        say(axes, "0" if events[y] == 0 else "not counted", (0, y), "left")
    axes.set_xlabel("events, mean of the runs")
    head(axes, "overflow")


def head(axes: plt.Axes, title: str) -> None:
    """The panel's title and below it the legend, above the rows."""
    axes.set_title(title, pad=20)
    lines, names = axes.get_legend_handles_labels()
    if lines:
        axes.legend(lines, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handletextpad=0.3,
                    columnspacing=0.9, borderaxespad=0.2, handlelength=1.2, fontsize=7)


def say(axes: plt.Axes, text: str, place: tuple[float, float], align: str) -> None:
    """A word in a row that has nothing to draw."""
    axes.annotate(text, place, xycoords=("axes fraction", "data"), xytext=(5 * (align == "left"), 0),
                  textcoords="offset points", ha=align, va="center", color=style.GRAY, fontsize=7)


def curves(study: Study, points: pandas.DataFrame) -> plt.Figure:
    """Test error over steps, means over the seeds; of many points a panel for each first label of their names."""
    table = study.evaluation
    table = table.assign(error=100 * (1 - table["accuracy"]))
    panels = in_panels([name for name in points.index if name in set(table["point"])])
    columns = max(1, min(3, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    size = (7.6, 4.2) if len(panels) <= 1 else (3.6 * columns, 2.7 * rows)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[max(1, len(panels)):]:
        axes.remove()
    if not panels:
        style.say_nothing_to_show(grid[0, 0], "no evaluation")
    for axes, (title, lines) in zip(grid.flat, panels.items()):
        if study.reference and len(panels) > 1 and study.reference not in lines:
            lines = {study.reference: study.reference, **lines}
        draw_curves(axes, table, lines)
        axes.set_title(title)
    for axes in grid[:, 0]:
        axes.set_ylabel("error on the test set [%]")
    for axes in grid.flat[max(0, len(panels) - columns):max(1, len(panels))]:
        axes.tick_params(labelbottom=True)
    return figure


def in_panels(names: list[str]) -> dict[str, dict[str, str]]:
    """By title the points of each panel, and what each is called there: points of one label are drawn alike."""
    if len(names) <= MOST_LINES:
        return {"": {name: name for name in names}} if names else {}
    panels: dict[str, dict[str, str]] = {}
    for name in names:
        first, _, rest = name.partition("/")
        panels.setdefault(first if rest else "", {})[name] = rest or name
    beside = list(panels.pop("", {}).items())
    for title, lines in panels.items():
        if len(lines) > MOST_LINES:
            panels[title] = {name: label.partition("/")[0] for name, label in lines.items()}
    chunks = range(0, len(beside) if len(beside) > 1 else 0, MOST_LINES)
    return {**{f"points {i + 1} to {min(i + MOST_LINES, len(beside))}": dict(beside[i:i + MOST_LINES]) for i in chunks},
            **panels}


def draw_curves(axes: plt.Axes, table: pandas.DataFrame, lines: dict[str, str]) -> None:
    """Where each label has one line, the range of its seeds is shaded."""
    looks = style.looks(dict.fromkeys(lines.values()))
    alone = len(looks) == len(lines)
    ends: dict[str, list] = {}
    for name, label in lines.items():
        look = looks[label] if alone else {"color": looks[label]["color"], "linewidth": 0.8}
        by_step = table[table["point"] == name].groupby("step")["error"]
        mean = by_step.mean()
        if alone:
            axes.fill_between(mean.index, by_step.min(), by_step.max(), color=look["color"], alpha=0.12, linewidth=0)
        axes.plot(mean.index, mean, **look)
        ends.setdefault(label, []).append((mean.index[-1], mean.iloc[-1]))
    if (table["error"] > 0).all():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))
        axes.grid(which="minor", axis="y", linewidth=0.3)
    axes.set_xlabel("training step")
    style.label_ends(axes, {label: (*numpy.mean(places, axis=0), looks[label]["color"])
                            for label, places in ends.items()})


def octaves(study: Study, points: pandas.DataFrame) -> plt.Figure:
    """Error against magnitude; of points that convert to the same formats with like errors the first one."""
    tables = by_formats(study.with_points("error_by_octave"), points)
    looks = style.looks(tables)
    figure, panels = plt.subplots(1, len(OPERAND_ROLES), figsize=(10.5, 3.6), sharex=True, sharey=True)
    for axes, role in zip(panels, OPERAND_ROLES):
        axes.set_title(style.role_title(role))
        lines = {name: rows[rows["role"] == role] for name, rows in tables.items()}
        draw_octaves(axes, {name: join_octaves(rows) for name, rows in lines.items() if len(rows)}, looks)
    panels[0].set_ylabel("relative error, RMS")
    if looks:
        octave_legend(panels[-1], looks, "point or format")
    return figure


def by_formats(table: pandas.DataFrame, points: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """Rows of the first point of each set of formats; then of those that have others' formats and not their errors.

    A point beside the grid has its name, one of the grid that of its format, where there is one.
    """
    tables: dict[str, pandas.DataFrame] = {}
    alike: dict[frozenset, list[str]] = {}
    rows_of = {name: rows for name, rows in table.groupby("point", sort=False) if has_error(rows)}
    for with_others in (False, True):
        for name in points.index.intersection(rows_of, sort=False):
            rows = rows_of[name]
            like = alike.setdefault(frozenset(zip(rows["role"], rows["format"])), [])
            if bool(like) != with_others or len(tables) == MOST_CURVES:
                continue
            if any(errors_apart(rows, tables[other]) < OTHER_ERRORS for other in like):
                continue
            formats = set(rows["format"][rows["role"].isin(OPERAND_ROLES)])
            label = formats.pop() if "/" in name and len(formats) == 1 else name
            like.append(name if label in tables else label)
            tables[like[-1]] = rows
    return tables


def errors_apart(rows: pandas.DataFrame, others: pandas.DataFrame) -> float:
    """By how many bits relative errors differ: in each role the median over octaves, of the roles the largest."""
    apart = [0.0]
    for role in OPERAND_ROLES:
        one, other = (join_octaves(table[table["role"] == role]).certain if role in set(table["role"]) else None
                      for table in (rows, others))
        if one is None or other is None:
            continue
        both, mine, theirs = numpy.intersect1d(one.octaves, other.octaves, return_indices=True)
        errors = numpy.stack([one.errors[mine], other.errors[theirs]])
        bits = numpy.log2(errors[:, (errors > 0).all(axis=0)])
        apart += [float(numpy.median(abs(bits[0] - bits[1])))] if bits.size else []
    return max(apart)


def has_error(rows: pandas.DataFrame) -> bool:
    return any((errors > 0).any() for errors in rows["rms_relative_error"])
