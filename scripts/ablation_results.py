"""The results of an ablation: what the table shows of each run, the file that joins all records, the table as text."""

import math
import os
from pathlib import Path

import h5py
import pandas

from records import OPERAND_ROLES, Column, read_table, write_table

SQNR_COLUMNS = [
    Column(f"sqnr_{role}_{kind}", "f8", "dB", f"{kind} SQNR of the {role} over layers and recorded steps; NaN: unknown")
    for role in OPERAND_ROLES
    for kind in ("worst", "mean")
]
COLUMNS = [
    Column("point", "S32", "-", "name of the point"),
    Column("status", "S16", "-", "finished, diverged, or failed"),
    Column("test_accuracy", "f8", "%", "accuracy on the test set after the last step; NaN unless finished"),
    Column("gap", "f8", "percentage point", "test_accuracy minus that of the reference, the first point"),
    Column("overflow_events", "i8", "event", "accumulator steps whose exact sum left INT32; -1: unknown"),
    Column("integer_share", "f8", "%", "share of the multiply-accumulates done in integers"),
    *SQNR_COLUMNS,
    Column("seconds", "f8", "s", "wall-clock time of the run"),
]


def read_figures(record: h5py.File) -> dict[str, float]:
    """The figures of a record's summary, by name."""
    table = read_table(record, "summary")
    return dict(zip(table["name"], table["value"]))


def describe_run(run) -> dict:
    """The columns that one run gives; what its record does not say is NaN (or -1)."""
    figures = {}
    if run.has_record():
        with h5py.File(run.record, "r") as record:
            figures = read_figures(record)
    row = {"point": run.name, "status": run.status, "seconds": run.seconds}
    row["test_accuracy"] = 100.0 * figures.get("test_accuracy", math.nan) if run.status == "finished" else math.nan
    row["overflow_events"] = int(figures.get("overflow_events", -1))
    row["integer_share"] = 100.0 * figures.get("integer_mac_share", math.nan)
    for role in OPERAND_ROLES:
        for kind in ("worst", "mean"):
            row[f"sqnr_{role}_{kind}"] = figures.get(f"{kind}_sqnr_{role}", math.nan)
    return row


def collect(runs: list, out: Path) -> pandas.DataFrame:
    """Joins all records in `out`, which is replaced whole: /runs/NAME has what NAME.h5 has, /results is the table."""
    results = pandas.DataFrame([describe_run(run) for run in runs])
    results["gap"] = results["test_accuracy"] - results["test_accuracy"].iloc[0]
    results = results[[column.name for column in COLUMNS]]
    partial = out.with_name(out.name + ".partial")
    with h5py.File(partial, "w") as file:
        for run in runs:
            group = file.create_group(f"runs/{run.name}")
            if run.has_record():
                copy_record(run.record, group)
        write_table(file, "results", "One row per point of the ablation, in the order of its file.", COLUMNS,
                    list(results.itertuples(index=False, name=None)))
        file.flush()
        os.fsync(file.id.get_vfd_handle())
    os.replace(partial, out)
    return results


def copy_record(path: Path, group: h5py.Group) -> None:
    with h5py.File(path, "r") as record:
        for name, value in record.attrs.items():
            group.attrs[name] = value
        for name in record:
            record.copy(name, group)


def number(value: float, digits: int) -> str:
    if math.isnan(value):
        return "-"
    return "exact" if math.isinf(value) else f"{value:.{digits}f}"


def signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.2f}"


def table_text(results: pandas.DataFrame) -> str:
    """The results for a reader: two lines of heading, a rule, one line for each point."""
    heading = [("point", ""), ("accuracy", "%"), ("gap", "points"), ("overflow", "events"), ("int MACs", "%"),
               *[(role, "dB min/mean") for role in OPERAND_ROLES], ("time", "s")]
    rows = []
    for row in results.itertuples():
        name = row.point if row.status == "finished" else f"{row.point} ({row.status})"
        sqnr = [[number(getattr(row, f"sqnr_{role}_{kind}"), 1) for kind in ("worst", "mean")]
                for role in OPERAND_ROLES]
        rows.append([name, number(row.test_accuracy, 2), signed(row.gap) if row.Index else "0",
                     str(row.overflow_events) if row.overflow_events >= 0 else "-", number(row.integer_share, 1),
                     *[low if low == mean else f"{low} / {mean}" for low, mean in sqnr], number(row.seconds, 0)])
    lines = [[name for name, _ in heading], [unit for _, unit in heading], *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heading))]
    text = ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
    text.insert(2, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(text)


def print_table(results: pandas.DataFrame) -> None:
    print(table_text(results))
    print("\nweights, activations, errors: SQNR of their conversions, over layers and recorded steps.")
