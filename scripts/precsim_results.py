"""Runs, studies and analyses of tensors, as precsim writes them (experiments/SCHEMA.md), in pandas tables.

From anywhere:

    import sys
    sys.path.insert(0, "PRECSIM/scripts")
    from precsim_results import load_analysis, load_run, load_study

    run = load_run("dfp8.h5")
    run.configuration["plan.name"]                       # 'dfp8'
    run.table("tensor_statistics").groupby(["role", "layer"]).sqnr_db.mean()

    study = load_study("results/rounding")               # the folder, or its study.h5
    study.points()                                       # one row per point: accuracies in percent, failures
    study.differences("test_accuracy").mean_points       # to the reference, over seeds that both have
    study.runs.pivot_table("test_accuracy", "plan.name", "plan.rounding")
    study.run("dfp8", seed=1).table("training")          # the record behind a row

    analysis = load_analysis("model.h5")                 # of precsim analyze --out
    analysis.table("conversions").pivot(index="name", columns=["format", "rounding"], values="sqnr_db")

Whatever cannot be read raises ResultsError with a sentence that says why.
"""

import functools
import math
from dataclasses import dataclass

import numpy
import pandas

from intervals import Interval, interval, student_t
from results_file import Results, ResultsError, load

SCHEMA_VERSION = 4  # of records; version 3, which has no /exponent_control, is read too
STUDY_SCHEMA_VERSION = 1
ANALYSIS_VERSION = 2

__all__ = ["Analysis", "Interval", "Results", "ResultsError", "Run", "Study", "in_order", "interval", "load_analysis",
           "load_run", "load_study", "student_t"]

LOWEST_EXPONENT = -149  # E(x) of bin 0 in /exponent_histograms
OPERAND_ROLES = ["weights", "activations", "errors"]
SHARES = ["test_accuracy", "test_accuracy5", "best_test_accuracy", "accuracy_gap", "integer_mac_share"]
ROLES = OPERAND_ROLES + ["outputs", "saved", "weight_gradients", "updates", "momentum", "master"]

CONTROL_COLUMNS = ["step", "layer", "role", "use", "format", "exponent", "next_exponent", "largest_code", "at_limit",
                   "above_half", "conversions", "overflows", "moves"]


class Run(Results):
    """The record of one run."""

    @functools.cached_property
    def configuration(self) -> dict[str, str]:
        """Key and value of the resolved configuration, as `precsim train --set` takes them."""
        return parse_configuration(self.attributes["configuration"])

    @property
    def outcome(self) -> str:
        """finished, interrupted or diverged; unfinished where the run still goes on or was killed."""
        return self.attributes.get("outcome", "unfinished")

    @property
    def figures(self) -> dict[str, float]:
        """The figures of /summary by name; empty while the run goes on."""
        summary = self.table("summary")
        return dict(zip(summary["name"], summary["value"]))

    def _read(self, name: str) -> pandas.DataFrame:
        if name == "exponent_control" and self.attributes["schema_version"] == 3:
            return pandas.DataFrame(columns=CONTROL_COLUMNS)
        return super()._read(name)


