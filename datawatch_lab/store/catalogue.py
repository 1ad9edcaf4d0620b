"""Tables, measures, series, evidence and progress: how they are kept and read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from datawatch_lab.core.storage import Catalogue, Commit
from datawatch_lab.core.values import (
    Column,
    MeasureDef,
    MeasureKind,
    SeriesDef,
    Stated,
    TableInfo,
)
from datawatch_lab.store.definitions import Defined, drop_custom, load_custom, save_custom
from datawatch_lab.store.measures import KINDS
from datawatch_lab.store.sql import append, fetch_row, run_with

_Labels = tuple[tuple[str, str], ...]


def save_definitions(con: duckdb.DuckDBPyConnection, commit: Commit) -> None:
    """Store what a commit says about tables, measures, series and evidence."""
    if commit.dropped_series:
        _drop_series(con, commit.dropped_series)
    if commit.dropped_measures:
        _drop_measures(con, commit.dropped_measures)
    if commit.tables:
        _replace(con, "meta.tables", "id", _tables_to_arrow(commit.tables))
    if commit.measures:
        _replace(con, "meta.measures", "id", _measures_to_arrow(commit.measures))
        save_custom(con, commit.measures)
    if commit.series:
        _replace(con, "meta.series", "id", _series_to_arrow(commit.series))
    if commit.evidence:
        bodies = {
            "table_id": pa.array(list(commit.evidence), pa.int32()),
            "body": pa.array(list(commit.evidence.values()), pa.binary()),
        }
        _replace(con, "meta.evidence", "table_id", pa.table(bodies))


def save_progress(con: duckdb.DuckDBPyConnection, commit: Commit, version: int) -> None:
    """Append the commit's mark, offsets, watermarks and cursors."""
    rows: list[tuple[str, str, int, str]] = [("commit", "", 0, commit.at.isoformat())]
    rows += [
        ("offset", offset.source, 0, msgspec.json.encode(dict(offset.position)).decode())
        for offset in commit.offsets
    ]
    rows += [
        ("watermark", source, table, moment.isoformat())
        for (source, table), moment in commit.watermarks.items()
    ]
    rows += [("cursor", name, 0, str(seq)) for name, seq in commit.cursors.items()]
    rows += [("ordered", name, 0, "") for name in commit.ordered]
    kinds, names, tables, values = zip(*rows, strict=True)
    append(
        con,
        "meta.progress",
        pa.table(
            {
                "version": pa.array([version] * len(rows), pa.int64()),
                "kind": pa.array(kinds, pa.string()),
                "name": pa.array(names, pa.string()),
                "table_id": pa.array(tables, pa.int32()),
                "value": pa.array(values, pa.string()),
            }
        ),
    )


def load_catalogue(con: duckdb.DuckDBPyConnection) -> Catalogue:
    """What is stored; ``con`` is in a transaction."""
    progress = _load_progress(con)
    (last,) = fetch_row(
        con,
        "SELECT greatest((SELECT coalesce(max(seq), 0) FROM changes.log), "
        "(SELECT coalesce(max(last_seq), 0) FROM changes.dropped))",
    )
    evidence = con.execute("SELECT table_id, body FROM meta.evidence ORDER BY table_id").fetchall()
    return Catalogue(
        tables=load_tables(con),
        measures=_load_measures(con),
        series=_load_series(con),
        offsets={name: msgspec.json.decode(value) for (name, _), value in progress["offset"]},
        watermarks={key: datetime.fromisoformat(value) for key, value in progress["watermark"]},
        evidence={int(table): bytes(body) for table, body in evidence},
        cursors={name: int(value) for (name, _), value in progress["cursor"]},
        ordered=frozenset(name for (name, _), _ in progress["ordered"]),
        last_seq=int(last),
    )


def load_version(con: duckdb.DuckDBPyConnection) -> int:
    """The data version, 0 before the first commit."""
    return int(fetch_row(con, "SELECT coalesce(max(version), 0) FROM meta.progress")[0])


def load_tables(con: duckdb.DuckDBPyConnection) -> list[TableInfo]:
    """All tables in order of id."""
    rows = con.execute(
        'SELECT id, "schema", "table", name, "key", columns, sampled, key_from, stated '
        "FROM meta.tables ORDER BY id"
    ).fetchall()
    return [
        TableInfo(
            id=id_,
            schema=schema,
            table=table,
            name=name,
            key=msgspec.json.decode(key, type=tuple[str, ...]),
            columns=msgspec.json.decode(columns, type=tuple[Column, ...]),
            sampled=sampled,
            key_from=key_from,
            stated=msgspec.json.decode(stated, type=Stated),
        )
        for id_, schema, table, name, key, columns, sampled, key_from, stated in rows
    ]


