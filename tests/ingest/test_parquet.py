"""Parquet files: exact values, declared types, and going on at any row."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.file import FileSource
from datawatch_lab.ingest.sources.parquet import ParquetRows

BERLIN = timezone(timedelta(hours=1))


def read(path: Path, resume: Any = None, **options: Any) -> list[DecodedBatch]:
    """All batches of a file."""
    return list(FileSource(path, **options).batches(resume))


def rows(batches: list[DecodedBatch]) -> list[dict[str, Any]]:
    """All events."""
    return [row for batch in batches for row in batch.events.to_pylist()]


VALUES: dict[str, tuple[pa.Array, Any, str]] = {
    "small": (pa.array([7], pa.int8()), 7, "integer"),
    "large": (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1, "integer"),
    "price": (pa.array([Decimal("12.50")], pa.decimal128(38, 2)), "12.50", "number"),
    "tiny": (pa.array([Decimal("0.0000001")], pa.decimal128(20, 7)), "0.0000001", "number"),
    "double": (pa.array([0.1]), 0.1, "number"),
    "nan": (pa.array([float("nan")]), None, "number"),
    "yes": (pa.array([True]), True, "boolean"),
    "text": (pa.array(['q"\\\n\x01é']), 'q"\\\n\x01é', "text"),
    "word": (pa.array(["new"]).dictionary_encode(), "new", "text"),
    "blob": (pa.array([b"\x01\x02\x03"]), "AQID", "text"),
    "day": (pa.array([date(2018, 6, 20)]), "2018-06-20", "text"),
    "hour": (pa.array([time(15, 13, 16, 945104)]), "15:13:16.945104", "text"),
    "moment": (
        pa.array([datetime(2018, 6, 20, 15, 13, 16, 945104)]),  # noqa: DTZ001 - without a zone
        "2018-06-20T15:13:16.945104Z",
        "text",
    ),
    "zoned": (
        pa.array([datetime(2018, 6, 20, 15, tzinfo=BERLIN)], pa.timestamp("ms", "Europe/Berlin")),
        "2018-06-20T14:00:00Z",
        "text",
    ),
    "took": (pa.array([timedelta(seconds=1.5)], pa.duration("us")), 1_500_000, "integer"),
    "tags": (pa.array([["a", None]]), ["a", None], "json"),
    "at": (pa.array([{"x": 1, "y": [Decimal("1.50")]}]), {"x": 1, "y": ["1.50"]}, "json"),
    "none": (pa.array([None], pa.string()), None, "text"),
}


def test_every_type(tmp_path: Path) -> None:
    """Each type is written as JSON without loss, and declared."""
    path = tmp_path / "things.parquet"
    pq.write_table(pa.table({name: column for name, (column, _, _) in VALUES.items()}), path)
    batches = read(path)
    (row,) = rows(batches)
    assert (row["schema"], row["table"], row["op"], row["line"]) == ("", "things", "c", 1)
    assert json.loads(row["after"]) == {name: value for name, (_, value, _) in VALUES.items()}
    assert batches[0].declared["", "things"].types == {n: t for n, (_, _, t) in VALUES.items()}
    assert batches[0].backfill
    frame = batches[0].rows["", "things"].after.columns
    assert frame["large"].to_list() == [2**64 - 1]


def test_time_and_table(tmp_path: Path) -> None:
    """A time column gives the event time; the user may name table and column."""
    path = tmp_path / "x.bin"
    stamps = pa.array([datetime(2026, 1, 1, tzinfo=UTC)])
    pq.write_table(pa.table({"id": [1], "created_at": stamps, "n": [1_767_225_601]}), path)
    assert rows(read(path))[0]["ts"] == datetime(2026, 1, 1, tzinfo=UTC)
    (row,) = rows(read(path, table="orders", time_column="n"))
    assert (row["table"], row["ts"]) == ("orders", datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC))


def test_reading_goes_on_at_any_row(tmp_path: Path) -> None:
    """Row groups are read in batches; from each position exactly the rows behind it come."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": range(1_000), "same": ["x"] * 1_000}), path, row_group_size=300)
    parts = list(ParquetRows(str(path), "t", batch_rows=128).parts(None, "test"))
    whole = [row for part in parts for row in part.batch.events.to_pylist()]
    assert [row["line"] for row in whole] == list(range(1, 1_001))
    assert len({row["event_id"] for row in whole}) == 1_000
    for part in parts:
        again = ParquetRows(str(path), "t", batch_rows=77).parts(part.position, "test")
        found = [row for each in again for row in each.batch.events.to_pylist()]
        assert found == whole[part.rows :]
    end = {**parts[-1].position, "closed": True}
    assert len(list(ParquetRows(str(path), "t").parts(end, "test"))) > 0
    other = tmp_path / "u.parquet"
    pq.write_table(pa.table({"id": range(10)}), other)
    assert len(rows(read(other, parts[1].position))) == 10


def test_an_empty_table(tmp_path: Path) -> None:
    """A file without rows is read to its end."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.int64())}), path)
    (batch,) = read(path)
    assert batch.received == 0
    assert batch.offset is not None
    assert batch.offset.position["done"] is True


def test_a_damaged_file(tmp_path: Path) -> None:
    """The error says what is wrong and why."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": range(1_000)}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="is not a Parquet file"):
        read(path)
    pq.write_table(pa.table({"id": [1]}), path)
    with pytest.raises(SourceError, match="cannot be followed"):
        read(path, follow=True)