class Study(Results):
    """A gathered study. Columns of axes whose values are all numbers are numeric, the others are text."""

    @property
    def question(self) -> str:
        return self.attributes["question"]

    @property
    def reference(self) -> str:
        """The point that others are compared with; empty where the study has none."""
        return self.attributes["reference"]

    @property
    def axes(self) -> list[str]:
        return self.attributes["axes"].splitlines()

    @property
    def runs(self) -> pandas.DataFrame:
        """One row per run, in the order of the study; `run` in other tables is the index here."""
        return self.table("runs")

    @property
    def evaluation(self) -> pandas.DataFrame:
        """One row per evaluation, with point, seed and the values on the axes."""
        return self.with_points("evaluation")

    @property
    def provenance_runs(self) -> pandas.DataFrame:
        """How each run that has ended came to be; `run` is the index of `runs`."""
        return self.table("provenance/runs")

    @property
    def labels(self) -> pandas.DataFrame:
        """The values of each run on the axes as the file spells them."""
        return super()._read("runs")[self.axes]

    @property
    def in_grid(self) -> pandas.Series:
        """For each run whether its point belongs to the grid; the others stand beside it."""
        names = pandas.Series(["/".join(row) for row in self.labels.itertuples(index=False)], index=self.runs.index,
                              dtype=object)
        return (self.runs["point"] == names) & bool(self.axes)

    def with_points(self, name: str) -> pandas.DataFrame:
        """A table that has a column `run`, with point, seed and the values on the axes in front."""
        return self.runs[["point", *self.axes, "seed"]].merge(self.table(name), left_index=True, right_on="run")

    def run(self, point: str, seed: int) -> Run:
        """The record of one run of the folder."""
        found = self.runs.query("point == @point and seed == @seed")
        if found.empty:
            raise ResultsError(f"the study {self.path} has no run of the point {point} with seed {seed}")
        return load_run(self.path.parent / "runs" / found["configuration_hash"].iloc[0])

    def intervals(self, figure: str) -> pandas.DataFrame:
        """Per point: count, mean, deviation and half_width of a figure over the runs that finished, in its own unit.

        Accuracies are shares from 0 to 1; theirs come in percent too, as mean_percent, deviation_percent, ...
        """
        return in_percent(self._by_point(lambda runs: interval(finished(runs, figure))), figure, "percent")

    def differences(self, figure: str, reference: str | None = None) -> pandas.DataFrame:
        """Per point the same of the figure minus the reference's, over the seeds that finished in both.

        Of accuracies mean, deviation and half_width are differences of shares (-0.012), mean_points, deviation_points
        and half_width_points the same in percentage points (-1.2), as points() has them.
        `precsim compare --json` prints count, mean and half_width as test_accuracy_difference.
        """
        reference = self.reference if reference is None else reference
        if reference not in set(self.runs["point"]):
            raise ResultsError(f"the study {self.path} has no point {reference or 'of reference'}; it has "
                               f"{', '.join(self.runs['point'].unique())}")
        base = finished(self.runs[self.runs["point"] == reference], figure)
        return in_percent(self._by_point(lambda runs: interval(finished(runs, figure) - base)), figure, "points")

    def points(self) -> pandas.DataFrame:
        """One row per point, in the order of the study.

        Counts of runs by outcome; accuracy_* in percent and gap_* in percentage points over the runs that finished, with
        standard deviation and the half width of the 95 % confidence interval; of runs with any outcome the worst and mean SQNR of each
        role, mean overflow events and steps per second.
        """
        if self.runs.empty:
            raise ResultsError(f"the study {self.path} has no runs")
        runs, points = self.runs, self._by_point(count_outcomes)
        first = runs.drop_duplicates("point").set_index("point")
        table = pandas.concat([first[self.axes], points], axis=1)
        for name, part in (("accuracy", self.intervals("test_accuracy")), ("gap", self._gaps())):
            table[f"{name}_runs"] = part["count"]
            for column in ("mean", "deviation", "half_width"):
                table[f"{name}_{column}"] = 100 * part[column]
        groups = runs.groupby("point", sort=False)
        table["overflow_events"] = groups["overflow_events"].mean()
        for role in ROLES:
            table[f"sqnr_{role}_worst"] = groups[f"worst_sqnr_{role}"].min()
            table[f"sqnr_{role}_mean"] = groups[f"mean_sqnr_{role}"].agg(lambda ratios: numpy.mean(ratios.dropna()))
        speeds = self.with_points("provenance/runs").groupby("point")["steps_per_second"].mean()
        table["steps_per_second"] = speeds.reindex(table.index)
        return table

    def _gaps(self) -> pandas.DataFrame:
        if self.reference in set(self.runs["point"]):
            return self.differences("test_accuracy")
        return self._by_point(lambda runs: Interval(0, math.nan, math.nan, math.nan))

    def _by_point(self, summary) -> pandas.DataFrame:
        groups = list(self.runs.groupby("point", sort=False))
        rows = [vars(summary(runs)) for _, runs in groups]
        return pandas.DataFrame(rows, index=pandas.Index([point for point, _ in groups], name="point"))

    def _read(self, name: str) -> pandas.DataFrame:
        table = super()._read(name)
        return table.assign(**{axis: typed(table[axis]) for axis in self.axes}) if name == "runs" else table


