#!/usr/bin/python3
"""Tests of the figures on tables made by hand: which lines and maps are drawn, and that titles fit."""

import itertools
import math
import sys
import types
import unittest
from pathlib import Path

import numpy
import pandas

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import grid_figures  # noqa: E402
import octave_plot  # noqa: E402
import plot_analysis  # noqa: E402
import plot_style  # noqa: E402
import precsim_results  # noqa: E402
import rounding_maps  # noqa: E402
import study_figures  # noqa: E402


class OctavesTest(unittest.TestCase):
    def table(self, *points):
        """Rows of /error_by_octave: of each (point, format, error) the activations, one error in every octave."""
        rows = [{"point": point, "role": "activations", "format": name, "counts": numpy.full(9, 100),
                 "rms_relative_error": numpy.full(9, error)} for point, name, error in points]
        return pandas.DataFrame(rows), pandas.DataFrame(index=[point for point, _, _ in points])

    def test_points_of_like_errors_are_drawn_once(self):
        table, points = self.table(("fp32", "fp32", 0), ("dfp8/a", "dfp8", 0.01), ("dfp8/b", "dfp8", 0.015),
                                   ("dfp8/c", "dfp8", 0.04), ("unscaled", "fp16", 0.5), ("fp16", "fp16", 0.001))
        shown = study_figures.by_formats(table, points)
        self.assertEqual({label: rows["point"].iloc[0] for label, rows in shown.items()},
                         {"dfp8": "dfp8/a", "unscaled": "unscaled", "dfp8/c": "dfp8/c", "fp16": "fp16"})

    def test_every_format_comes_before_a_second_point_of_one(self):
        count = study_figures.MOST_CURVES - 1
        table, points = self.table(*((f"a{i}/x", "dfp8", 2.0**-i) for i in range(count)),
                                   *((f"b{i}/x", f"dfp{i + 2}", 0.1) for i in range(3)))
        shown = study_figures.by_formats(table, points)
        self.assertEqual(len(shown), study_figures.MOST_CURVES)
        self.assertEqual(list(shown)[:4], ["dfp8", "dfp2", "dfp3", "dfp4"])


class OctaveCurveTest(unittest.TestCase):
    def curve(self, *rows) -> octave_plot.Curve:
        counts, errors = zip(*rows)
        return octave_plot.join_octaves(pandas.DataFrame({"counts": list(map(numpy.array, counts)),
                                                          "rms_relative_error": list(map(numpy.array, errors))}))

    def draw(self, *rows):
        figure, axes = plot_style.plt.subplots()
        self.addCleanup(plot_style.plt.close, figure)
        octave_plot.draw_octaves(axes, {"a": self.curve(*rows)}, plot_style.looks(["a"]))
        return axes

    def test_octaves_of_single_rows_count(self):
        curve = self.curve(([20, 0, 3, 1], [0.5, numpy.nan, 0.1, 0.0]), ([60, 0, 0, 0], [0.25] + 3 * [numpy.nan]))
        self.assertEqual(curve.octaves.tolist(), [0, 2, 3])
        numpy.testing.assert_allclose(curve.errors, [math.sqrt((20 * 0.25 + 60 * 0.0625) / 80), 0.1, 0])
        self.assertEqual(curve.certain.octaves.tolist(), [0])
        numpy.testing.assert_array_equal(numpy.isnan(curve.by_octave()), [False, True, False, True])

    def test_sparse_octaves_are_drawn_hollow_and_lines_break(self):
        axes = self.draw(([20, 18, 0, 3], [0.1, 0.2, numpy.nan, 0.4]))
        line, sparse, certain = axes.lines[:3]
        numpy.testing.assert_array_equal(line.get_ydata(), [0.1, 0.2, numpy.nan, 0.4])
        numpy.testing.assert_array_equal(sparse.get_ydata(), [numpy.nan] * 3 + [0.4])
        numpy.testing.assert_array_equal(certain.get_ydata(), [0.1, 0.2, numpy.nan, numpy.nan])
        self.assertEqual((sparse.get_fillstyle(), sparse.get_linestyle()), ("none", "None"))

    def test_no_error_is_said_only_where_there_is_none(self):
        said = [[text.get_text() for text in self.draw(rows).texts] for rows in
                (([3, 1], [0.1, 0.0]), ([300, 1], [0.0, 0.0]), ([0, 0], [numpy.nan] * 2))]
        self.assertEqual(said, [["all lost"], ["no conversion error"], ["nothing to convert"]])


