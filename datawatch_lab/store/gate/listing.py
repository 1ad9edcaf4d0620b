"""SHOW TABLES and DESCRIBE, answered from what is known, not by DuckDB's catalogue."""

from __future__ import annotations

import duckdb
import pyarrow as pa
from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.store.gate.metric_views import columns_of
from datawatch_lab.store.gate.names import Names, sensitive_columns
from datawatch_lab.store.sql import quote_identifier


def show(tree: exp.Show, names: Names) -> pa.Table:
    """Every table and metric: ``schema``, ``name``, ``kind`` (``table``, ``append-only``, …).

    Raises:
        InputError: another SHOW than SHOW TABLES.
    """
    if str(tree.this).upper() not in ("TABLES", "ALL TABLES"):
        raise InputError(
            f"SHOW {str(tree.this).upper()} is not answered.",
            hint="SHOW TABLES lists tables and metrics; DESCRIBE live.orders lists columns.",
        )
    found = names.relations()
    kinds = [
        "metric"
        if each.table is None
        else ("table" if each.table.key else "append-only")
        if each.schema == "live"
        else "changes"
        for each in found
    ]
    return _texts({"schema": [r.schema for r in found], "name": [r.name for r in found]}, kinds)


def _texts(columns: dict[str, list[str]], kinds: list[str]) -> pa.Table:
    return pa.table(
        {name: pa.array(values, pa.string()) for name, values in {**columns, "kind": kinds}.items()}
    )


def describe(con: duckdb.DuckDBPyConnection, table: exp.Table, names: Names) -> pa.Table:
    """The columns of a table or a metric: ``column``, ``type``, ``role``, ``sensitive``."""
    relation = names.find(table.db, table.name)
    if relation.table is None:
        pairs = columns_of(names.workspace.metrics[relation.name])
        roles = {"time": "timestamp", "value": "numeric"}
        hidden: list[str] = []
    else:
        place = f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"
        given = con.execute(f"SELECT * FROM {place} LIMIT 0").description or []
        pairs = [(str(each[0]), str(each[1])) for each in given]
        roles = {column.name: column.role.value for column in relation.table.columns}
        hidden = sensitive_columns(relation.table, [name for name, _ in pairs])
    return pa.table(
        {
            "column": pa.array([name for name, _ in pairs], pa.string()),
            "type": pa.array([type_ for _, type_ in pairs], pa.string()),
            "role": pa.array([roles.get(name, "") for name, _ in pairs], pa.string()),
            "sensitive": pa.array([name in hidden for name, _ in pairs], pa.bool_()),
        }
    )
