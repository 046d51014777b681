#!/usr/bin/python3
"""Tests of precsim_results, report and plot_analysis: what they say equals what h5py and the program say of small studies.

    report_test.py PRECSIM
"""

import doctest
import html.parser
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCRIPTS))
import intervals  # noqa: E402
import precsim_results  # noqa: E402
from precsim_results import ResultsError, load_analysis, load_run, load_study  # noqa: E402

BASE = ("[base]\ndata.train_size = 64\ndata.test_size = 50\ntrain.epochs = 2\ntrain.batch = 16\noptimizer.lr = 0.05\n"
        "record.stats_every = 2\n")
LINE = ("[study]\nquestion = Are <b>4 bits</b> & a \"block\" enough?\nreference = fp32\nseeds = 1 2 3\n" + BASE
        + "[axes]\nplan.name = dfp16 dfp4\n[point.fp32]\nplan.name = fp32\n"
        "[point.diverges]\noptimizer.lr = 1e6\n[point.fails]\ndata.name = mnist\ndata.path = no<where\n")
GRID = ("[study]\nreference = fp32\n" + BASE + "[axes]\nplan.name = dfp16 dfp8 dfp4\n"
        "plan.rounding = nearest_even stochastic\noptimizer.momentum = 0.9 0.5\n[point.fp32]\nplan.name = fp32\n")
VOID = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def call(*arguments, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=600, cwd=cwd)


def script(name: str, *arguments) -> subprocess.CompletedProcess:
    return call(sys.executable, "-B", SCRIPTS / name, *arguments)


