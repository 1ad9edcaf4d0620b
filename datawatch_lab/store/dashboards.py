"""Dashboards and their versions: a change and the version that it makes are stored together."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import msgspec

from datawatch_lab.core.dashboards import Dashboard
from datawatch_lab.core.dashboards.versions import Version
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import fetch_row

KEPT = 200
"""Versions of a dashboard that are kept; the oldest go first."""

_VERSION = "after_seq, dashboard, version, moment, who, what, words"


def store_dashboard(
    con: duckdb.DuckDBPyConnection,
    change: Version,
    document: Dashboard | None,
    *,
    replaces: int = 0,
) -> None:
    """Store a change and its version, in the caller's transaction.

    Args:
        con: writes.
        change: the control entry.
        document: of the version; None when the dashboard is dropped.
        replaces: number of a version that this one stands in for; 0 for none.
    """
    text = None if document is None else msgspec.json.encode(document).decode()
    con.execute("DELETE FROM meta.dashboards WHERE id = ?", [change.dashboard])
    if text is not None:
        con.execute("INSERT INTO meta.dashboards VALUES (?, ?)", [change.dashboard, text])
    if replaces:
        con.execute(
            "DELETE FROM meta.dashboard_changes WHERE dashboard = ? AND version = ?",
            [change.dashboard, replaces],
        )
    (number,) = fetch_row(con, "SELECT coalesce(max(number), 0) + 1 FROM meta.dashboard_changes")
    moment = change.at.astimezone(UTC).replace(tzinfo=None)
    con.execute(
        "INSERT INTO meta.dashboard_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            number,
            change.after_seq,
            change.dashboard,
            change.version,
            moment,
            change.who,
            change.what,
            change.words,
            text,
        ],
    )
    con.execute(
        "DELETE FROM meta.dashboard_changes WHERE dashboard = $1 AND number <= "
        "(SELECT number FROM meta.dashboard_changes WHERE dashboard = $1 "
        "ORDER BY number DESC LIMIT 1 OFFSET $2)",
        [change.dashboard, KEPT],
    )


def load_dashboards(con: duckdb.DuckDBPyConnection) -> list[Dashboard]:
    """All dashboards as they are."""
    rows = con.execute("SELECT document FROM meta.dashboards").fetchall()
    return [msgspec.json.decode(text, type=Dashboard) for (text,) in rows]


def read_dashboard_versions(con: duckdb.DuckDBPyConnection, dashboard: str) -> list[Version]:
    """Changes of a dashboard, newest first; of all dashboards for ''. [] for none."""
    rows = con.execute(
        f"SELECT {_VERSION} FROM meta.dashboard_changes "
        "WHERE $1 = '' OR dashboard = $1 ORDER BY number DESC",
        [dashboard],
    ).fetchall()
    return [_version(row) for row in rows]


def read_version(con: duckdb.DuckDBPyConnection, dashboard: str, version: int) -> Dashboard | None:
    """A dashboard as of a version; None when that is not kept."""
    rows = con.execute(
        "SELECT document FROM meta.dashboard_changes "
        "WHERE dashboard = ? AND version = ? AND document IS NOT NULL",
        [dashboard, version],
    ).fetchall()
    return msgspec.json.decode(rows[0][0], type=Dashboard) if rows else None


def _version(row: tuple[int, str, int, datetime, str, str, str]) -> Version:
    seq, dashboard, version, moment, who, what, words = row
    return Version(
        dashboard=dashboard,
        version=version,
        at=moment.replace(tzinfo=UTC),
        who=who,
        what=what,  # type: ignore[arg-type]  # stored as one of them
        words=words,
        after_seq=seq,
    )


class DashboardStore(Part):
    """What a workspace keeps of dashboards; any thread may ask and write."""

    def store(self, change: Version, document: Dashboard | None, *, replaces: int = 0) -> None:
        """Store a change of a dashboard and its version in one transaction."""
        with self.writing() as con:
            store_dashboard(con, change, document, replaces=replaces)

    def all(self) -> list[Dashboard]:
        """All dashboards as they are."""
        with self.reading() as con:
            return load_dashboards(con)

    def versions(self, dashboard: str) -> list[Version]:
        """Changes of a dashboard, newest first; of all for ''."""
        with self.reading() as con:
            return read_dashboard_versions(con, dashboard)

    def version(self, dashboard: str, version: int) -> Dashboard | None:
        """A dashboard as of a version; None when that is not kept."""
        with self.reading() as con:
            return read_version(con, dashboard, version)
