#!/usr/bin/python3
"""Writes a study as one HTML page that needs nothing else: the question, a table of its points that sorts, figures as
SVG, what diverged or failed and why, how to reproduce it. Prints the findings.

Example: scripts/report.py results/quickstart --out quickstart.html
"""

import argparse
import math
import os
import sys
from pathlib import Path

import findings
import grid_figures
import study_figures
from findings import rows_of
from precsim_results import OPERAND_ROLES, ROLES, ResultsError, Study, load_study
from report_html import Cell, escape, figure, number, page, table

MOST_ROWS = 40  # of the overview; a larger study with maps has none


def head(study: Study, title: str) -> str:
    runs = study.runs
    counts = ", ".join(f"{count} {outcome}" for outcome, count in runs["outcome"].value_counts().items())
    points, seeds = runs["point"].nunique(), runs["seed"].nunique()
    return (f"<header>\n<h1>{escape(title)}</h1>\n<p class=lead>A study by precsim: {points} points, {seeds} "
            f"seed{'s' * (seeds != 1)}, {len(runs)} runs ({escape(counts)}).</p>\n</header>\n")


def found(study: Study, points) -> str:
    items = findings.findings(study, points, findings.HTML)
    return "<ul>\n" + "\n".join(f"<li>{item}</li>" for item in items) + "\n</ul>\n"


def sqnr(point, role: str) -> Cell:
    worst, mean = (number(point[f"sqnr_{role}_{what}"], 1) for what in ("worst", "mean"))
    return Cell(f"{worst.text} / {mean.text}", worst.number) if mean.text else Cell("")


def named_rows(study: Study, points) -> tuple[list[tuple[str, str]], dict[str, list[Cell]]]:
    """Titles and cells that name each point: on a grid of several axes its labels, a column for each axis."""
    if not grid_figures.has_maps(study, points):
        return [("point", "")], {name: [Cell(name, is_head=True)] for name in points.index}
    labels = study.labels[study.in_grid].set_axis(study.runs["point"][study.in_grid]).groupby(level=0).first()
    beside = [""] * (len(study.axes) - 1)
    heads = [(axis, "" if i else "or a point beside the grid") for i, axis in enumerate(study.axes)]
    return heads, {name: [Cell(text, is_head=True) for text in
                          (labels.loc[name] if name in labels.index else [name, *beside])] for name in points.index}


def points_table(study: Study, points) -> str:
    heads, names = named_rows(study, points)
    compares = study_figures.has_reference(study)
    heads = heads + [("finished", "of runs"), ("diverged", "runs"), ("accuracy", "%")]
    heads += [(f"gap to {study.reference}", "percentage points")] * compares
    heads += [(role, "SQNR worst / mean, dB") for role in OPERAND_ROLES] + [("overflow", "events"), ("speed", "steps/s")]
    rows = []
    for name, point in rows_of(points):
        row = [*names[name], Cell(f"{point.finished} / {point.runs}", point.finished),
               Cell(str(point.diverged), point.diverged), number(point.accuracy_mean, 2, point.accuracy_half_width)]
        row += [number(point.gap_mean, 2, point.gap_half_width, sign=True)] * compares
        row += [sqnr(point, role) for role in OPERAND_ROLES]
        events = number(point.overflow_events, 0)
        row += [events if events.text or not point.finished else Cell("not counted"), number(point.steps_per_second, 1)]
        rows.append(row)
    caption = ("Test accuracy at the end and its gap to the reference of the same seed: mean over the runs that finished "
               "± half width of the 95 % confidence interval (Student's t). SQNR of conversions by role, worst and mean "
               "over layers, recorded steps and seeds; ∞: no error. Overflow: steps of INT32 accumulators that left "
               "their range, mean of the runs. A click on a title sorts.")
    search = ('<p class="filter" hidden><label>Show points with <input type="search" data-filters="points"></label></p>\n'
              if len(points) > 15 else "")
    return search + table("points", caption, heads, rows)


def roles_table(points) -> str:
    """SQNR of the roles that the table of points has no room for; empty where nothing of them is converted."""
    roles = [role for role in ROLES if role not in OPERAND_ROLES
             and points[f"sqnr_{role}_mean"].map(math.isfinite).any()]
    if not roles:
        return ""
    rows = [[Cell(name, is_head=True), *(sqnr(point, role) for role in roles)] for name, point in rows_of(points)]
    return table("roles", "SQNR of conversions of the other roles, worst / mean.",
                 [("point", ""), *((role.replace("_", " "), "dB") for role in roles)], rows)


