"""One HDF5 file of precsim: what kind it is, its attributes, its tables in pandas."""

from pathlib import Path

import h5py
import numpy
import pandas


class ResultsError(ValueError):
    """What was given cannot be read; the text is a sentence for the user."""


class Results:
    """One file: its attributes, provenance and tables. It stays as it was when it was opened, whoever replaces it."""

    def __init__(self, path: Path, file: h5py.File):
        self.path = path
        self._file = file
        self._tables: dict[str, pandas.DataFrame] = {}
        self.attributes = attributes_of(file)
        self.provenance = attributes_of(file["provenance"]) if "provenance" in file else {}

    @property
    def names(self) -> list[str]:
        """Names of all tables."""
        names = []
        self._file.visititems(lambda name, item: names.append(name) if is_table(item) else None)
        return names

    def table(self, name: str) -> pandas.DataFrame:
        """A table; texts decoded, array columns as one array per row."""
        name = name.strip("/")
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name].copy()

    def units(self, name: str) -> dict[str, str]:
        """The unit of each column of a table; 1 for a pure number, - for text."""
        attributes = attributes_of(self._dataset(name.strip("/")))
        return {key[5:]: value for key, value in attributes.items() if key.startswith("unit:")}

    def close(self) -> None:
        """Closes the file; tables that were read stay."""
        self._file.close()

    def _dataset(self, name: str) -> h5py.Dataset:
        if name not in self.names:
            raise ResultsError(f"{self.path} has no table {name}; it has {', '.join(self.names) or 'none'}")
        return self._file[name]

    def _read(self, name: str) -> pandas.DataFrame:
        try:
            rows = self._dataset(name)[:]
        except OSError as error:
            raise ResultsError(f"the table {name} of {self.path} is damaged: {error}") from error
        return pandas.DataFrame({column: column_of(rows[column]) for column in rows.dtype.names})


KINDS = {"study_schema_version": "a study: load_study", "analysis_version": "an analysis of tensors: load_analysis",
         "checkpoint_version": "a checkpoint: h5py", "schema_version": "the record of a run: load_run"}


def load(path, kind: type, inside: str, version_name: str, versions: list[int]):
    path = Path(path)
    path = path / inside if path.is_dir() and inside else path
    if not path.is_file():
        raise ResultsError(f"there is no file {path}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ResultsError(f"{path} cannot be read as HDF5: {error}") from error
    try:
        check_kind(path, file, version_name, versions)
        return kind(path, file)
    except BaseException:
        file.close()
        raise


def check_kind(path: Path, file: h5py.File, version_name: str, versions: list[int]) -> None:
    if str(file.attrs.get("program", "")) != "precsim":
        raise ResultsError(f"{path} is no file of precsim: it has no attribute program = precsim")
    found = next(name for name in [*KINDS, ""] if name in file.attrs or not name)
    if found != version_name:
        raise ResultsError(f"{path} is {KINDS.get(found, 'of another kind: h5py')} reads it")
    version = int(file.attrs[version_name])
    if version not in versions:
        known = " and ".join(map(str, versions))
        raise ResultsError(f"{path} has {version_name} {version}, and these scripts read {known}; take the scripts of "
                           f"the precsim that wrote it")


def is_table(item) -> bool:
    return isinstance(item, h5py.Dataset) and item.dtype.names is not None


def attributes_of(item) -> dict:
    """Attributes as Python's own types."""
    return {key: text_of(value.item() if isinstance(value, numpy.generic) else value)
            for key, value in item.attrs.items()}


def text_of(value):
    return value.decode("utf-8") if isinstance(value, bytes) else value


def column_of(values: numpy.ndarray):
    if values.dtype.kind == "S":
        return [value.decode("utf-8") for value in values]
    if values.dtype.kind == "O":
        return [text_of(value) for value in values]
    return list(values) if values.ndim > 1 else values
