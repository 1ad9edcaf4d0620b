"""Databases that a workspace watches: how they are kept and read back."""

from __future__ import annotations

import duckdb
import msgspec

from datawatch_lab.core.watching import Watch
from datawatch_lab.store.part import Part


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


class WatchStore(Part):
    """The sources that a workspace follows; any thread may ask and write."""

    def all(self) -> list[Watch]:
        """Databases that are watched, in order of name."""
        with self.reading() as con:
            return load_watches(con)

    def put(self, watch: Watch) -> None:
        """Keep a database that is watched, in place of one of the same name."""
        with self.writing() as con:
            put_watch(con, watch)

    def drop(self, name: str) -> None:
        """Forget one; harmless when there is none."""
        with self.writing() as con:
            drop_watch(con, name)
