"""Data quality: how rules, counts, states and violations are kept and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import msgspec
import polars as pl
import pyarrow as pa

from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.quality_results import Outcome, Violation
from datawatch_lab.store.part import Part
from datawatch_lab.store.quality_ages import compact
from datawatch_lab.store.sql import append, fetch_arrow, fetch_row, run_with

MOST_VIOLATIONS = 1_000
"""Violations kept of a rule: the newest; its counts stay complete."""

_OF_RULE = ("counts", "verdicts", "states", "bins", "held", "orphans", "cells", "violations")


def write_outcome(con: duckdb.DuckDBPyConnection, outcome: Outcome) -> None:
    """Store what an evaluation changes, in the caller's transaction."""
    append(con, "quality.counts", outcome.counts)
    append(con, "quality.states", outcome.states)
    append(con, "quality.bins", outcome.bins)
    if outcome.verdicts.num_rows:
        run_with(
            con,
            outcome.verdicts,
            "DELETE FROM quality.verdicts v USING given g "
            "WHERE v.rule = g.rule AND v.bucket = g.bucket",
        )
        append(con, "quality.verdicts", outcome.verdicts)
    _write_held(con, outcome)
    append(con, "quality.orphans", outcome.orphans)
    if outcome.settled:
        _with_ids(con, outcome.settled, "DELETE FROM quality.orphans WHERE id IN ({})")
    _write_violations(con, outcome)
    for (rule, name), body in outcome.cells.items():
        con.execute("DELETE FROM quality.cells WHERE rule = ? AND name = ?", [rule, name])
        con.execute("INSERT INTO quality.cells VALUES (?, ?, ?)", [rule, name, body])
    if outcome.cursor is not None:
        con.execute("DELETE FROM quality.cursor")
        con.execute("INSERT INTO quality.cursor VALUES (?)", [outcome.cursor])


def _write_held(con: duckdb.DuckDBPyConnection, outcome: Outcome) -> None:
    for rule in outcome.emptied:
        con.execute("DELETE FROM quality.held WHERE rule = ?", [rule])
    if outcome.released.num_rows:
        run_with(
            con,
            outcome.released,
            "DELETE FROM quality.held h USING given g "
            "WHERE h.k_lo = g.k_lo AND h.k_hi = g.k_hi AND h.rule = g.rule",
        )
    append(con, "quality.held", outcome.held)


def _write_violations(con: duckdb.DuckDBPyConnection, outcome: Outcome) -> None:
    if outcome.violations.num_rows:
        names = outcome.violations.column_names
        listed = ", ".join(f'"{name}"' for name in names)
        run_with(
            con,
            outcome.violations,
            f"INSERT INTO quality.violations ({listed}) SELECT {listed} FROM given g "
            "WHERE NOT EXISTS (SELECT 1 FROM quality.violations v WHERE v.id = g.id)",
        )
        rules = sorted(set(outcome.violations.column("rule").to_pylist()))
        con.execute(
            "DELETE FROM quality.violations WHERE rule IN (SELECT unnest(?::VARCHAR[])) AND id IN ("
            'SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY rule ORDER BY "at" DESC, '
            "seq DESC, id) AS n FROM quality.violations "
            "WHERE rule IN (SELECT unnest(?::VARCHAR[]))) WHERE n > ?)",
            [rules, rules, MOST_VIOLATIONS],
        )
    if outcome.withdrawn:
        _with_ids(
            con,
            outcome.withdrawn,
            "UPDATE quality.violations SET state = 'withdrawn' "
            "WHERE state <> 'withdrawn' AND id IN ({})",
        )


def _with_ids(con: duckdb.DuckDBPyConnection, ids: Sequence[str], sql: str) -> None:
    given = pa.table({"id": pa.array(list(ids), pa.string())})
    run_with(con, given, sql.format("SELECT id FROM given"))


def put_rule(con: duckdb.DuckDBPyConnection, stored: StoredRule) -> None:
    """Keep a rule, in place of one of the same id."""
    con.execute("DELETE FROM quality.rules WHERE id = ?", [stored.id])
    con.execute(
        "INSERT INTO quality.rules VALUES (?, ?, ?, ?, ?)",
        [
            stored.id,
            msgspec.json.encode(stored.rule).decode(),
            stored.origin,
            stored.created.astimezone(UTC).replace(tzinfo=None),
            stored.since,
        ],
    )


def drop_rule(con: duckdb.DuckDBPyConnection, rule: str, *, keep: bool = False) -> None:
    """Forget what a rule counted, and the rule itself unless it is kept."""
    for table in _OF_RULE:
        con.execute(f"DELETE FROM quality.{table} WHERE rule = ?", [rule])
    if not keep:
        con.execute("DELETE FROM quality.rules WHERE id = ?", [rule])


