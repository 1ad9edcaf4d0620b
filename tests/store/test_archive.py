"""The archive: files that are there whole or not at all, and once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.store.archive import Archive

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def changes(table: str | None, *seqs: int) -> pl.DataFrame:
    """Log rows as retention reads them."""
    rows: list[dict[str, Any]] = [
        {"table_name": table, "seq": seq, "received": AT, "after": f'{{"id": {seq}}}'}
        for seq in seqs
    ]
    return pl.DataFrame(rows)


def states(table: str, month: int, **labels: str | None) -> pl.DataFrame:
    """One state of a level."""
    bucket = datetime(2026, month, 3, tzinfo=UTC)
    row = {"table_name": table, "bucket": bucket, "kind": "changes", "n": 3}
    return pl.DataFrame({**row, **{f"label_{name}": [value] for name, value in labels.items()}})


def test_any_reader_of_parquet_finds_tables_and_days(tmp_path: Path) -> None:
    """Hive partitions; a table's name may hold what a path cannot; marks have no table."""
    archive = Archive(tmp_path, "ab12")
    rows = pl.concat([changes("a/b=c", 1, 2), changes(None, 3)])
    paths = archive.write_changes(rows, 7)
    assert {path.name for path in paths} == {"changes-ab12-00000007.parquet"}
    with duckdb.connect() as con:
        found = con.execute(
            'SELECT "table", day, list(seq ORDER BY seq) FROM read_parquet(?, '
            "hive_partitioning = true, hive_types = {day: DATE}) GROUP BY ALL ORDER BY ALL",
            [f"{tmp_path}/changes/**/*.parquet"],
        ).fetchall()
    assert found == [("(transactions)", AT.date(), [3]), ("a/b=c", AT.date(), [1, 2])]


def test_days_for_fine_levels_and_months_for_coarse_ones(tmp_path: Path) -> None:
    """A label that no row of a file has is no column of it."""
    archive = Archive(tmp_path, "ab12")
    (day,) = archive.write_measures("1m", states("orders", 3, op="c", status=None), 1)
    (month,) = archive.write_measures("1h", states("orders", 3, op="c"), 2)
    assert day.relative_to(tmp_path).parts[1:4] == ("level=1m", "table=orders", "day=2026-03-03")
    assert month.relative_to(tmp_path).parts[3] == "month=2026-03"
    assert pl.read_parquet(day, hive_partitioning=False).columns == [
        "bucket",
        "kind",
        "n",
        "label_op",
    ]


def test_what_an_interrupted_step_left_is_removed(tmp_path: Path) -> None:
    """Only files of that step and workspace, half-written ones too."""
    archive, other = Archive(tmp_path, "ab12"), Archive(tmp_path, "cd34")
    kept = [
        *archive.write_changes(changes("orders", 1), 4),
        *other.write_changes(changes("orders", 1), 5),
    ]
    (left,) = archive.write_changes(changes("orders", 2), 5)
    half = left.with_name("measures-ab12-00000005.parquet.part")
    half.write_bytes(b"PAR1")
    assert archive.begin(5) == 2
    assert not left.exists()
    assert not half.exists()
    assert all(path.exists() for path in kept)
    assert Archive(tmp_path / "nothing yet", "ab12").begin(0) == 0


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """With the path and what to look at."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(WorkspaceError, match=r"taken.*could not be written.*metrics\.archive"):
        Archive(tmp_path / "taken", "ab12").write_changes(changes("orders", 1), 0)
