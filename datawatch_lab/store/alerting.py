"""Alerts: rules, states, alerts and what is told of them; each change in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import duckdb
import msgspec
import pyarrow as pa

from datawatch_lab.core.alerting import (
    Alert,
    AlertSettings,
    Attempt,
    Delivery,
    Happening,
    Labels,
    Notice,
    Silence,
    Standing,
    StoredRule,
)
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import run_with

Item = TypeVar("Item")
InstanceKey = tuple[str, Labels]


@dataclass
class AlertChange:
    """What is stored together.

    Attributes:
        standings: by rule id and labels.
        alerts, notices, deliveries: new, or in place of those of the same id.
        attempts, happenings: added.
        cursors: end of the last evaluated window, by what is evaluated together.
    """

    rules: list[StoredRule] = field(default_factory=list)
    dropped_rules: list[str] = field(default_factory=list)
    standings: dict[InstanceKey, Standing] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    cursors: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class AlertState:
    """What an engine goes on from.

    Attributes:
        alerts: open ones, and those that something waits to be told of.
        told: when a channel was last told of an open alert or a silence, by (subject, channel).
        last_of_group: when the last message of a group was made, by (channel, group).
    """

    rules: list[StoredRule]
    standings: dict[InstanceKey, Standing]
    alerts: list[Alert]
    waiting: list[Notice]
    deliveries: list[Delivery]
    silences: list[Silence]
    cursors: dict[str, datetime]
    told: dict[tuple[str, str], datetime]
    last_of_group: dict[tuple[str, str], datetime]


Trace = tuple[list[Happening], list[Notice], list[Delivery], list[Attempt]]


def write_alerts(con: duckdb.DuckDBPyConnection, change: AlertChange) -> None:
    """Run the statements of a change in the caller's transaction."""
    if change.dropped_rules:
        gone = [list(change.dropped_rules)]
        con.execute("DELETE FROM meta.alert_rules WHERE id IN (SELECT unnest($1))", gone)
        con.execute("DELETE FROM meta.alert_standings WHERE rule IN (SELECT unnest($1))", gone)
    _put(con, "alert_rules", ("id",), [(each.id, _text(each)) for each in change.rules])
    standings = [(id_, _text(labels), _text(s)) for (id_, labels), s in change.standings.items()]
    _put(con, "alert_standings", ("rule", "labels"), standings)
    _put(con, "alerts", ("id",), [_alert(each) for each in change.alerts])
    notices = [(n.id, n.subject, n.delivery, n.state, _text(n)) for n in change.notices]
    _put(con, "alert_notices", ("id",), notices)
    deliveries = [(d.id, d.state, _text(d)) for d in change.deliveries]
    _put(con, "alert_deliveries", ("id",), deliveries)
    attempts = [(a.delivery, a.number, _text(a)) for a in change.attempts]
    _put(con, "alert_attempts", ("delivery", "number"), attempts)
    steps = [(h.rule_id, h.alert, _naive(h.at), _text(h)) for h in change.happenings]
    _put(con, "alert_happenings", (), steps)
    _put(con, "alert_silences", ("id",), [(each.id, _text(each)) for each in change.silences])
    _put(con, "alert_cursors", ("name",), [(n, _naive(at)) for n, at in change.cursors.items()])


def prune_alerts(con: duckdb.DuckDBPyConnection, before: datetime) -> None:
    """Drop what is over since before a moment, and what was told of it; what waits stays."""
    edge = [_naive(before)]
    con.execute(
        "DELETE FROM meta.alerts WHERE NOT is_open AND fired < $1 AND "
        "(document->>'resolved')::TIMESTAMPTZ < timezone('UTC', $1) AND id NOT IN "
        "(SELECT subject FROM meta.alert_notices WHERE state = 'waiting')",
        edge,
    )
    con.execute("DELETE FROM meta.alert_happenings WHERE moment < ?", edge)
    con.execute(
        "DELETE FROM meta.alert_silences WHERE "
        "(document->>'ends')::TIMESTAMPTZ < timezone('UTC', ?::TIMESTAMP)",
        edge,
    )
    con.execute(
        "DELETE FROM meta.alert_notices WHERE state <> 'waiting' AND subject NOT IN "
        "(SELECT id FROM meta.alerts UNION ALL SELECT id FROM meta.alert_silences)"
    )
    con.execute(
        "DELETE FROM meta.alert_deliveries WHERE state <> 'waiting' AND id NOT IN "
        "(SELECT delivery FROM meta.alert_notices)"
    )
    con.execute(
        "DELETE FROM meta.alert_attempts "
        "WHERE delivery NOT IN (SELECT id FROM meta.alert_deliveries)"
    )


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "alert_rules": ("id", "document"),
    "alert_standings": ("rule", "labels", "document"),
    "alerts": ("id", "rule", "fired", "is_open", "document"),
    "alert_notices": ("id", "subject", "delivery", "state", "document"),
    "alert_deliveries": ("id", "state", "document"),
    "alert_attempts": ("delivery", "number", "document"),
    "alert_happenings": ("rule", "alert", "moment", "document"),
    "alert_silences": ("id", "document"),
    "alert_cursors": ("name", "moment"),
}


