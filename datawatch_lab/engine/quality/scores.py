"""Scores of quality: over a window, and as metrics over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.core.durations import shifted
from datawatch_lab.metrics.spans import floor_to
from datawatch_lab.quality.scores import Count, RuleScore, TableScore, table_score, weighted

if TYPE_CHECKING:
    from datawatch_lab.engine.quality.stage import Quality

WINDOW = timedelta(hours=24)
"""What scores look at unless told otherwise."""

_MINUTE = timedelta(minutes=1)
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Scores:
    """Scores over [start, end), and over the window before it."""

    start: datetime
    end: datetime
    tables: Sequence[TableScore]

    @property
    def score(self) -> float | None:
        """Of the workspace, in percent; None when nothing was looked at."""
        return weighted((1.0, each.score) for each in self.tables)

    @property
    def before(self) -> float | None:
        """The same over the window before."""
        return weighted((1.0, each.before) for each in self.tables)


def scores(
    quality: Quality,
    *,
    window: timedelta = WINDOW,
    end: datetime | None = None,
    table: str | None = None,
) -> Scores:
    """Scores of tables with rules.

    Args:
        quality: of the workspace.
        window: length; the one before it has the same.
        end: of the window; by default now, or the end of the newest data where that is older.
        table: only this one.

    Raises:
        TimeError: the window, or the one before it, would begin before the year 1.
    """
    until = end or _end(quality)
    start = shifted(until, -window)
    now = _counts(quality, start, until)
    before = _counts(quality, shifted(start, -window), start)
    by_table: dict[str, list[RuleScore]] = {}
    for each in quality.rules:
        if table in (None, each.rule.table):
            mine = RuleScore(each, now.get(each.id, Count()), before.get(each.id, Count()))
            by_table.setdefault(each.rule.table, []).append(mine)
    return Scores(start, until, [table_score(name, by_table[name]) for name in sorted(by_table)])


def _end(quality: Quality) -> datetime:
    """Now; where all data is older than the usual window, the end of the data."""
    now = quality.engine.clock.now()
    newest = quality.engine.span()[1]
    last = now if newest is None or now - newest < WINDOW else newest
    return floor_to(last, _MINUTE) + _MINUTE


def _counts(quality: Quality, start: datetime, end: datetime) -> dict[str, Count]:
    found = quality.store.counts(start, end, None)
    return {rule: Count(rows, failed) for rule, _, rows, failed in found.iter_rows()}
