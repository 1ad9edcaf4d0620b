"""Rules of quality that go by the clock: ``max_age``, ``volume`` and ``sql``.

A window of ``volume`` is judged once its table is closed up to its end, and again, at most once a
minute, when rows of it come later. Of a table that is not closed for longer than the allowed
lateness it is judged all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.values import Aggregation, MeasureKind, TableInfo
from datawatch_lab.engine.queries import QueryRequest
from datawatch_lab.engine.queries import run as run_query
from datawatch_lab.metrics.calendar import CalendarStep, edges_over, same_clock
from datawatch_lab.quality.volume import judge_volume
from datawatch_lab.quality.windows import Judged

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_MICRO = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_WINDOWS = 48
_MOST_DAYS = 28


@dataclass
class Clocked:
    """Judges what is due.

    Attributes:
        engine: of the workspace.
        done: until when each rule is judged, by id.
        problems: why rules could not be judged, by id.
    """

    engine: Engine
    done: dict[str, datetime]
    problems: dict[str, str] = field(default_factory=dict)
    _judged: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    """When windows of volume were judged last, and the end of the last of them, by id."""

    def late(
        self, rules: Sequence[StoredRule], batches: Sequence[TableBatch]
    ) -> dict[tuple[str, str], str]:
        """Rows of a table have come: windows that are judged already are to be judged again.

        Args:
            rules: of the table.
            batches: of the table.

        Returns:
            Cells that change: (rule id, ``done``) and the moment.
        """
        volume = [each for each in rules if each.rule.rule == "volume" and each.id in self.done]
        if not volume:
            return {}
        times = [each.events.filter(pl.col("op") == "c")["ts"].min() for each in batches]
        known = [each for each in times if isinstance(each, datetime)]
        cells = {}
        for stored in volume if known else ():
            start = max(self._start(stored.rule, min(known)), stored.created + _MICRO)
            if start < self.done[stored.id]:
                self.done[stored.id] = start
                cells[stored.id, "done"] = start.isoformat()
        return cells

    def _start(self, rule: Rule, moment: datetime) -> datetime:
        """Where the window begins that a moment is in."""
        width = rule.span()
        if width == _DAY:
            zone = ZoneInfo(self.engine.settings.timezone)
            return edges_over(CalendarStep(1, "day"), moment, moment, zone)[0]
        return _floor(moment, width)

    def due(
        self, rules: list[StoredRule], now: datetime
    ) -> list[tuple[StoredRule, int, datetime, Judged]]:
        """Windows that are over and not judged yet."""
        found = []
        tables = {each.name: each for each in self.engine.tables()}
        for stored in rules:
            table = tables.get(stored.rule.table)
            if table is None:
                continue
            try:
                for start, judged in self._of(stored, table, now):
                    found.append((stored, table.id, start, judged))
                self.problems.pop(stored.id, None)
            except DataWatchError as error:
                self.problems[stored.id] = str(error)
        return found

    def _of(
        self, stored: StoredRule, table: TableInfo, now: datetime
    ) -> Iterator[tuple[datetime, Judged]]:
        rule = stored.rule
        if rule.rule == "max_age":
            start = _floor(now, _MINUTE)
            if self.done.get(stored.id) != start:
                self.done[stored.id] = start
                yield start, self.age(stored, table, now)
            return
        until = now - self.engine.settings.close_delay
        if rule.rule == "sql":
            width = rule.span("5m")
            last, done = _floor(until, width), self.done.get(stored.id, _EPOCH)
            if last > done or done > now + width:  # by a clock that was set back since
                self.done[stored.id] = last
                yield last, self.sql(stored)
            return
        windows = self._windows(stored, now, self._closed(table, now))
        at, last = self._judged.get(stored.id, (_EPOCH, _EPOCH))
        if abs(now - at) < _MINUTE and not any(end > last for _, end in windows):
            return  # judged again by what came late: not with each row that comes
        for start, end in windows:
            judged = self.volume(stored, table, start, end)
            self.done[stored.id], self._judged[stored.id] = end, (now, end)
            yield start, judged

    def _closed(self, table: TableInfo, now: datetime) -> datetime:
        """Until when rows of a table are taken to have come."""
        settings = self.engine.settings
        until = now - settings.close_delay
        closed = self.engine.closing.until(table.id) or until
        return max(min(until, closed), now - settings.allowed_lateness)

    def _windows(
        self, stored: StoredRule, now: datetime, until: datetime
    ) -> list[tuple[datetime, datetime]]:
        """Windows that are over and not judged, the newest 48; one of 1d is a day of the zone."""
        width, zone = stored.rule.span(), ZoneInfo(self.engine.settings.timezone)
        created = stored.created + _MICRO
        since = self.done.get(stored.id, created)
        if since > now + width:  # by a clock that was set back since
            since = max(until - 2 * width, created)
        since = max(since, until - (_MOST_WINDOWS + 1) * width)
        if width == _DAY:
            edges = edges_over(CalendarStep(1, "day"), since, until, zone)
        else:
            count = max(0, (until - _floor(since, width)) // width)
            edges = tuple(_floor(since, width) + each * width for each in range(count + 1))
        whole = [each for each in pairwise(edges) if since <= each[0] and each[1] <= until]
        return whole[-_MOST_WINDOWS:]

    def age(self, stored: StoredRule, table: TableInfo, now: datetime) -> Judged:
        """Whether the newest event of a table, or the newest time in a field, is recent enough."""
        newest = self.engine.table_counts(table).last_ts
        if stored.rule.field:
            metric = _metric(self.engine, table, MeasureKind.NEWEST, stored.rule.field)
            age = _value(self.engine, metric, None, None)
            newest = None if age is None else now - timedelta(seconds=age)
        if newest is None:
            return Judged(None, float("nan"), "no data yet")
        old = max(now - newest, timedelta(0))
        shown = format_duration(timedelta(seconds=round(old.total_seconds())))
        words = (
            f"the newest data of {table.name} is {shown} old; {stored.rule.threshold} is allowed"
        )
        return Judged(old <= stored.rule.age, old.total_seconds(), words)

    def volume(
        self, stored: StoredRule, table: TableInfo, start: datetime, end: datetime
    ) -> Judged:
        """Whether a window has as many inserted rows as it should."""
        rule = stored.rule
        metric = _metric(self.engine, table, MeasureKind.CHANGES, "", op="c")
        rows = _value(self.engine, metric, start, end) or 0.0
        usual = [_value(self.engine, metric, *each) for each in self._before(rule, (start, end))]
        return judge_volume(rule, rows, [each for each in usual if each is not None])

    def _before(
        self, rule: Rule, window: tuple[datetime, datetime]
    ) -> Iterator[tuple[datetime, datetime]]:
        """Windows of the same time of the clock on the days before, as far as the baseline goes."""
        zone = ZoneInfo(self.engine.settings.timezone)
        days = min(parse_duration(rule.baseline) // _DAY, _MOST_DAYS) if rule.baseline else 0
        for day in range(1, days + 1):
            found = same_clock(window, day, zone)
            if found is not None:
                yield found

    def sql(self, stored: StoredRule) -> Judged:
        """Whether a query finds no row."""
        answer = self.engine.sql(stored.rule.sql, limit=1_000)
        rows = answer.table.num_rows
        more = "at least " if rows == 1_000 else ""
        return Judged(not rows, float(rows), f"the query finds {more}{rows:,} rows")


def _floor(moment: datetime, width: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // width * width


def _metric(engine: Engine, table: TableInfo, kind: MeasureKind, column: str, op: str = "") -> str:
    """The name of the automatic metric over a measure."""
    for each in engine.metrics().values():
        mine = (each.table, each.measure, each.field, each.op)
        if mine == (table.name, kind, column, op) and each.auto and each.kind != "rate":
            return each.name
    raise DataWatchError(f"{table.name}: no {kind.value} of {column or 'its rows'} is measured.")


def _value(
    engine: Engine, metric: str, start: datetime | None, end: datetime | None
) -> float | None:
    """One value of a metric over a range; its newest without one."""
    asked = QueryRequest(
        metric,
        start=start or "-1h",
        end=end or "now",
        aggregation=None if start is None else Aggregation.SUM.value,
        stepped=False,
    )
    series = run_query(engine, asked).series
    return series[0].value if series else None