def _load_measures(con: duckdb.DuckDBPyConnection) -> list[MeasureDef]:
    rows = con.execute("SELECT id, table_id, kind, field FROM meta.measures ORDER BY id").fetchall()
    defined = load_custom(con)
    return [
        _measure(defined.get(id_), id=id_, table_id=table, kind=MeasureKind(kind), field=field)
        for id_, table, kind, field in rows
    ]


def _measure(defined: Defined | None, **known: Any) -> MeasureDef:
    custom, coverage = defined or (None, None)
    return MeasureDef(**known, custom=custom, coverage=coverage)


def _load_series(con: duckdb.DuckDBPyConnection) -> list[SeriesDef]:
    stored = con.execute("SELECT id, measure_id, labels FROM meta.series ORDER BY id").fetchnumpy()
    texts = "[" + ",".join(stored["labels"]) + "]"  # one decode for all
    labels = msgspec.json.decode(texts, type=list[_Labels])
    return [
        SeriesDef(id=id_, measure_id=measure, labels=pairs)
        for id_, measure, pairs in zip(
            stored["id"].tolist(), stored["measure_id"].tolist(), labels, strict=True
        )
    ]


def _load_progress(
    con: duckdb.DuckDBPyConnection,
) -> dict[str, list[tuple[tuple[str, int], str]]]:
    found: dict[str, list[tuple[tuple[str, int], str]]] = {
        "offset": [],
        "watermark": [],
        "cursor": [],
        "ordered": [],
    }
    rows = con.execute(
        "SELECT kind, name, table_id, value FROM meta.progress_now WHERE kind <> 'commit' "
        "ORDER BY kind, name, table_id"
    ).fetchall()
    for kind, name, table, value in rows:
        found[kind].append(((name, table), value))
    return found


def _replace(con: duckdb.DuckDBPyConnection, target: str, key: str, table: pa.Table) -> None:
    """Put rows in the place of those with the same key; of repeated keys the last stands."""
    run_with(con, table, f"DELETE FROM {target} WHERE {key} IN (SELECT {key} FROM given)")
    append(con, target, table)


_STATES = (
    *(table for kind in KINDS for table in (f"measures.new_{kind.table}", *kind.all_settled)),
    "measures.corrections",
    "measures.quantiles",
)


def _drop_series(con: duckdb.DuckDBPyConnection, series: Sequence[int]) -> None:
    gone = pa.table({"id": pa.array(list(series), pa.int32())})
    for table in _STATES:
        run_with(con, gone, f"DELETE FROM {table} WHERE series IN (SELECT id FROM given)")
    run_with(con, gone, "DELETE FROM meta.series WHERE id IN (SELECT id FROM given)")


def _drop_measures(con: duckdb.DuckDBPyConnection, measures: Sequence[int]) -> None:
    ids = pa.table({"id": pa.array(list(measures), pa.int32())})
    con.register("dropped", ids)
    try:
        for table in _STATES:
            con.execute(
                f"DELETE FROM {table} WHERE series IN (SELECT s.id "
                "FROM meta.series s JOIN dropped d ON s.measure_id = d.id)"
            )
        con.execute("DELETE FROM meta.series WHERE measure_id IN (SELECT id FROM dropped)")
        con.execute("DELETE FROM meta.measures WHERE id IN (SELECT id FROM dropped)")
        drop_custom(con, measures)
    finally:
        con.unregister("dropped")


def _unique_by_id(items: Iterable[TableInfo]) -> Mapping[int, TableInfo]:
    return {item.id: item for item in items}


def _tables_to_arrow(tables: Sequence[TableInfo]) -> pa.Table:
    unique = list(_unique_by_id(tables).values())
    return pa.table(
        {
            "id": pa.array([t.id for t in unique], pa.int32()),
            "schema": pa.array([t.schema for t in unique], pa.string()),
            "table": pa.array([t.table for t in unique], pa.string()),
            "name": pa.array([t.name for t in unique], pa.string()),
            "key": pa.array([msgspec.json.encode(t.key).decode() for t in unique], pa.string()),
            "columns": pa.array(
                [msgspec.json.encode(t.columns).decode() for t in unique], pa.string()
            ),
            "sampled": pa.array([t.sampled for t in unique], pa.int64()),
            "key_from": pa.array([t.key_from for t in unique], pa.string()),
            "stated": pa.array(
                [msgspec.json.encode(t.stated).decode() for t in unique], pa.string()
            ),
        }
    )


def _measures_to_arrow(measures: Sequence[MeasureDef]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([m.id for m in measures], pa.int32()),
            "table_id": pa.array([m.table_id for m in measures], pa.int32()),
            "kind": pa.array([m.kind.value for m in measures], pa.string()),
            "field": pa.array([m.field for m in measures], pa.string()),
        }
    )


def _series_to_arrow(series: Sequence[SeriesDef]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([s.id for s in series], pa.int32()),
            "measure_id": pa.array([s.measure_id for s in series], pa.int32()),
            "labels": pa.array(
                [msgspec.json.encode(s.labels).decode() for s in series], pa.string()
            ),
        }
    )
