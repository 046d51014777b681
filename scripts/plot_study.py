#!/usr/bin/python3
"""Draws a study, as `precsim study` gathers it (experiments/SCHEMA.md): means over the seeds of each point.

  overview       accuracy gap with 95 % confidence intervals, SQNR by role, and overflow events if any, point by point
  curves         test error over the training steps
  octaves        relative error against octaves below absmax, for points of different formats
  gaps, ratios, events (accuracies)  of grids with two axes or more: maps of accuracy, SQNR and overflow

Example: scripts/plot_study.py results/quickstart --format svg
"""

import argparse
import sys
from pathlib import Path

import grid_figures
import plot_style as style
import study_figures
from precsim_results import ResultsError, Study, load_study


def draw_all(study: Study, out: style.Folder) -> None:
    points = study.points()
    overview = study_figures.overview(study, points)
    style.title(overview, study.question or study.path.resolve().parent.name)
    out.save(overview, "overview")
    out.save(study_figures.curves(study, points), "curves")
    out.save(study_figures.octaves(study, points), "octaves")
    if grid_figures.has_maps(study, points):
        for one in grid_figures.maps(study, points):
            figure = grid_figures.draw_map(study, points, one)
            style.title(figure, one.caption)
            out.save(figure, one.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("study", type=Path, metavar="STUDY", help="folder of the study, or study.h5 in it")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the plots (default: that of study.h5)")
    style.add_format(parser)
    arguments = parser.parse_args()
    try:
        study = load_study(arguments.study)
        out = arguments.out or study.path.parent
        draw_all(study, style.Folder(out, arguments.format))
    except ResultsError as error:
        print(f"plot_study: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"plot_study: {out}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
