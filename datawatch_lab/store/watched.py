"""Databases that a workspace watches: how they are kept and read back."""

from __future__ import annotations

import duckdb
import msgspec

from datawatch_lab.core.watching import Watch


def put_watch(con: duckdb.DuckDBPyConnection, watch: Watch) -> None:
    """Store a definition, in place of one of the same name."""
    drop_watch(con, watch.name)
    con.execute(
        "INSERT INTO meta.watched VALUES (?, ?)",
        [watch.name, msgspec.json.encode(watch).decode()],
    )


def drop_watch(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Forget a definition; harmless when there is none."""
    con.execute("DELETE FROM meta.watched WHERE name = ?", [name])


def load_watches(con: duckdb.DuckDBPyConnection) -> list[Watch]:
    """All definitions in order of name."""
    rows = con.execute("SELECT definition FROM meta.watched ORDER BY name").fetchall()
    return [msgspec.json.decode(definition, type=Watch) for (definition,) in rows]