class Analysis(Results):
    """What `precsim analyze --out` writes: tables tensors, conversions, octave_errors, ..."""


def load_run(path) -> Run:
    """The record of a run: its file, or the folder of a run in a study."""
    return load(path, Run, "run.h5", "schema_version", [3, SCHEMA_VERSION])


def load_study(path) -> Study:
    """A study: its folder, or study.h5 in it."""
    return load(path, Study, "study.h5", "study_schema_version", [STUDY_SCHEMA_VERSION])


def load_analysis(path) -> Analysis:
    """The file of `precsim analyze --out`."""
    return load(path, Analysis, "", "analysis_version", [ANALYSIS_VERSION])


def finished(runs: pandas.DataFrame, figure: str) -> pandas.Series:
    """A figure by seed, of the runs that finished."""
    if figure not in runs:
        raise ResultsError(f"runs of a study have no figure {figure}; they have {', '.join(runs.columns)}")
    return runs[runs["outcome"] == "finished"].set_index("seed")[figure]


def in_percent(table: pandas.DataFrame, figure: str, unit: str) -> pandas.DataFrame:
    """Of shares also columns in percent, named by their unit."""
    if figure not in SHARES:
        return table
    return table.assign(**{f"{column}_{unit}": 100 * table[column] for column in ("mean", "deviation", "half_width")})


@dataclass
class Outcomes:
    runs: int
    finished: int
    diverged: int
    failed: int
    waiting: int


def count_outcomes(runs: pandas.DataFrame) -> Outcomes:
    counts = runs["outcome"].value_counts()
    return Outcomes(len(runs), *(int(counts.get(name, 0)) for name in ("finished", "diverged", "failed", "waiting")))


def parse_configuration(text: str) -> dict[str, str]:
    """Keys as `precsim train --set` takes them.

    >>> parse_configuration("[plan]\\nname = dfp16\\n\\n[plan.conv1]\\nweights = fp32\\n")
    {'plan.name': 'dfp16', 'plan.conv1.weights': 'fp32'}
    """
    values, section = {}, ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1] + "."
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values[section + key.strip()] = value.strip()
    return values


def typed(texts: pandas.Series) -> pandas.Series:
    """Integers, numbers or booleans where all texts are such, with missing values where they are empty.

    >>> typed(pandas.Series(["32", "8"])).tolist(), typed(pandas.Series(["0.1", ""])).tolist()
    ([32, 8], [0.1, nan])
    >>> typed(pandas.Series(["true", "false"])).tolist(), typed(pandas.Series(["inf", "32", "auto"])).tolist()
    ([True, False], ['inf', '32', 'auto'])
    """
    known = texts[texts != ""]
    if len(known) and known.isin(["true", "false"]).all() and len(known) == len(texts):
        return texts == "true"
    numbers = pandas.to_numeric(texts.where(texts != ""), errors="coerce")
    return numbers if len(known) and numbers[known.index].notna().all() else texts


def in_order(names, preferred: list[str]) -> list[str]:
    """The distinct names: preferred ones first, then the others as they come.

    >>> in_order(["saved", "x", "weights", "x"], ROLES)
    ['weights', 'saved', 'x']
    """
    present = list(dict.fromkeys(names))
    return [name for name in preferred if name in present] + [name for name in present if name not in preferred]
