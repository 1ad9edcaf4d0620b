"""Brings a workspace file to the version of this package, one transaction a step."""

from __future__ import annotations

from datetime import datetime
from importlib import resources

import duckdb

from datawatch_lab.core.errors import MigrationError
from datawatch_lab.store.sql import fetch_row

_TABLE = """
CREATE SCHEMA IF NOT EXISTS meta;
CREATE TABLE IF NOT EXISTS meta.migrations (
    version INTEGER NOT NULL, name VARCHAR NOT NULL, applied TIMESTAMP NOT NULL
);
"""


def available() -> dict[int, tuple[str, str]]:
    """Version → (file name, SQL) of the migrations in this package, in order, from 1."""
    folder = resources.files("datawatch_lab.store").joinpath("migrations")
    found = sorted(
        (int(entry.name[:4]), entry.name, entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    )
    numbers = [number for number, _, _ in found]
    if numbers != list(range(1, len(found) + 1)):
        raise AssertionError(f"migrations are not numbered 1, 2, 3 …: {numbers}")
    return {number: (name, text) for number, name, text in found}


def migrate(
    con: duckdb.DuckDBPyConnection,
    name: str,
    at: datetime,
    steps: dict[int, tuple[str, str]] | None = None,
) -> int:
    """Apply what is missing; returns the version reached.

    Args:
        con: the file, opened for writing.
        name: of the file, for messages.
        at: when; recorded in ``meta.migrations``.
        steps: version → (name, SQL); those of the package unless given.

    Raises:
        MigrationError: the file is newer than this package, is not a workspace, or a step failed
            (then the file is as it was before that step).
    """
    steps = available() if steps is None else steps
    current = _current(con, name)
    newest = max(steps)
    if current > newest:
        raise MigrationError(
            f"{name} was written by a newer DataWatch Lab: its version is {current}, this one "
            f"reads up to {newest}.",
            hint="Upgrade with: pip install --upgrade datawatch-lab",
            details={"version": current, "supported": newest},
        )
    for version in range(current + 1, newest + 1):
        _apply(con, name, version, steps[version], at)
    return newest


def _current(con: duckdb.DuckDBPyConnection, name: str) -> int:
    """The version of the file, 0 for a new one."""
    ours, tables = fetch_row(
        con,
        "SELECT count(*) FILTER (table_schema = 'meta' AND table_name = 'migrations'), count(*) "
        "FROM information_schema.tables WHERE table_schema <> 'information_schema'",
    )
    if tables and not ours:
        raise MigrationError(
            f"{name} is a DuckDB file but not a DataWatch workspace: it has {tables} tables of "
            "its own and no meta.migrations.",
            hint="Choose another path for the workspace; this file was left as it is.",
        )
    con.execute(_TABLE)
    return int(fetch_row(con, "SELECT coalesce(max(version), 0) FROM meta.migrations")[0])


def _apply(
    con: duckdb.DuckDBPyConnection, name: str, version: int, step: tuple[str, str], at: datetime
) -> None:
    con.begin()
    try:
        con.execute(step[1])
        con.execute(
            "INSERT INTO meta.migrations VALUES (?, ?, ?)",
            [version, step[0], at.replace(tzinfo=None)],
        )
        con.commit()
    except duckdb.Error as error:
        con.rollback()
        raise MigrationError(
            f"{name} could not be brought to version {version}: {error}",
            hint="The file is unchanged. Restore a copy, or report this with the message.",
        ) from error
