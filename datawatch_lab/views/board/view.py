"""The workspace as the tiles of a board ask it: over its range, with its filters and variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from datawatch_lab.core.dashboards import Dashboard, Filters, Note, Tile, TileQuery, Variable
from datawatch_lab.core.durations import format_duration, parse_duration, parse_time
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.answers import MetricAnswer, QueryAnswer, StatusAnswer, TableAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.views.board import happenings
from datawatch_lab.views.format import parse_iso
from datawatch_lab.views.ranges import KEYS, Window, default_key, nice, window

_MINUTE, _LONG = timedelta(minutes=1), timedelta(hours=2)
_LINES, _BARS = 120, 40
_CHOICES = 200
_MISSING = "(missing)"


@dataclass(frozen=True)
class Look:
    """What somebody looks at: a channel of a board for each.

    Attributes:
        role: of who looks.
        range: '' for the board's own; a key of ranges, a duration, ``today``, or FROM/TO.
        filters: (label, value) pairs, from clicks.
        variables: (name, values) pairs that differ from their defaults.
    """

    role: str = "viewer"
    range: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass
class Catalogue:
    """What a workspace has, read now and then; shared by the views of a feed."""

    metrics: Mapping[str, MetricAnswer] = field(default_factory=dict)
    tables: Mapping[str, TableAnswer] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """What the tiles of one board ask at one moment.

    Attributes:
        workspace: is asked; a `Workspace`, or what has its methods.
        dashboard: whose tiles these are.
        look: what is looked at.
        status: of the workspace.
        now: the present.
        happened: anomalies, alerts and schema changes, for marks, badges and lists.
    """

    workspace: Any
    dashboard: Dashboard
    look: Look
    status: StatusAnswer
    now: datetime
    catalogue: Catalogue
    happened: happenings.Happened = happenings.NOTHING

    # ------------------------------------------------------------------ time

    @property
    def range_key(self) -> str:
        """The board's range as its selector names it."""
        asked = self.look.range or self.dashboard.time_range
        if asked not in ("", "auto"):
            return asked
        first, last = parse_iso(self.status.first_event), parse_iso(self.status.last_event)
        return default_key(self.status.status, first, last, self.now)

    def _key(self, tile: Tile | None) -> str:
        return (tile.window if tile is not None and tile.window else None) or self.range_key

    def window(self, tile: Tile | None = None) -> Window:
        """Over which time a tile looks; the board itself without one.

        Raises:
            TimeError: its window cannot be read.
        """
        return _aligned(self._window(tile))

    def _window(self, tile: Tile | None) -> Window:
        key = self._key(tile)
        first, last = parse_iso(self.status.first_event), parse_iso(self.status.last_event)
        if key in KEYS:
            return window(key, self.status.status, first, last, self.now)
        end, zone = self.now, self.status.timezone
        if self.status.status == "history" and last is not None:
            end = last + timedelta(seconds=1)
        previous = ""
        if "/" in key:
            start, end = (parse_time(each, self.now, zone) for each in key.split("/", 1))
        elif key == "today":
            start, previous = parse_time("today", end, zone), "day so far"
        elif key == "yesterday":
            start, end = (parse_time(each, end, zone) for each in ("yesterday", "today"))
            previous = "day"
        else:
            start = end - parse_duration(key)
            previous = key
        start = min(start, end - timedelta(seconds=1))
        span = end - start
        before = start - span if previous else None
        return Window(start, end, nice(span / _LINES), nice(span / _BARS), before, previous)

    def comparison(self, said: str, tile: Tile | None) -> tuple[str, str]:
        """What the workspace is asked to compare with, and what that is called.

        The time before a day of the calendar is the same span of the day before it, also where
        today is not over yet.

        Args:
            said: of `core.dashboards.COMPARISONS`, or ''.
            tile: that asks.

        Returns:
            Two empty texts for nothing, which is also what lies before the first event.
        """
        named = {"same_hour_yesterday": "yesterday", "same_hour_last_week": "last week"}
        if said != "previous_period":
            return said, named.get(said, "")
        key = self._key(tile)
        if key in ("today", "yesterday"):
            return "same_hour_yesterday", "yesterday" if key == "today" else "the day before"
        where = self.window(tile)
        if where.before is None:
            return "", ""
        return said, f"previous {where.previous}".strip()

    def asked_time(self, tile: Tile) -> tuple[str, str]:
        """The time of a tile as the explorer takes it: from and to; no end for one that goes on."""
        key, where = self._key(tile), self._window(tile)
        if where.end != self.now:
            return iso(where.start) or "", iso(where.end) or ""
        is_duration = key[:1].isdigit() and "/" not in key
        return (f"-{key}" if is_duration else iso(where.start) or ""), ""

    # ------------------------------------------------------------------ what exists

    def metric(self, name: str) -> MetricAnswer:
        """A metric; a `NotFoundError` that names the nearest when there is none."""
        found = self.catalogue.metrics.get(name)
        if found is None:
            detail: MetricAnswer = self.workspace.metric(name)
            return detail
        return found

    def table_of(self, query: TileQuery | None) -> TableAnswer | None:
        """The table that a query is about; None where that is not one."""
        if query is None:
            return None
        known = self.catalogue.metrics.get(query.metric)
        return self.catalogue.tables.get(query.table or (known.table if known else ""))

    def silence(self, tile: Tile) -> str:
        """Since when nothing has come for a tile, in words; '' while something comes."""
        queries = tile.all_queries
        if not queries:
            return ""
        tables = [self.table_of(each) for each in queries]
        if all(each is not None and each.status == "silent" for each in tables):
            return next(each.message for each in tables if each is not None)
        return self.status.message if self.status.status == "silent" else ""

    def choices(self, variable: Variable) -> list[str]:
        """What can be chosen for a variable; empty where its metric cannot be asked."""
        if variable.values or not (variable.metric and variable.label):
            return list(variable.values)
        try:
            answer = self.value(TileQuery(metric=variable.metric, by=(variable.label,)), None)
        except DataWatchError:
            return []
        found = {each.labels.get(variable.label, "") for each in answer.series}
        return sorted(found)[:_CHOICES]

    def all_choices(self) -> dict[str, list[str]]:
        """What can be chosen for each variable, by its name."""
        return {each.name: self.choices(each) for each in self.dashboard.variables}

    def chosen(self, name: str) -> tuple[str, ...]:
        """The values of a variable; () for all."""
        said = dict(self.look.variables).get(name)
        if said is not None:
            return said
        known = {each.name: each.chosen for each in self.dashboard.variables}
        return known.get(name, ())

    # ------------------------------------------------------------------ questions

    def points(
        self, query: TileQuery, tile: Tile, *, bars: bool = False, compare: str = ""
    ) -> QueryAnswer:
        """Values of a metric over the tile's time, one a step."""
        where = self.window(tile)
        step = query.step or format_duration(where.bars if bars else where.line)
        how = self._how(query, where.start, where.end)
        answer: QueryAnswer = self.workspace.range(
            query.metric, step=step, compare=compare or None, **how
        )
        return answer

    def value(self, query: TileQuery, tile: Tile | None, *, compare: str = "") -> QueryAnswer:
        """The value of a metric over the tile's time, one a series."""
        where = self.window(tile)
        how = self._how(query, where.start, where.end)
        answer: QueryAnswer = self.workspace.query(query.metric, compare=compare or None, **how)
        return answer

    def rows(self, query: TileQuery, tile: Tile, limit: int, sort: str = "") -> SqlAnswer:
        """Rows of SQL, or of a table as it is now.

        Args:
            query: says which; SQL may name the variables of the board, and ``$from`` and ``$to``.
            tile: over whose time.
            limit: at most so many.
            sort: a column of `columns` that the rows of a table come in order of, downwards with
                ``-`` before it, the unknown last; rows of SQL come as it says itself.
        """
        if query.sql:
            where = self.window(tile)
            answer: SqlAnswer = self.workspace.sql(
                query.sql,
                limit=limit,
                parameters=self._parameters(),
                start=iso(where.start),
                end=iso(where.end),
            )
            return answer
        conditions = [
            _among(label, values)
            for label, values in self._filters(query.filters, self.columns(query)).items()
        ]
        condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = ""
        if sort:
            way = " DESC" if sort.startswith("-") else ""
            order = f" ORDER BY {_quoted(sort.removeprefix('-'))}{way} NULLS LAST"
        # Quoted; the gate checks it.
        sql = f"SELECT * FROM live.{_quoted(query.table)}{condition}{order} LIMIT {limit + 1}"  # noqa: S608
        found: SqlAnswer = self.workspace.sql(sql, limit=limit)
        return found

    def _parameters(self) -> dict[str, str | list[str] | None]:
        """What SQL may name: of each variable its value, several as a list; None for all."""
        return {
            each.name: _parameter(each, self.chosen(each.name)) for each in self.dashboard.variables
        }

    def columns(self, query: TileQuery) -> set[str]:
        """Names of the columns of a query's table; empty for SQL and an unknown table."""
        table = self.catalogue.tables.get(query.table)
        return {each.name for each in table.columns} if table else set()

    def row_count(self, query: TileQuery) -> int | None:
        """Rows of a query's table, where it takes all of them; None where nobody has counted."""
        table = self.catalogue.tables.get(query.table)
        if table is None or self._filters(query.filters, self.columns(query)):
            return None
        return table.rows

    def filters_of(self, query: TileQuery) -> list[str] | None:
        """Filters of a metric's query as the interface takes them, with those of the board."""
        labels = self.metric(query.metric).labels
        return [
            f"{label}={value}"
            for label, values in self._filters(query.filters, labels).items()
            for value in values
        ] or None

    def _how(self, query: TileQuery, start: datetime, end: datetime) -> dict[str, Any]:
        return {
            "start": iso(start),
            "end": iso(end),
            "aggregation": query.aggregation or None,
            "group_by": ",".join(query.by) or None,
            "filters": self.filters_of(query),
        }

    def _filters(self, own: Filters, labels: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Filters of a query with those of the board and of clicks, where it has the label.

        A click, or an address, chooses among what the document lets through and nothing beside:
        where it names another value, the document's stand.
        """
        known = set(labels)
        found = {
            label: self._said(value)
            for label, value in self.dashboard.filters.items()
            if label in known
        }
        found.update({label: self._said(value) for label, value in own.items()})
        for label, value in self.look.filters:
            held = found.get(label)
            if label in known and (not held or value in held):
                found[label] = (value,)
        return {label: values for label, values in found.items() if values}

    def _said(self, value: str | tuple[str, ...]) -> tuple[str, ...]:
        """Values of a filter, variables put in; () for a variable whose choice is all."""
        said = (value,) if isinstance(value, str) else value
        names = {each.name for each in self.dashboard.variables}
        found: list[str] = []
        for each in said:
            if each.startswith("$") and each[1:] in names:
                found.extend(self.chosen(each[1:]))
            else:
                found.append(each[1:] if each.startswith("$$") else each)
        return tuple(found)

    # ------------------------------------------------------------------ what happened

    def notes(self, tile: Tile) -> tuple[Note, ...]:
        """Words at times that are for this tile."""
        return tuple(each for each in self.dashboard.notes if each.tile in ("", tile.id))


def _aligned(where: Window) -> Window:
    """A long window on whole minutes: it is answered from roll-ups, and the one before is kept.

    It reaches into the minute that is not over, by less than 1 % of its length.
    """
    if where.span < _LONG:
        return where
    start = _whole_minutes(where.start)
    end = _whole_minutes(where.end + _MINUTE - timedelta(microseconds=1))
    before = None if where.before is None else start - (end - start)
    return replace(where, start=start, end=end, before=before)


def _whole_minutes(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def view_of(workspace: Any, dashboard: Dashboard, look: Look | None = None) -> View:
    """A view of a board now; for notebooks and for trying a tile."""
    catalogue = Catalogue(
        {each.name: each for each in workspace.metrics()},
        {each.name: each for each in workspace.tables()},
    )
    return View(
        workspace,
        dashboard,
        look or Look(),
        workspace.status(),
        datetime.now(UTC),
        catalogue,
        happenings.read(workspace, datetime.now(UTC)),
    )


def _parameter(variable: Variable, chosen: tuple[str, ...]) -> str | list[str] | None:
    if not chosen:
        return None
    return list(chosen) if variable.multi else chosen[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _among(column: str, values: tuple[str, ...]) -> str:
    """A condition on a column; an unknown value is called as among the labels of metrics."""
    name = _quoted(column)
    said = [_text(each) for each in values if each != _MISSING]
    conditions = [f"{name} IN ({', '.join(said)})"] if said else []
    if _MISSING in values:
        conditions.append(f"{name} IS NULL")
    return f"({' OR '.join(conditions)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