def figures(study: Study, points) -> str:
    parts, grid = [], grid_figures.has_maps(study, points)
    if grid:
        for one in grid_figures.maps(study, points):
            parts.append(figure(f"map-{one.name}", grid_figures.draw_map(study, points, one), escape(one.caption) + ".",
                                f"Maps of the grid: {one.caption}"))
    outside = points if not grid or len(points) <= MOST_ROWS else points.drop(grid_figures.grid_points(study, points).index)
    if len(outside.index.difference([study.reference])):
        what = "Every point" if len(outside) == len(points) else "Points beside the grid"
        parts.append(figure("overview", study_figures.overview(study, outside),
                            f"{what}: accuracy with single seeds and 95 % confidence intervals, SQNR of weights, "
                            f"activations and errors, and overflow events where there are any.",
                            f"{what}: accuracy, SQNR and overflow; numbers are in the table of points"))
    parts.append(figure("curves", study_figures.curves(study, points),
                        "Error on the test set over training: means over the seeds; a shade reaches from the best to the "
                        "worst seed. Lines of one color in one panel differ in further axes.",
                        "Test error over training steps, a line for each point"))
    parts.append(figure("octaves", study_figures.octaves(study, points),
                        "Relative error of conversion against octaves below the largest magnitude of the tensor, all "
                        "layers and recorded steps; of points with the same formats and like errors the first one.",
                        "Relative error against octaves below absmax, a line for each set of formats"))
    return "".join(parts)


def troubles(study: Study) -> str:
    bad = study.runs[study.runs["outcome"].isin(["diverged", "failed", "waiting"])]
    if bad.empty:
        return "<p>Every run finished.</p>\n"
    rows = [[Cell(run.point, is_head=True), Cell(str(run.seed), run.seed), Cell(run.outcome),
             Cell(run.message or "not ended yet")] for run in bad.itertuples()]
    return table("troubles", f"{len(bad)} of {len(study.runs)} runs did not finish.",
                 [("point", ""), ("seed", ""), ("outcome", ""), ("reason", "")], rows)


def runs_table(study: Study) -> str:
    rows = [[Cell(run.point, is_head=True), Cell(str(run.seed), run.seed), Cell(run.outcome), number(100 * run.test_accuracy),
             number(100 * run.best_test_accuracy), number(100 * run.accuracy_gap, sign=True), number(run.test_loss, 4),
             Cell(run.configuration_hash)] for run in study.runs.itertuples()]
    heads = [("point", ""), ("seed", ""), ("outcome", ""), ("accuracy", "%"), ("best", "%"), ("gap", "percentage points"),
             ("test loss", "nat"), ("folder in runs/", "")]
    return table("runs", "At the last evaluation of each run, diverged ones included.", heads, rows)


def reproduce(study: Study) -> str:
    ended = study.provenance_runs
    def values(column: str) -> str:
        return escape(", ".join(dict.fromkeys(map(str, ended[column])))) or "no run has ended"
    facts = {"precsim": values("version"), "numerics version": study.attributes["numerics_version"],
             "compiler": escape(study.provenance.get("compiler", "unknown")), "engine": values("engine"),
             "kernel": values("kernel"), "threads of a run": values("threads"),
             "time of all runs": duration(ended["seconds"].sum())}
    listed = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return (f"<p>The same study file gives the same bits with any number of jobs and threads, and on any kernel.</p>\n"
            f"<pre><code>precsim study study.ini --out DIR --jobs N\nscripts/report.py DIR</code></pre>\n"
            f"<dl>\n{listed}\n</dl>\n"
            f"<h3>study.ini</h3>\n<pre><code>{escape(study.attributes['study'])}</code></pre>\n{resolved(study)}")


def duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"


def resolved(study: Study) -> str:
    """The configuration of one run as its record has it; empty without the record beside the study."""
    runs = study.runs
    named = runs[runs["point"] == study.reference]
    first = (named if len(named) else runs).iloc[0]
    try:
        text = study.run(first["point"], first["seed"]).attributes["configuration"]
    except ResultsError:
        return ""
    return (f"<details>\n<summary>All settings of {escape(first['point'])}, seed {first['seed']}</summary>\n"
            f"<pre><code>{escape(text)}</code></pre>\n</details>\n")


def report(study: Study) -> str:
    """The page. Raises ResultsError for a study without runs."""
    points = study.points()
    title = study.question or study.path.resolve().parent.name
    return page(title, head(study, title) + "<h2>Findings</h2>\n" + found(study, points)
                + "<h2>Figures</h2>\n" + figures(study, points)
                + "<h2>Points</h2>\n" + points_table(study, points) + roles_table(points)
                + "<h2>Runs that did not finish</h2>\n" + troubles(study)
                + "<h2>All runs</h2>\n<details>\n<summary>One row per run</summary>\n" + runs_table(study) + "</details>\n"
                + "<h2>How to reproduce</h2>\n" + reproduce(study))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("study", type=Path, metavar="STUDY", help="folder of the study, or study.h5 in it")
    parser.add_argument("--out", type=Path, metavar="PAGE.html", help="default: report.html beside study.h5")
    arguments = parser.parse_args()
    try:
        study = load_study(arguments.study)
        out = arguments.out or study.path.parent / "report.html"
        text = report(study)
        partial = out.with_name(out.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, out)
    except ResultsError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"report: {out}: {error.strerror}", file=sys.stderr)
        return 2
    print(out)
    print("\n".join(findings.findings(study, study.points(), findings.PLAIN)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
