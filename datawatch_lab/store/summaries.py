"""Short answers for status pages: counts per table, sources, ledger, quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock

import duckdb
import msgspec

from datawatch_lab.core.storage import QuarantineRow
from datawatch_lab.core.values import LedgerCounts

_NEWER = """
SELECT source, table_id, count(*), count(*) FILTER (op = 'c'),
    min(received), max(received), min(ts), max(ts), max(seq)
FROM changes.log WHERE seq > ? GROUP BY source, table_id
"""
_DROPPED = """
UNION ALL
SELECT source, table_id, events, inserts, first_received, last_received, first_ts, last_ts, last_seq
FROM changes.dropped
"""


class TableCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied to a table, in the log or dropped from it since.

    Attributes:
        events: applied events; inserts: those with op ``c``.
        first_ts, last_ts: oldest and newest event time; last_received: when the newest was
            received. UTC.
    """

    events: int = 0
    inserts: int = 0
    first_ts: datetime | None = None
    last_ts: datetime | None = None
    last_received: datetime | None = None


class SourceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the log holds of a source; the times are None when it has only quarantined rows."""

    name: str
    events: int = 0
    first_received: datetime | None = None
    last_received: datetime | None = None
    last_ts: datetime | None = None


class _Part(msgspec.Struct):
    """Running summary of one (source, table)."""

    events: int = 0
    inserts: int = 0
    first_received: datetime | None = None
    last_received: datetime | None = None
    first_ts: datetime | None = None
    last_ts: datetime | None = None


class LogSummary:
    """Counts per source and table, brought up to date from the rows added since the last question.

    The log is append-only and sorted by seq, so an update reads only its newest row groups; and
    nothing is read when the data version is that of the last question.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._parts: dict[tuple[str, int], _Part] = {}
        self._seq = 0
        self._tables: tuple[int, dict[int, TableCounts]] = (-1, {})

    def known(self, version: int) -> dict[int, TableCounts] | None:
        """What `tables` gave at a data version or later; None when it was not asked since."""
        then, tables = self._tables
        return tables if then >= version else None

    def tables(self, con: duckdb.DuckDBPyConnection, version: int) -> dict[int, TableCounts]:
        """By table id; id 0 holds begin and commit marks.

        Args:
            con: any.
            version: a data version that ``con`` sees.
        """
        merged: dict[int, _Part] = {}
        for (_, table), part in self._updated(con).items():
            _add(merged.setdefault(table, _Part()), part)
        tables = self._counted(merged)
        self._tables = version, tables
        return tables

    @staticmethod
    def _counted(merged: Mapping[int, _Part]) -> dict[int, TableCounts]:
        return {
            table: TableCounts(
                events=part.events,
                inserts=part.inserts,
                first_ts=part.first_ts,
                last_ts=part.last_ts,
                last_received=part.last_received,
            )
            for table, part in sorted(merged.items())
        }

    def sources(self, con: duckdb.DuckDBPyConnection) -> list[SourceSummary]:
        """By name."""
        named = con.execute("SELECT DISTINCT source FROM meta.ledger").fetchall()
        merged = {name: _Part() for (name,) in named}
        for (source, _), part in self._updated(con).items():
            _add(merged.setdefault(source, _Part()), part)
        return [
            SourceSummary(
                name=name,
                events=part.events,
                first_received=part.first_received,
                last_received=part.last_received,
                last_ts=part.last_ts,
            )
            for name, part in sorted(merged.items())
        ]

    def _updated(self, con: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], _Part]:
        with self._lock:
            newer = _NEWER if self._seq else _NEWER + _DROPPED
            for row in con.execute(newer, [self._seq]).fetchall():
                source, table, events, inserts, *times, seq = row
                part = _Part(events, inserts, *(_utc(moment) for moment in times))
                _add(self._parts.setdefault((source, table), _Part()), part)
                self._seq = max(self._seq, seq)
            return {key: msgspec.structs.replace(part) for key, part in self._parts.items()}


def _add(into: _Part, part: _Part) -> None:
    into.events += part.events
    into.inserts += part.inserts
    into.first_received = _earliest(into.first_received, part.first_received)
    into.last_received = _latest(into.last_received, part.last_received)
    into.first_ts = _earliest(into.first_ts, part.first_ts)
    into.last_ts = _latest(into.last_ts, part.last_ts)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def read_ledger(con: duckdb.DuckDBPyConnection) -> Mapping[tuple[str, str], LedgerCounts]:
    """The counts by (source, table), in order of both."""
    rows = con.execute(
        'SELECT source, "table", sum(received)::BIGINT, sum(applied)::BIGINT, '
        "sum(duplicate)::BIGINT, sum(late)::BIGINT, sum(quarantined)::BIGINT "
        "FROM meta.ledger GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return {(row[0], row[1]): LedgerCounts(*row[2:]) for row in rows}


def read_quarantine(
    con: duckdb.DuckDBPyConnection, *, limit: int, ids: Sequence[int], state: str
) -> list[QuarantineRow]:
    """Rows set aside, oldest first; all states when ``state`` is empty, all ids when none given."""
    rows = con.execute(
        'SELECT id, source, "table", kind, reason, line, "offset", raw, received, state '
        "FROM meta.quarantine WHERE (? = '' OR state = ?) "
        "AND (? OR id IN (SELECT unnest(?::BIGINT[]))) ORDER BY id LIMIT ?",
        [state, state, not ids, list(ids), limit],
    ).fetchall()
    return [
        QuarantineRow(
            id=id_,
            source=source,
            table=table,
            kind=kind,
            reason=reason,
            line=line,
            offset=offset,
            raw=bytes(raw),
            received=received.replace(tzinfo=UTC),
            state=stored,
        )
        for id_, source, table, kind, reason, line, offset, raw, received, stored in rows
    ]


def count_quarantine(con: duckdb.DuckDBPyConnection, state: str) -> int:
    """Rows set aside in that state."""
    row = con.execute("SELECT count(*) FROM meta.quarantine WHERE state = ?", [state]).fetchone()
    return int(row[0]) if row else 0
