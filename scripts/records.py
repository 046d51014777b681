"""Records of runs (experiments/SCHEMA.md) as pandas tables."""

import h5py
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
