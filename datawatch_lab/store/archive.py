"""Archives: what retention drops, as Parquet files that any reader opens.

Folders are those of Hive partitions: ``changes/table=orders/day=2026-03-01`` and
``measures/level=1m/table=orders/day=2026-03-01`` (months for the levels 1h and 1d). A file is named
after its workspace and the step that made it. It is complete and on the disk before what it holds
is deleted; the step's number grows in the transaction that deletes. So files of a step that was
interrupted have the number of the step that comes next, and are removed before it runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow.parquet as pq

from datawatch_lab.core.errors import WorkspaceError

_UNNAMED = "(transactions)"


class Archive:
    """A folder of Parquet files that several workspaces may share.

    Args:
        folder: made when the first file is written.
        workspace: name of the workspace in file names.
    """

    def __init__(self, folder: Path, workspace: str) -> None:
        self.folder = folder
        self.workspace = workspace

    def begin(self, step: int) -> int:
        """Remove what an interrupted step of that number left; returns files removed."""
        left = [
            path
            for pattern in (f"*-{self._name(step)}.parquet", f"*-{self._name(step)}.parquet.part")
            for path in self.folder.rglob(pattern)
        ]
        for path in left:
            path.unlink()
        return len(left)

    def write_changes(self, rows: pl.DataFrame, step: int) -> list[Path]:
        """Write raw changes (log columns and ``table_name``) by table and day of receipt."""
        marked = rows.with_columns(
            pl.col("table_name").fill_null(_UNNAMED),
            pl.col("received").dt.strftime("%Y-%m-%d").alias("day"),
        )
        return [
            self._write(
                Path("changes", f"table={_safe(table)}", f"day={day}"), part, "changes", step
            )
            for table, day, part in _parts(marked, "table_name", "day")
        ]

    def write_measures(self, level: str, rows: pl.DataFrame, step: int) -> list[Path]:
        """Write merged states of a level, one row a bucket and series.

        Args:
            level: name of the level.
            rows: ``table_name``, ``bucket``, and what belongs to the state; labels are columns.
            step: number of the step.
        """
        name, form = ("month", "%Y-%m") if level in ("1h", "1d") else ("day", "%Y-%m-%d")
        marked = rows.with_columns(pl.col("bucket").dt.strftime(form).alias(name))
        return [
            self._write(
                Path("measures", f"level={level}", f"table={_safe(table)}", f"{name}={period}"),
                part.select(col for col in part.columns if not _is_empty_label(part, col)),
                "measures",
                step,
            )
            for table, period, part in _parts(marked, "table_name", name)
        ]

    def _name(self, step: int) -> str:
        return f"{self.workspace}-{step:08d}"

    def _write(self, place: Path, rows: pl.DataFrame, what: str, step: int) -> Path:
        """Write one file so that it is there whole or not at all."""
        folder = self.folder / place
        path = folder / f"{what}-{self._name(step)}.parquet"
        part = path.with_name(path.name + ".part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows.to_arrow(), part, compression="zstd")
            _sync(part)
            part.replace(path)
            for each in (folder, *folder.parents[: len(place.parts)]):
                _sync(each)
        except OSError as error:
            raise WorkspaceError(
                f"{path} could not be written: {error.strerror or error}.",
                hint="Nothing was dropped. Check the folder of metrics.archive and its disk.",
            ) from error
        return path


def _parts(rows: pl.DataFrame, *names: str) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Rows by the values of two columns, which name the folder and are left out of the file."""
    for (first, second), part in rows.group_by(*names, maintain_order=True):
        yield str(first), str(second), part.drop(names)


def _is_empty_label(rows: pl.DataFrame, column: str) -> bool:
    return column.startswith("label_") and rows[column].null_count() == rows.height


def _safe(name: str) -> str:
    """A name as a part of a path, as Hive writes it: percent signs and two hexadecimal digits."""
    return quote(name, safe=" ()") or "_"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