class Page(html.parser.HTMLParser):
    """Elements of a page; fails where a tag is closed that is not open, an id occurs twice, or something is fetched."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.ids, self.tables, self.texts, self.labels = [], [], {}, {}, []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert not {"src", "srcset", "data", "onclick"} & set(attributes), attributes
        for key in ("href", "xlink:href"):
            assert attributes.get(key, "#").startswith("#"), attributes
        if "id" in attributes:
            assert attributes["id"] not in self.ids, attributes["id"]
            self.ids.append(attributes["id"])
        if tag == "svg":
            self.labels.append(attributes["aria-label"])
        if tag == "table":
            self.tables[attributes["id"]] = self.rows = []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            assert tag == "td" or attributes["scope"] in ("row", "col"), attributes
            self.rows[-1].append(["", attributes.get("data-value")])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"{tag} closes at {self.getpos()}"

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1][0] += data

    def column(self, table: str, start: str) -> dict[str, tuple[str, str | None]]:
        """Text and value of a column by the row's name; `start` begins the column's title."""
        heads = [text for text, _ in self.tables[table][0]]
        place = next(i for i, head in enumerate(heads) if head.startswith(start))
        return {row[0][0]: tuple(row[place]) for row in self.tables[table][1:]}


def setUpModule():
    """Two studies, run once: points on a line of which one diverges and one fails; a grid of which half has run."""
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    StudyTest.shared = Path(folder.name)
    for name, text, code, options in (("line", LINE, 1, []), ("grid", GRID, 0, ["--shard", "1/2"])):
        file = StudyTest.shared / f"{name}.ini"
        file.write_text(text, encoding="utf-8")
        result = call(StudyTest.program, "study", file, "--out", StudyTest.shared / name, *options)
        assert result.returncode == code, result.stderr


class StudyTest(unittest.TestCase):
    program, shared = Path(), Path()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def rows(self) -> numpy.ndarray:
        with h5py.File(self.shared / "line/study.h5") as file:
            return file["runs"][:]

    def values(self, point: str, column: str) -> numpy.ndarray:
        rows = self.rows()
        return rows[column][(rows["point"] == point.encode()) & (rows["outcome"] == b"finished")]

    def changed(self, name: str, change) -> Path:
        copy = self.folder / Path(name).name
        shutil.copy(self.shared / name, copy)
        with h5py.File(copy, "r+") as file:
            change(file)
        return copy

    def page(self, study: Path) -> tuple[Page, str]:
        result = script("report.py", study, "--out", self.folder / "page.html")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        text = (self.folder / "page.html").read_text(encoding="utf-8")
        return Page(text), text


class ResultsTest(StudyTest):
    def test_examples_in_the_documentation(self):
        for module, least in ((precsim_results, 4), (intervals, 4)):
            result = doctest.testmod(module)
            self.assertEqual(result.failed, 0)
            self.assertGreaterEqual(result.attempted, least)

    def test_student_t(self):
        table = {1: 12.7062047, 2: 4.30265273, 3: 3.18244631, 4: 2.77644511, 7: 2.36462425, 20: 2.08596345,
                 100: 1.98397152, 1000: 1.96233908}
        for degrees, t in table.items():
            self.assertAlmostEqual(precsim_results.student_t(degrees), t, places=7)
        self.assertAlmostEqual(precsim_results.student_t(5, 0.99), 4.03214298, places=7)

    def test_import_from_anywhere(self):
        code = (f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from precsim_results import load_study; "
                "print(len(load_study('line').runs))")
        self.assertEqual(call(sys.executable, "-B", "-c", code, cwd=self.shared).stdout, "15\n")

    def test_a_run(self):
        run = load_study(self.shared / "line").run("dfp4", 2)
        with h5py.File(run.path) as file:
            self.assertEqual(run.attributes["state_hash"], file.attrs["state_hash"])
            numpy.testing.assert_array_equal(run.table("training")["loss"], file["training"]["loss"])
            numpy.testing.assert_array_equal(numpy.stack(run.table("octave_errors")["counts"]),
                                             file["octave_errors"]["counts"])
            self.assertEqual(set(run.names), {name for name in file if name != "provenance"})
            summary = dict(zip(file["summary"]["name"].astype(str), file["summary"]["value"]))
        self.assertEqual({key: run.configuration[key] for key in ("run.seed", "plan.name", "train.batch")},
                         {"run.seed": "2", "plan.name": "dfp4", "train.batch": "16"})
        numpy.testing.assert_equal(run.figures, summary)
        self.assertEqual(run.units("training")["loss"], "nat")
        self.assertEqual(run.outcome, "finished")
        with self.assertRaisesRegex(ResultsError, "no table nothing; it has .*training"):
            run.table("nothing")

    def test_points_are_those_of_h5py(self):
        points = load_study(self.shared / "line").points()
        self.assertEqual(list(points.index), ["fp32", "diverges", "fails", "dfp16", "dfp4"])
        self.assertEqual(points[["finished", "diverged", "failed"]].values.tolist(),
                         [[3, 0, 0], [0, 3, 0], [0, 0, 3], [3, 0, 0], [3, 0, 0]])
        for name in ("fp32", "dfp16", "dfp4"):
            accuracy, gap = 100 * self.values(name, "test_accuracy"), 100 * self.values(name, "accuracy_gap")
            for column, values in (("accuracy", accuracy), ("gap", gap)):
                self.assertAlmostEqual(points.loc[name, f"{column}_mean"], values.mean())
                self.assertAlmostEqual(points.loc[name, f"{column}_half_width"],
                                       4.302652729911275 * values.std(ddof=1) / math.sqrt(3))
            self.assertEqual(points.loc[name, "sqnr_errors_worst"], self.values(name, "worst_sqnr_errors").min())
            self.assertEqual(points.loc[name, "sqnr_errors_mean"], self.values(name, "mean_sqnr_errors").mean())
        self.assertTrue(math.isnan(points.loc["diverges", "accuracy_mean"]))

    def test_differences_are_those_of_compare(self):
        study = load_study(self.shared / "line")
        names = ["fp32", "dfp16", "dfp4"]
        files = {name: [study.run(name, seed).path for seed in (1, 2, 3)] for name in names}
        result = call(self.program, "compare", *sum(files.values(), []), "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        differences, found = study.differences("test_accuracy"), 0
        for group in json.loads(result.stdout)["groups"]:
            name = next(name for name in names if str(files[name][0]) == group["runs"][0]["file"])
            row, expected = differences.loc[name], group["test_accuracy_difference"]
            self.assertEqual(row["count"], expected["pairs"])
            self.assertAlmostEqual(row["mean"], expected["mean"], places=13)
            self.assertAlmostEqual(row["half_width"], expected["half_width_95"], places=13)
            points = study.points().loc[name]
            for column in ("mean", "half_width"):
                self.assertAlmostEqual(row[f"{column}_points"], points[f"gap_{column}"])
                self.assertAlmostEqual(study.intervals("test_accuracy").loc[name, f"{column}_percent"],
                                       points[f"accuracy_{column}"])
            found += row["half_width"] > 0
        self.assertGreater(found, 0)
        self.assertEqual(list(study.differences("test_loss")), ["count", "mean", "deviation", "half_width"])

    def test_texts_are_str_however_they_are_stored(self):
        with h5py.File(self.folder / "t.h5", "w") as file:
            texts = numpy.array([("dfp8", "é".encode())], [("a", h5py.string_dtype()), ("b", "S4")])
            file["table"] = texts
            file.attrs["a"] = numpy.bytes_("fixed")
            file.attrs["b"] = "variable"
        file = h5py.File(self.folder / "t.h5")
        self.addCleanup(file.close)
        results = precsim_results.Results(self.folder / "t.h5", file)
        self.assertEqual(results.table("table").values.tolist(), [["dfp8", "é"]])
        self.assertEqual(results.attributes, {"a": "fixed", "b": "variable"})

    def test_axes_have_types(self):
        study = load_study(self.shared / "grid")
        runs = study.runs
        self.assertEqual(study.axes, ["plan.name", "plan.rounding", "optimizer.momentum"])
        self.assertEqual(runs["optimizer.momentum"].dtype, float)
        self.assertEqual(set(runs["optimizer.momentum"]), {0.9, 0.5})
        self.assertEqual(runs["plan.name"][1], "dfp16")
        self.assertEqual((int(study.in_grid.sum()), len(runs)), (12, 13))
        self.assertEqual(set(study.evaluation["point"]), set(runs["point"][runs["outcome"] == "finished"]))

    def test_other_versions_and_kinds_are_refused(self):
        record = load_study(self.shared / "line").run("fp32", 1).path.relative_to(self.shared)
        newer = self.changed(str(record), lambda file: file.attrs.__setitem__("schema_version", numpy.int64(5)))
        with self.assertRaisesRegex(ResultsError, "schema_version 5, and these scripts read 3 and 4"):
            load_run(newer)

        def older(file):
            file.attrs["schema_version"] = numpy.int64(3)
            del file["exponent_control"]
        self.assertEqual(len(load_run(self.changed(str(record), older)).table("exponent_control")), 0)
        study = self.changed("line/study.h5", lambda file: file.attrs.__setitem__("study_schema_version", numpy.int64(2)))
        for name in ("report.py", "plot_study.py"):
            result = script(name, study)
            self.assertEqual(result.returncode, 2)
            self.assertIn("study_schema_version 2, and these scripts read 1", result.stderr)
            self.assertEqual(script(name, self.shared / "line" / "study.ini").returncode, 2)
        with self.assertRaisesRegex(ResultsError, "is a study: load_study reads it"):
            load_run(self.shared / "line/study.h5")
        with self.assertRaisesRegex(ResultsError, "is the record of a run: load_run reads it"):
            load_study(self.shared / record)
        with self.assertRaisesRegex(ResultsError, "no file"):
            load_study(self.folder / "none")
        with h5py.File(self.folder / "foreign.h5", "w"):
            pass
        with self.assertRaisesRegex(ResultsError, "no file of precsim"):
            load_run(self.folder / "foreign.h5")


class ReportTest(StudyTest):
    def test_numbers_are_those_of_h5py(self):
        page, _ = self.page(self.shared / "line")
        for name in ("fp32", "dfp16", "dfp4"):
            accuracy, gap = 100 * self.values(name, "test_accuracy"), 100 * self.values(name, "accuracy_gap")
            for title, values in (("accuracy", accuracy), ("gap", gap)):
                text, value = page.column("points", title)[name]
                self.assertAlmostEqual(float(value), values.mean())
                half = 4.302652729911275 * values.std(ddof=1) / math.sqrt(3)
                self.assertEqual(text.replace("\u2009", "").replace("−", "-").replace("+", ""),
                                 f"{values.mean():.2f}±{half:.2f}")
            worst = self.values(name, "worst_sqnr_errors").min()
            self.assertEqual(float(page.column("points", "errors")[name][1].replace("Infinity", "inf")), worst)
            events = self.values(name, "overflow_events").mean()
            self.assertEqual(float(page.column("points", "overflow")[name][1]), events)
        self.assertEqual(page.column("points", "finished")["diverges"], ("0 / 3", "0.0"))
        self.assertEqual(page.column("points", "diverged")["diverges"], ("3", "3.0"))
        self.assertEqual(page.column("points", "accuracy")["fails"], ("", None))
        self.assertEqual(len(page.tables["runs"]), 16)

    def test_question_reasons_and_study_file(self):
        page, text = self.page(self.shared / "line")
        self.assertEqual(page.texts["h1"], 'Are <b>4 bits</b> & a "block" enough?')
        self.assertIn(LINE, page.texts["code"])
        reasons = [row[-1][0] for row in page.tables["troubles"][1:]]
        messages = [message.decode() for message in self.rows()["message"] if message]
        self.assertEqual(reasons, messages)
        self.assertEqual(len(reasons), 6)
        self.assertIn("[optimizer]", page.texts["code"])  # the settings of the reference
        self.assertEqual(len(page.labels), 3)
        self.assertIn("gap to fp32 [percentage points]", page.texts["text"])  # text of a figure stays text
        self.assertEqual(text, self.page(self.shared / "line")[1])

    def test_a_grid_half_done_has_maps(self):
        page, _ = self.page(self.shared / "grid")
        self.assertEqual(page.texts["h1"], "grid")
        self.assertIn("map-gaps", page.ids)
        self.assertEqual(len(page.tables["points"]), 14)
        self.assertEqual([text for text, _ in page.tables["points"][2][:3]], ["dfp16", "nearest_even", "0.9"])
        waiting = [row for row in page.tables["troubles"][1:] if row[2][0] == "waiting"]
        self.assertEqual(len(waiting), len(page.tables["troubles"]) - 1)
        self.assertEqual(len(waiting), 6)

    def test_findings_in_words(self):
        for name, count in (("line", 3), ("grid", 1)):
            result = script("report.py", self.shared / name, "--out", self.folder / "page.html")
            lines = result.stdout.splitlines()[1:]
            page = re.search("<ul>(.*?)</ul>", (self.folder / "page.html").read_text(encoding="utf-8"), re.DOTALL)[1]
            items = re.sub("<wbr>|</?b>|</?span[^>]*>", "", page)
            self.assertEqual(lines, re.findall("<li>(.*?)</li>", items))
            points = load_study(self.shared / name).points().drop("fp32")
            told = next(line for line in lines if line.startswith("One seed")) if count == 1 else " ".join(lines)
            for point, row in points[points["finished"] > 0].iterrows():
                gap = f"{row.gap_mean:+.2f}" if f"{row.gap_mean:.2f}" != "0.00" else "0.00"
                self.assertIn(f"{point} ({gap}".replace("-", "−"), told)
            self.assertEqual("±" in told, count == 3)
            self.assertEqual("Diverged: diverges (3 of 3)." in lines, name == "line")

    def test_nothing_but_failures(self):
        (self.folder / "bad.ini").write_text("[study]\nseeds = 1 2\n" + BASE + "[point.a]\ndata.name = mnist\n"
                                             "data.path = nowhere\n", encoding="utf-8")
        self.assertEqual(call(self.program, "study", self.folder / "bad.ini", "--out", self.folder / "bad").returncode, 1)
        page, _ = self.page(self.folder / "bad")
        self.assertEqual(len(page.tables["troubles"]), 3)
        self.assertEqual(page.column("points", "finished")["a"], ("0 / 2", "0.0"))
        self.assertIn("a (2 of 2)", page.texts["li"])
        plots = script("plot_study.py", self.folder / "bad", "--out", self.folder, "--format", "svg", "pdf")
        self.assertEqual((plots.returncode, plots.stderr), (0, ""))
        self.assertIn("<svg", (self.folder / "overview.svg").read_text(encoding="utf-8"))
        self.assertEqual((self.folder / "octaves.pdf").read_bytes()[:5], b"%PDF-")

    def test_a_study_without_runs(self):
        def empty(file):
            rows = file["runs"][:0]
            del file["runs"]
            file["runs"] = rows
        result = script("report.py", self.changed("line/study.h5", empty))
        self.assertEqual(result.returncode, 2)
        self.assertIn("has no runs", result.stderr)

    def test_a_page_that_cannot_be_written(self):
        result = script("report.py", self.shared / "line", "--out", self.folder / "none" / "page.html")
        self.assertEqual(result.returncode, 2)
        self.assertNotIn("Traceback", result.stderr)


class AnalysisTest(StudyTest):
    def setUp(self):
        super().setUp()
        draws = numpy.random.default_rng(1)
        numpy.savez(self.folder / "t.npz", a=draws.normal(size=(16, 32)).astype("f4"), zero=numpy.zeros(8, "f4"),
                    bad=numpy.full(4, numpy.nan, "f4"), half=numpy.ones(64, "f4"))
        result = call(self.program, "analyze", self.folder / "t.npz", "--formats", "fp16 dfp8:block=16", "--best", "6",
                      "--out", self.folder / "t.h5", "--quiet")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_tables_and_plots(self):
        analysis = load_analysis(self.folder / "t.h5")
        with h5py.File(self.folder / "t.h5") as file:
            numpy.testing.assert_array_equal(analysis.table("conversions")["sqnr_db"], file["conversions"]["sqnr_db"])
        self.assertEqual(list(analysis.table("tensors")["name"]), ["a", "zero", "bad", "half"])
        for options in ([], ["--tensors", "z*", "b*"]):
            result = script("plot_analysis.py", self.folder / "t.h5", "--format", "png", "svg", *options)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for name in ("sqnr", "octaves", "exponents"):
                self.assertEqual((self.folder / f"t/{name}.png").read_bytes()[:4], b"\x89PNG")
        self.assertIn(">zero<", (self.folder / "t/sqnr.svg").read_text(encoding="utf-8"))

    def test_roundings_and_choice_of_formats(self):
        result = call(self.program, "analyze", self.folder / "t.npz", "--formats", "fp16 dfp8:block=16 dfp8 dfp4",
                      "--rounding", "nearest_even stochastic biased", "--out", self.folder / "model.h5", "--quiet")
        self.assertEqual(result.returncode, 0, result.stderr)
        result = script("plot_analysis.py", self.folder / "model.h5", "--format", "svg", "--formats", "dfp8*", "fp16@b*")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        drawn = {name: (self.folder / f"model/{name}.svg").read_text(encoding="utf-8")
                 for name in ("sqnr", "roundings", "bias", "octaves", "exponents")}
        for name in ("sqnr", "octaves"):
            self.assertIn(">dfp8:block=16@stochastic<", drawn[name])
            self.assertIn(">fp16@biased<", drawn[name])
            self.assertNotIn("dfp4", drawn[name])
            self.assertNotIn("fp16@nearest_even", drawn[name])
        table = load_analysis(self.folder / "model.h5").table("conversions").set_index(["name", "format", "rounding"])
        ratios = table["sqnr_db"]["a"]["dfp8"]
        self.assertIn(f">{ratios['nearest_even']:.0f}<", drawn["roundings"])
        self.assertIn(f">{ratios['stochastic'] - ratios['nearest_even']:+.1f}<".replace("-", "\u2212"),
                      drawn["roundings"].replace("-", "\u2212"))
        self.assertIn(">dfp8:block=16<", drawn["bias"])

    def test_examples_of_the_schema_and_the_readme(self):
        result = call(self.program, "analyze", self.folder / "t.npz", "--rounding", "nearest_even stochastic",
                      "--out", self.folder / "model.h5", "--quiet")
        self.assertEqual(result.returncode, 0, result.stderr)
        page = (ROOT / "experiments/SCHEMA.md").read_text(encoding="utf-8")
        example = next(text for text in re.findall("```python\n(.*?)```", page, re.DOTALL) if "load_analysis" in text)
        readme = re.findall(".*load_analysis.*\n", (ROOT / "README.md").read_text(encoding="utf-8"))
        for code in (example, "".join(readme)):
            code = f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{code}"
            result = call(sys.executable, "-B", "-c", code, cwd=self.folder)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("stochastic", result.stdout)

    def test_refusals(self):
        for arguments, word in ((["t.h5", "--formats", "none"], "no format that matches none; it has fp16, dfp8:block=16"),
                                (["t.h5", "--tensors", "none"], "no tensor that matches none; it has a, zero"),
                                (["t.npz"], "cannot be read as HDF5"), (["missing.h5"], "there is no file")):
            result = script("plot_analysis.py", self.folder / arguments[0], *arguments[1:])
            self.assertEqual(result.returncode, 2)
            self.assertIn(word, result.stderr)


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    StudyTest.program = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
