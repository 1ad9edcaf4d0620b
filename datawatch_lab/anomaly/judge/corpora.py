"""Labelled series from disk: a folder of CSV files, with windows in JSON or a label per row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.core.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Seconds = NDArray[np.int64]

WINDOWS_FILE = "combined_windows.json"


@dataclass(frozen=True)
class Series:
    """One labelled series.

    Attributes:
        name: path below the data folder, with ``.csv``.
        times: UTC seconds since 1970, in file order; may repeat or go back.
        values: float64; NaN where the file has none.
        labels: whether a row is anomalous; rows inside windows where the set has windows.
        windows: first and last row of each labelled window; empty for sets labelled by row.
    """

    name: str
    times: Seconds
    values: Floats
    labels: Bools
    windows: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.values)


def read_corpus(folder: Path) -> list[Series]:
    """All series below ``folder``, sorted by name.

    The folder holds ``data/**/*.csv`` (or the CSV files themselves) with columns timestamp, value
    and, for sets labelled by row, label, in any case. With `WINDOWS_FILE` beside them the labels
    are windows: ``{"dir/file.csv": [[start, end], …]}``, as the Numenta Anomaly Benchmark has them.

    Raises:
        InputError: no series there, or a file that does not look as described.
    """
    below = folder / "data" if (folder / "data").is_dir() else folder
    files = sorted(below.rglob("*.csv"))
    if not files:
        raise InputError(f"{folder}: no CSV files there.", hint="Give the folder that holds data/.")
    windows = _windows(folder)
    return [_read(path, path.relative_to(below).as_posix(), windows) for path in files]


def _windows(folder: Path) -> dict[str, list[list[str]]] | None:
    path = folder / WINDOWS_FILE
    if not path.is_file():
        return None
    found: dict[str, list[list[str]]] = json.loads(path.read_text("utf-8"))
    return found


def _read(path: Path, name: str, windows: dict[str, list[list[str]]] | None) -> Series:
    import polars as pl

    frame = pl.read_csv(path, infer_schema=False)
    frame = frame.rename({column: column.strip().lower() for column in frame.columns})
    wanted = ["timestamp", "value", *([] if windows is not None else ["label"])]
    if lacking := [column for column in wanted if column not in frame.columns]:
        raise InputError(
            f"{path}: no column {', '.join(lacking)}. Columns: {', '.join(frame.columns)}."
        )
    times = _seconds(frame["timestamp"].to_numpy())
    values = frame["value"].cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    if windows is None:
        labels = frame["label"].cast(pl.Float64).fill_null(0).to_numpy() > 0
        return Series(name=name, times=times, values=values, labels=labels)
    spans = tuple(_span(times, span, path) for span in windows.get(name, []))
    labels = np.zeros(len(times), dtype=bool)
    for first, last in spans:
        labels[first : last + 1] = True
    return Series(name=name, times=times, values=values, labels=labels, windows=spans)


def _seconds(texts: NDArray[Any]) -> Seconds:
    """Times such as ``2014-04-01 00:00:00`` or ``2014-04-01T00:00:00Z`` as UTC seconds."""
    plain = [text.strip().removesuffix("Z") for text in texts]
    return np.array(plain, dtype="datetime64[s]").astype(np.int64)


def _span(times: Seconds, span: list[str], path: Path) -> tuple[int, int]:
    """First and last row of a window, whose ends are times of rows."""
    ends = _seconds(np.array([text.split(".")[0] for text in span], dtype=object))
    rows = [np.flatnonzero(times == end) for end in ends]
    if not all(len(found) for found in rows):
        raise InputError(f"{path}: the window {span[0]} … {span[1]} does not end at rows.")
    return int(rows[0][0]), int(rows[1][0])