def load_rules(con: duckdb.DuckDBPyConnection) -> list[StoredRule]:
    """All rules, oldest first."""
    rows = con.execute(
        "SELECT id, definition, origin, created, since FROM quality.rules ORDER BY created, id"
    ).fetchall()
    return [
        StoredRule(
            id=id_,
            rule=msgspec.json.decode(definition, type=Rule),
            origin=origin,
            created=created.replace(tzinfo=UTC),
            since=since,
        )
        for id_, definition, origin, created, since in rows
    ]


def load_cells(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """Small states by (rule, name)."""
    rows = con.execute("SELECT rule, name, body FROM quality.cells").fetchall()
    return {(rule, name): body for rule, name, body in rows}


def load_cursor(con: duckdb.DuckDBPyConnection) -> int | None:
    """Sequence number up to which events are evaluated; None before the first evaluation."""
    found = con.execute("SELECT max(seq) FROM quality.cursor").fetchone()
    return None if found is None or found[0] is None else int(found[0])


def read_held(
    con: duckdb.DuckDBPyConnection, rule: str, values: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """Pairs of a rule that have to do with some values or rows: v_hi, v_lo, k_hi, k_lo."""
    parts = []
    for names, wanted in ((("v_lo", "v_hi"), values), (("k_lo", "k_hi"), rows)):
        if not wanted.height:
            continue
        con.register("wanted", wanted.select(*names).unique().to_arrow())
        try:
            low, high = names
            parts.append(
                pl.DataFrame(
                    fetch_arrow(
                        con,
                        "SELECT h.v_hi, h.v_lo, h.k_hi, h.k_lo FROM quality.held h "
                        f"SEMI JOIN wanted w ON h.{low} = w.{low} AND h.{high} = w.{high} "
                        "WHERE h.rule = ?",
                        [rule],
                    )
                )
            )
        finally:
            con.unregister("wanted")
    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(("v_hi", "v_lo", "k_hi", "k_lo"), pl.Int64))
    return pl.concat(parts).unique()


def read_counts(
    con: duckdb.DuckDBPyConnection, start: datetime, end: datetime, width: timedelta | None
) -> pl.DataFrame:
    """Counts over [start, end): rule, bucket, rows, failed.

    Buckets are ``width`` wide from the start on; without a width there is one, the start.
    """
    micros = 0 if width is None else width // timedelta(microseconds=1)
    begin, stop = (each.astimezone(UTC).replace(tzinfo=None) for each in (start, end))
    step = (
        "?::TIMESTAMP"
        if not micros
        else (
            "?::TIMESTAMP + to_microseconds((epoch_us(bucket) - epoch_us(?::TIMESTAMP)) // ? * ?)"
        )
    )
    values: list[object] = [begin] if not micros else [begin, begin, micros, micros]
    found = pl.DataFrame(
        fetch_arrow(
            con,
            f"SELECT rule, {step} AS bucket, sum(rows)::BIGINT AS rows, "
            "sum(failed)::BIGINT AS failed "
            "FROM (SELECT rule, bucket, rows, failed FROM quality.counts UNION ALL "
            "SELECT rule, bucket, rows, failed FROM quality.verdicts) "
            "WHERE bucket >= ? AND bucket < ? GROUP BY ALL ORDER BY ALL",
            [*values, begin, stop],
        )
    )
    return found.with_columns(pl.col("bucket").dt.replace_time_zone("UTC"))


def read_windows(
    con: duckdb.DuckDBPyConnection, rule: str, start: datetime, end: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """States of a rule over [start, end): one row of n, sum, squares; bins as bin, n ascending."""
    span = [each.astimezone(UTC).replace(tzinfo=None) for each in (start, end)]
    where = "WHERE rule = ? AND bucket >= ? AND bucket < ?"
    moments = fetch_arrow(
        con,
        "SELECT coalesce(sum(n), 0)::BIGINT AS n, coalesce(sum(sum), 0) AS sum, "
        f"coalesce(sum(squares), 0) AS squares FROM quality.states {where}",
        [rule, *span],
    )
    bins = fetch_arrow(
        con,
        f"SELECT bin, sum(n)::BIGINT AS n FROM quality.bins {where} GROUP BY bin ORDER BY bin",
        [rule, *span],
    )
    return pl.DataFrame(moments), pl.DataFrame(bins)


def read_orphans(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """References that wait for their parent."""
    return pl.DataFrame(fetch_arrow(con, "SELECT * FROM quality.orphans ORDER BY seq", []))


@dataclass(frozen=True)
class ViolationsAsked:
    """Which violations; '' and None mean any. ``id`` may be the beginning of one."""

    rules: Sequence[str] | None = None
    state: str = "open"
    start: datetime | None = None
    end: datetime | None = None
    id: str = ""
    limit: int = 100


def read_violations(
    con: duckdb.DuckDBPyConnection, asked: ViolationsAsked
) -> tuple[list[Violation], int]:
    """Violations, newest first, and how many there are without the limit."""
    parts, values = ["true"], list[object]()
    if asked.rules is not None:
        parts.append("rule IN (SELECT unnest(?::VARCHAR[]))")
        values.append(list(asked.rules))
    for text, value in (("state = ?", asked.state), ("starts_with(id, ?)", asked.id)):
        if value:
            parts.append(text)
            values.append(value)
    for text, moment in (('"at" >= ?', asked.start), ('"at" < ?', asked.end)):
        if moment is not None:
            parts.append(text)
            values.append(moment.astimezone(UTC).replace(tzinfo=None))
    where = f"FROM quality.violations WHERE {' AND '.join(parts)}"
    (count,) = fetch_row(con, f"SELECT count(*) {where}", values)
    rows = con.execute(
        'SELECT id, rule, table_id, seq, "at", found, "key", "row", "value", words, state, "by", '
        f'acted {where} ORDER BY "at" DESC, seq DESC, id LIMIT ?',
        [*values, asked.limit],
    ).fetchall()
    return [_violation(row) for row in rows], int(count)


def _violation(row: tuple[object, ...]) -> Violation:
    id_, rule, table, seq, at, found, key, image, value, words, state, by, acted = row
    return Violation(
        id=str(id_),
        rule=str(rule),
        table_id=int(str(table)),
        seq=int(str(seq)),
        at=_utc(at),
        found=_utc(found),
        key=msgspec.json.decode(str(key), type=dict),
        row=msgspec.json.decode(str(image), type=dict),
        value="" if value is None else str(value),
        words=str(words),
        state=str(state),
        by=str(by),
        acted=None if acted is None else _utc(acted),
    )


def _utc(moment: object) -> datetime:
    assert isinstance(moment, datetime)  # noqa: S101 — for the type checker; the column says so
    return moment.replace(tzinfo=UTC)


def acknowledge(con: duckdb.DuckDBPyConnection, ids: Sequence[str], by: str, at: datetime) -> None:
    """Note that somebody has seen open violations."""
    con.execute(
        "UPDATE quality.violations SET state = 'acknowledged', \"by\" = ?, acted = ? "
        "WHERE state = 'open' AND id IN (SELECT unnest(?::VARCHAR[]))",
        [by, at.astimezone(UTC).replace(tzinfo=None), list(ids)],
    )


class QualityStore(Part):
    """What a workspace keeps of data quality; any thread may ask and write."""

    def store(
        self,
        outcome: Outcome,
        *,
        rules: Sequence[StoredRule] = (),
        anew: Sequence[str] = (),
        dropped: Sequence[str] = (),
    ) -> None:
        """Store an outcome, with rules that begin; all of it or nothing.

        Args:
            outcome: what an evaluation changes.
            rules: new or changed.
            anew: ids of rules whose counts are forgotten first.
            dropped: ids of rules that go.
        """
        with self.writing() as con:
            for each in anew:
                drop_rule(con, each, keep=True)
            for each in dropped:
                drop_rule(con, each)
            for rule in rules:
                put_rule(con, rule)
            write_outcome(con, outcome)

    def rules(self) -> list[StoredRule]:
        """All rules, oldest first."""
        with self.reading() as con:
            return load_rules(con)

    def cells(self) -> Mapping[tuple[str, str], str]:
        """Small states by (rule, name)."""
        with self.reading() as con:
            return load_cells(con)

    def cursor(self) -> int | None:
        """Sequence number up to which events are evaluated."""
        with self.reading() as con:
            return load_cursor(con)

    def held(self, rule: str, values: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """See `read_held`."""
        with self.reading() as con:
            return read_held(con, rule, values, rows)

    def counts(self, start: datetime, end: datetime, width: timedelta | None) -> pl.DataFrame:
        """See `read_counts`."""
        with self.reading() as con:
            return read_counts(con, start, end, width)

    def windows(
        self, rule: str, start: datetime, end: datetime
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """See `read_windows`."""
        with self.reading() as con:
            return read_windows(con, rule, start, end)

    def orphans(self) -> pl.DataFrame:
        """References that wait for their parent."""
        with self.reading() as con:
            return read_orphans(con)

    def violations(self, asked: ViolationsAsked) -> tuple[list[Violation], int]:
        """See `read_violations`."""
        with self.reading() as con:
            return read_violations(con, asked)

    def acknowledge(self, ids: Sequence[str], by: str, at: datetime) -> None:
        """See `acknowledge`."""
        with self.writing() as con:
            acknowledge(con, ids, by, at)

    def compact(self, now: datetime) -> int:
        """See `compact`."""
        with self.writing() as con:
            return compact(con, now)
