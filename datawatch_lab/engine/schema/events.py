"""What the log says of schemas, as events and windows of rows that the stage `schema` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl

from datawatch_lab.core.values import TableInfo
from datawatch_lab.schema.ddl import guess_dialect
from datawatch_lab.schema.presence import Window
from datawatch_lab.schema.reading import Columns, DdlEvent
from datawatch_lab.schema.types import Dialect

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
    """Rows as one window per table: its id, the source of its last row, the window."""
    for part in rows.partition_by("table_id", maintain_order=True):
        texts = part["fields"].unique(maintain_order=True)
        codes = pl.DataFrame({"fields": texts, "code": np.arange(len(texts))})
        code = part.select("fields").join(codes, on="fields", how="left", maintain_order="left")
        fields = [tuple(msgspec.json.decode(text, type=list[str])) for text in texts]
        window = Window(
            part["seq"].to_numpy(), part["at"].to_numpy(), code["code"].to_numpy(), fields
        )
        yield part["table_id"][0], part["source"][-1], window


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
    for part in rows.partition_by("table_id", maintain_order=True):
        kinds = {text: _kinds(text) for text in part["kinds"].unique()}
        listed = [
            (seq, at, kinds[text])
            for seq, at, text in part.select("seq", "at", "kinds").iter_rows()
        ]
        yield part["table_id"][0], listed


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