def _put(
    con: duckdb.DuckDBPyConnection,
    table: str,
    key: Sequence[str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    """Write rows in place of those with the same key."""
    if not rows:
        return
    names = _COLUMNS[table]
    if key:  # of rows with one key the last holds
        rows = list({row[: len(key)]: row for row in rows}.values())
    data = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    if key:
        match = " AND ".join(f"t.{each} = g.{each}" for each in key)
        run_with(con, data, f"DELETE FROM meta.{table} t USING given g WHERE {match}")
    listed = ", ".join(names)
    run_with(con, data, f"INSERT INTO meta.{table} ({listed}) SELECT {listed} FROM given")


def _alert(alert: Alert) -> tuple[object, ...]:
    return alert.id, alert.rule_id, _naive(alert.fired), alert.is_open, _text(alert)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def load_alerts(con: duckdb.DuckDBPyConnection) -> AlertState:
    """What was stored and still matters."""
    standings = con.execute("SELECT rule, labels, document FROM meta.alert_standings").fetchall()
    cursors = con.execute("SELECT name, moment FROM meta.alert_cursors").fetchall()
    return AlertState(
        rules=_all(con, "SELECT document FROM meta.alert_rules", StoredRule),
        standings={
            (rule, msgspec.json.decode(labels, type=Labels)): msgspec.json.decode(
                document, type=Standing
            )
            for rule, labels, document in standings
        },
        alerts=_all(
            con,
            "SELECT document FROM meta.alerts WHERE is_open OR id IN "
            "(SELECT subject FROM meta.alert_notices WHERE state = 'waiting')",
            Alert,
        ),
        waiting=_all(
            con, "SELECT document FROM meta.alert_notices WHERE state = 'waiting'", Notice
        ),
        deliveries=_all(
            con, "SELECT document FROM meta.alert_deliveries WHERE state = 'waiting'", Delivery
        ),
        silences=_all(con, "SELECT document FROM meta.alert_silences", Silence),
        cursors={name: at.replace(tzinfo=UTC) for name, at in cursors},
        told=_told(con),
        last_of_group=_last_of_groups(con),
    )


def _told(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], datetime]:
    notices = _all(
        con,
        "SELECT document FROM meta.alert_notices WHERE state = 'told' AND subject IN "
        "(SELECT id FROM meta.alerts WHERE is_open UNION ALL SELECT id FROM meta.alert_silences "
        "UNION ALL SELECT subject FROM meta.alert_notices WHERE state = 'waiting')",
        Notice,
    )
    deliveries = con.execute(
        "SELECT id, document FROM meta.alert_deliveries WHERE id IN (SELECT unnest(?::VARCHAR[]))",
        [[each.delivery for each in notices]],
    ).fetchall()
    made = {id_: msgspec.json.decode(text, type=Delivery).created for id_, text in deliveries}
    found: dict[tuple[str, str], datetime] = {}
    for each in notices:
        key, at = (each.subject, each.channel), made.get(each.delivery, each.made)
        found[key] = max(at, found.get(key, at))
    return found


def _last_of_groups(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], datetime]:
    rows = con.execute(
        "SELECT document->>'channel', document->>'group', max(document->>'created') "
        "FROM meta.alert_deliveries GROUP BY ALL"
    ).fetchall()
    return {(channel, group): datetime.fromisoformat(at) for channel, group, at in rows}


def _all(
    con: duckdb.DuckDBPyConnection, sql: str, kind: type[Item], parameters: Iterable[object] = ()
) -> list[Item]:
    rows = con.execute(sql, list(parameters)).fetchall()
    return [msgspec.json.decode(document, type=kind) for (document,) in rows]


def read_alert(con: duckdb.DuckDBPyConnection, id_: str) -> Alert | None:
    """An alert by id; None for none."""
    return next(
        iter(_all(con, "SELECT document FROM meta.alerts WHERE id = ?", Alert, [id_])), None
    )