class MapTest(unittest.TestCase):
    def test_titles_fit(self):
        roundings = "nearest_even toward_zero to_odd stochastic stochastic:bits=8 biased a b c d e".split()
        accumulators = ["int32:chain=64,overflow=saturate", "int32:chain=inf,overflow=wrap,atom=single"]
        for sides in ((["dfp16", "dfp8"], roundings[:2]), (["a", "b", "dfp6:block=32"], roundings[:10]),
                      (["a", "b", "c"], accumulators, roundings), (["a", "b"], accumulators, [1, 2])):
            labels = list(itertools.product(*sides))
            axes = ["plan.name", "plan.accumulator.forward", "plan.rounding"][:len(sides)]
            points = pandas.DataFrame(labels, columns=axes, index=["/".join(map(str, label)) for label in labels])
            points = points.assign(gap_mean=numpy.arange(len(points)), accuracy_mean=50.0, overflow_events=0)
            points = points.assign(**{f"sqnr_{role}_mean": points["gap_mean"] for role in precsim_results.OPERAND_ROLES})
            runs = pandas.DataFrame({"point": points.index})
            study = types.SimpleNamespace(axes=axes, runs=runs, in_grid=numpy.full(len(runs), True), reference="fp32")
            for one in grid_figures.maps(study, points):
                figure = grid_figures.draw_map(study, points, one)
                plot_style.title(figure, one.caption)
                self.assert_inside(figure)

    def assert_inside(self, figure):
        self.addCleanup(plot_style.plt.close, figure)
        figure.canvas.draw()
        titles = [figure._suptitle, *(axes.title for axes in figure.axes)]
        boxes = [title.get_window_extent() for title in titles if title.get_text()]
        self.assertTrue(boxes)
        for box in boxes:
            self.assertGreaterEqual(box.x0, 0)
            self.assertLessEqual(box.x1, figure.bbox.x1)
            self.assertLessEqual(box.y1, figure.bbox.y1)
        for one, other in itertools.combinations(boxes, 2):
            self.assertFalse(one.overlaps(other))


class ConversionsTest(unittest.TestCase):
    def rows(self, *conversions):
        """Of each (tensor, format, rounding, SQNR) a row; each has half of its error as bias."""
        names = ["tensor", "format", "rounding", "sqnr_db"]
        rows = pandas.DataFrame([dict(zip(names, one)) for one in conversions])
        return rows.assign(conversion=rows["format"] + "@" + rows["rounding"], bits=8.0, mean_error=-0.5,
                           mean_squared_error=1.0)

    def test_winners_of_single_tensors_are_shown(self):
        rows = self.rows(*((tensor, f"f{i}", "nearest_even", 50.0 - i) for i in range(14) for tensor in range(3)),
                         *((tensor, "last", "nearest_even", 70.0 if tensor == 1 else 1.0) for tensor in range(3)))
        self.assertEqual(plot_analysis.winners(rows).to_dict(), dict(enumerate(["f0@nearest_even", "last@nearest_even",
                                                                                "f0@nearest_even"])))
        shown = plot_analysis.shown_conversions(rows, 4)
        self.assertEqual(shown, [f"{name}@nearest_even" for name in ("f0", "f1", "f2", "last")])

    def test_of_many_roundings_every_format_is_shown_with_one(self):
        roundings = ["toward_zero", "nearest_even", "stochastic"]
        rows = self.rows(*((0, f"f{i}", name, 50.0 - i - (name != "nearest_even")) for i in range(3) for name in roundings))
        self.assertEqual(plot_analysis.shown_conversions(rows, 4), [f"f{i}@nearest_even" for i in range(3)])

    def test_fields_of_rounding_maps(self):
        rows = self.rows((0, "f", "nearest_even", 40.0), (0, "f", "toward_zero", 34.06), (0, "f", "biased", math.inf))
        fields = rounding_maps.ratio_fields(rows, "nearest_even", 100)
        self.assertEqual([field.text for field in fields.values()], ["40", "-5.9", "∞"])
        self.assertAlmostEqual(fields["toward_zero"].value, -5.94)
        for elements, faint in ((100, False), (16, True)):
            bias = rounding_maps.bias_fields(rows, "nearest_even", elements)["toward_zero"]
            self.assertEqual((bias.text, bias.faint, math.isnan(bias.value)), ("-0.50", faint, faint))


if __name__ == "__main__":
    unittest.main(verbosity=2)
