"""What the log says of schemas, as events and windows of rows that the stage `schema` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.values import TableInfo
from datawatch_lab.schema.ddl import guess_dialect
from datawatch_lab.schema.presence import Window
from datawatch_lab.schema.reading import Columns, DdlEvent
from datawatch_lab.schema.types import Dialect

Ints = NDArray[np.int64]

_MYSQL = ("file", "gtid", "pos", "binlog")
_NOTHING: Mapping[str, Any] = {}


def ddl_event(row: Mapping[str, Any], table: TableInfo | None) -> DdlEvent:
    """An event that tells of DDL, from its row of the log."""
    extra = _object(row["extra"])
    metadata = _dict(extra.get("metadata"))
    text = str(extra.get("ddl_command") or "")
    shown = _dict(_dict(extra.get("table_change")).get("table"))
    key = shown.get("primaryKeyColumnNames")
    return DdlEvent(
        seq=row["seq"],
        schema=table.schema if table else "",
        table=table.table if table else "",
        at=row["ts"],
        source=row["source"],
        scope=str(row["txid"] or row["event_id"]),
        text=text,
        dialect=_dialect(metadata, _object(row["position"]), text),
        inferred=extra.get("inferred") is True,
        columns=_columns(extra.get("columns"), shown.get("columns")),
        was=_was(extra.get("changes")),
        key=tuple(map(str, key)) if isinstance(key, list) else None,
        describes=str(metadata.get("snapshot", "")).lower() in ("true", "first", "last"),
        by=str(metadata.get("by") or ""),
    )


def _object(text: str | None) -> Mapping[str, Any]:
    return _dict(msgspec.json.decode(text)) if text else _NOTHING


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def _dialect(metadata: Mapping[str, Any], position: Mapping[str, Any], text: str) -> Dialect:
    """As it is said, else by the position that the source has, else by the text."""
    said = f"{metadata.get('dialect', '')} {metadata.get('connector', '')}".lower()
    if "mysql" in said or "mariadb" in said:
        return "mysql"
    if "postgres" in said or "lsn" in position:
        return "postgres"
    return "mysql" if any(name in position for name in _MYSQL) else guess_dialect(text)


def _columns(listed: object, shown: object) -> Columns | None:
    """Columns as PostgreSQL's stream lists them, or as a Debezium schema change shows them."""
    if isinstance(listed, list):
        pairs = [_dict(each) for each in listed]
        return tuple((str(each.get("name")), str(each.get("type") or "")) for each in pairs)
    if isinstance(shown, list):
        return tuple((str(_dict(e).get("name")), _type(_dict(e))) for e in shown)
    return None


def _type(column: Mapping[str, Any]) -> str:
    """The type of a column of a Debezium schema change, with length and scale."""
    name = str(column.get("typeExpression") or column.get("typeName") or "")
    length, scale = column.get("length"), column.get("scale")
    if "(" in name or length is None:
        return name
    plain = name.split("(", maxsplit=1)[0].lower()
    if plain in ("varchar", "char", "bpchar", "character varying"):
        return f"{name}({length})"
    if plain in ("decimal", "numeric") and scale is not None:
        return f"{name}({length},{scale})"
    return name


def _was(changes: object) -> Columns:
    """Types before, of columns that PostgreSQL's stream tells as retyped."""
    if not isinstance(changes, list):
        return ()
    each = (_dict(change) for change in changes)
    return tuple(
        (str(c["name"]), str(c["was"]))
        for c in each
        if c.get("change") in ("retyped", "dropped") and c.get("name") and c.get("was")
    )


def windows(rows: pl.DataFrame) -> Iterator[tuple[int, str, Window]]:
    """Rows as one window per table: its id, the source of its last row, the window.

    Args:
        rows: table_id, seq, at, source and fields (a JSON list of names), in order of seq.
    """
    if not rows.height:
        return
    texts = rows["fields"].unique(maintain_order=True)
    names = [tuple(msgspec.json.decode(text, type=list[str])) for text in texts]
    codes = pl.DataFrame({"fields": texts, "code": np.arange(len(texts))})
    found = rows.select("fields").join(codes, on="fields", how="left", maintain_order="left")
    code, seq, at = found["code"].to_numpy(), rows["seq"].to_numpy(), rows["at"].to_numpy()
    for table_id, places in _by_table(rows["table_id"].to_numpy()):
        own, fields = _numbered(code[places])
        window = Window(seq[places], at[places], own, [names[each] for each in fields])
        yield table_id, rows["source"][int(places[-1])], window


def _by_table(ids: Ints) -> list[tuple[int, Ints]]:
    """Places of the rows of each table, tables in order of their first row."""
    order = np.argsort(ids, kind="stable")
    starts = np.flatnonzero(np.diff(ids[order])) + 1
    parts = sorted(np.split(order, starts), key=lambda each: int(each[0]))
    return [(int(ids[part[0]]), part) for part in parts]


def _numbered(codes: Ints) -> tuple[Ints, list[int]]:
    """Codes numbered anew from 0 in order of appearance, and which each number stands for."""
    used, first, place = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[place], used[order].tolist()


_KINDS = {
    "NULL": "",
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
    "DOUBLE": "number",
    "BIGINT": "integer",
    "UBIGINT": "integer",
    "HUGEINT": "integer",
    "UHUGEINT": "integer",
}


def samples(rows: pl.DataFrame) -> Iterator[tuple[int, list[tuple[int, int, Mapping[str, str]]]]]:
    """Kinds of values as one list per table: sequence number, time and kind by column."""
    kinds = {text: _kinds(text) for text in rows["kinds"].unique()}
    listed: dict[int, list[tuple[int, int, Mapping[str, str]]]] = {}
    for table_id, seq, at, text in rows.select("table_id", "seq", "at", "kinds").iter_rows():
        listed.setdefault(table_id, []).append((seq, at, kinds[text]))
    yield from listed.items()


def _kinds(text: str) -> Mapping[str, str]:
    """Kind of value by field, from DuckDB's description of a JSON object."""
    found = _dict(msgspec.json.decode(text))
    return {
        name: _KINDS.get(kind, "text") if isinstance(kind, str) else "json"
        for name, kind in found.items()
    }


def kind_of(types: set[str]) -> str:
    """The kind of values of some JSON types; '' for none or several.

    >>> kind_of({"UBIGINT", "BIGINT"}), kind_of({"ARRAY"}), kind_of({"VARCHAR", "DOUBLE"})
    ('integer', 'json', '')
    """
    kinds = {_KINDS.get(each, "json") for each in types} - {""}
    return kinds.pop() if len(kinds) == 1 else ""