def read_alerts(
    con: duckdb.DuckDBPyConnection, since: datetime | None, rule: str, limit: int
) -> list[Alert]:
    """Alerts that fired since a moment, newest first; of one rule when its id is given."""
    return _all(
        con,
        "SELECT document FROM meta.alerts WHERE ($1 IS NULL OR fired >= $1) "
        "AND ($2 = '' OR rule = $2) ORDER BY fired DESC, id LIMIT $3",
        Alert,
        [None if since is None else _naive(since), rule, limit],
    )


def read_alerts_within(
    con: duckdb.DuckDBPyConnection, start: datetime, until: datetime, limit: int
) -> list[Alert]:
    """The newest alerts that were there at some time in [start, until), newest first."""
    return _all(
        con,
        "SELECT document FROM meta.alerts WHERE fired < $2 AND (is_open OR fired >= $1 OR "
        "(document->>'resolved')::TIMESTAMPTZ > timezone('UTC', $1::TIMESTAMP)) "
        "ORDER BY fired DESC, id LIMIT $3",
        Alert,
        [_naive(start), _naive(until), limit],
    )


def read_trace(con: duckdb.DuckDBPyConnection, alert: str, rule: str) -> Trace:
    """Everything that is known of why an alert (or a rule) was told to anybody, or not."""
    steps = _all(
        con,
        "SELECT document FROM meta.alert_happenings WHERE ($1 <> '' AND alert = $1) "
        "OR ($1 = '' AND rule = $2) ORDER BY moment DESC LIMIT 200",
        Happening,
        [alert, rule],
    )
    notices = _all(
        con, "SELECT document FROM meta.alert_notices WHERE subject = ?", Notice, [alert]
    )
    ids = [[each.delivery for each in notices]]
    deliveries = _all(
        con,
        "SELECT document FROM meta.alert_deliveries WHERE id IN (SELECT unnest(?::VARCHAR[]))",
        Delivery,
        ids,
    )
    attempts = _all(
        con,
        "SELECT document FROM meta.alert_attempts "
        "WHERE delivery IN (SELECT unnest(?::VARCHAR[])) ORDER BY delivery, number",
        Attempt,
        ids,
    )
    return steps[::-1], notices, deliveries, attempts


class AlertStore(Part):
    """What a workspace keeps of alerts; any thread may ask and write."""

    def put(self, change: AlertChange) -> None:
        """Store a change of alerts in one transaction."""
        with self.writing() as con:
            write_alerts(con, change)

    def prune(self, before: datetime) -> None:
        """Drop alerts that are over since before a moment; see `store.alerting`."""
        with self.writing() as con:
            prune_alerts(con, before)

    def state(self) -> AlertState:
        """What alerts go on from."""
        with self.reading() as con:
            return load_alerts(con)

    def one(self, id_: str) -> Alert | None:
        """An alert by id; None for none."""
        with self.reading() as con:
            return read_alert(con, id_)

    def history(self, since: datetime | None, rule: str, limit: int) -> list[Alert]:
        """Alerts that fired since a moment, newest first; see `store.alerting`."""
        with self.reading() as con:
            return read_alerts(con, since, rule, limit)

    def within(self, start: datetime, until: datetime, limit: int) -> list[Alert]:
        """The newest alerts that were there at some time in [start, until), newest first."""
        with self.reading() as con:
            return read_alerts_within(con, start, until, limit)

    def trace(self, alert: str, rule: str) -> Trace:
        """What is known of why an alert was told, or not; see `store.alerting`."""
        with self.reading() as con:
            return read_trace(con, alert, rule)

    def settings(self) -> AlertSettings | None:
        """The settings that were last given, without channels; None when none ever were.

        Raises:
            WorkspaceError: they are of a release that this one does not understand.
        """
        with self.reading() as con:
            row = con.execute("SELECT document FROM meta.alert_settings").fetchone()
        if row is None:
            return None
        try:
            return msgspec.json.decode(row[0], type=AlertSettings)
        except msgspec.DecodeError as error:
            raise WorkspaceError(
                f"the settings of alerts that this workspace remembers cannot be read: {error}.",
                hint="Give them anew: datawatch serve --config FILE.",
            ) from error

    def keep_settings(self, settings: AlertSettings) -> None:
        """Keep these in place of those before, but for the channels: they hold secrets."""
        kept = msgspec.structs.replace(settings, channels=(), address="")
        document = msgspec.json.encode(kept).decode()
        with self.writing() as con:
            con.execute("DELETE FROM meta.alert_settings")
            con.execute("INSERT INTO meta.alert_settings VALUES (?)", [document])
