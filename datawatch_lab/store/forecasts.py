"""Forecasts that were given: kept for a while, and read back to be compared with what happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb
import msgspec
import pyarrow as pa

from datawatch_lab.core.forecasts import Told
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import fetch_row, run_with

MOST = 200_000
"""Steps kept in all; the oldest go first."""

_FIELDS = msgspec.structs.fields(Told)
_NAMES = ", ".join(f'"{each.name}"' for each in _FIELDS)

_ADD = f"""
INSERT INTO meta.forecasts BY NAME
SELECT id::UUID AS id, {_NAMES} FROM given
WHERE id::UUID NOT IN (SELECT id FROM meta.forecasts)
"""

_READ = f"""
SELECT {_NAMES} FROM meta.forecasts
WHERE metric = ? AND scope = ? AND labels = ? AND step = ? AND level = ? AND "at" < ?
ORDER BY "at" DESC, made DESC LIMIT ?
"""

_TRIM = """
DELETE FROM meta.forecasts
WHERE made <= (SELECT made FROM meta.forecasts ORDER BY made DESC LIMIT 1 OFFSET ?)
"""


def save_forecasts(con: duckdb.DuckDBPyConnection, told: Sequence[Told]) -> None:
    """Keep steps of forecasts; those that are there already stay as they are."""
    unique = list({each.id: each for each in told}.values())
    columns = {each.name: [getattr(one, each.name) for one in unique] for each in _FIELDS}
    for name in ("made", "at"):
        naive = [each.astimezone(UTC).replace(tzinfo=None) for each in columns[name]]
        columns[name] = pa.array(naive, pa.timestamp("us"))
    run_with(con, pa.table({"id": [str(each.id) for each in unique], **columns}), _ADD)
    (count,) = fetch_row(con, "SELECT count(*) FROM meta.forecasts")
    if count > MOST:
        con.execute(_TRIM, [MOST * 9 // 10])


def read_forecasts(
    con: duckdb.DuckDBPyConnection, like: Told, before: datetime, limit: int
) -> list[Told]:
    """Steps of a series' past forecasts that are about a time before a moment, newest first.

    Args:
        con: reads.
        like: whose metric, scope, labels, step and level count.
        before: UTC.
        limit: at most this many.
    """
    naive = before.astimezone(UTC).replace(tzinfo=None)
    asked = [like.metric, like.scope, like.labels, like.step, like.level, naive, limit]
    rows = con.execute(_READ, asked).fetchall()
    names = [each.name for each in _FIELDS]
    found = [Told(**dict(zip(names, row, strict=True))) for row in rows]
    return [
        msgspec.structs.replace(
            each, made=each.made.replace(tzinfo=UTC), at=each.at.replace(tzinfo=UTC)
        )
        for each in found
    ]


class ForecastStore(Part):
    """What a workspace keeps of forecasts; any thread may ask and write."""

    def save(self, told: Sequence[Told]) -> None:
        """Keep steps of forecasts; those that are there already stay as they are."""
        with self.writing() as con:
            save_forecasts(con, told)

    def read(self, like: Told, before: datetime, limit: int) -> list[Told]:
        """Steps of a series' past forecasts, newest first; see `store.forecasts`."""
        with self.reading() as con:
            return read_forecasts(con, like, before, limit)
