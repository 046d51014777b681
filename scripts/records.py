"""Records of runs (experiments/SCHEMA.md) as pandas tables, and tables written the way records have them."""

from dataclasses import dataclass

import h5py
import numpy
import pandas

LOWEST_EXPONENT = -149  # E(x) of bin 0 in /exponent_histograms
OPERAND_ROLES = ["weights", "activations", "errors"]
ROLES = OPERAND_ROLES + ["outputs", "saved", "weight_gradients", "updates", "momentum", "master"]


def read_table(group: h5py.Group, name: str) -> pandas.DataFrame:
    """A table of a run; texts decoded, array columns as one array per row. `group` is the run's root."""
    rows = group[name][:]
    columns = {}
    for column in rows.dtype.names:
        values = rows[column]
        if values.dtype.kind == "S":
            values = [value.decode("utf-8") for value in values]
        elif values.ndim > 1:
            values = list(values)
        columns[column] = values
    return pandas.DataFrame(columns)


def in_order(names, preferred: list[str]) -> list[str]:
    """The distinct names: preferred ones first, then the others as they come."""
    present = list(dict.fromkeys(names))
    return [name for name in preferred if name in present] + [name for name in present if name not in preferred]


@dataclass
class Column:
    """A column of a written table; `dtype` as numpy spells it ("S32" is a text of at most 32 bytes)."""

    name: str
    dtype: str
    unit: str
    description: str


def write_table(file: h5py.File, path: str, description: str, columns: list[Column], rows: list[tuple]) -> None:
    """One fixed-length compound dataset with units and descriptions as attributes, without object times."""
    types = [(c.name, h5py.string_dtype("utf-8", int(c.dtype[1:])) if c.dtype[0] == "S" else c.dtype) for c in columns]
    encoded = [tuple(cell.encode("utf-8") if isinstance(cell, str) else cell for cell in row) for row in rows]
    for column, cells in zip(columns, zip(*encoded)):
        if column.dtype[0] == "S" and max(map(len, cells)) > int(column.dtype[1:]):
            raise ValueError(f"a text of the column {column.name} has more than {column.dtype[1:]} bytes")
    dataset = file.create_dataset(path, data=numpy.array(encoded, dtype=types), chunks=(max(1, len(rows)),),
                                  compression="gzip", shuffle=True, track_times=False)
    dataset.attrs["description"] = description
    for column in columns:
        dataset.attrs[f"unit:{column.name}"] = column.unit
        dataset.attrs[f"description:{column.name}"] = column.description
