"""When rules are due: the end of the next interval that all their tables are closed up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.engine.alerting.grid import floor
from datawatch_lab.engine.alerting.rules import Ready

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_GRACE = timedelta(minutes=1)
"""How much longer than the delay of closing data is waited for, when the clock alone closes."""


@dataclass(frozen=True)
class Due:
    """A moment that can be decided, the rules that can be decided at it, and their cursors."""

    at: datetime
    ready: list[Ready]
    cursors: dict[str, datetime]


def next_due(
    engine: Engine,
    ready: Iterable[Ready],
    known: Mapping[str, datetime],
    interval: timedelta,
) -> Due | None:
    """The earliest moment that can be decided, and all rules that can be decided at it.

    Args:
        engine: of the workspace.
        ready: all rules.
        known: how far rules on the same tables were decided, by `clock_name`.
        interval: between evaluations.
    """
    found: dict[datetime, Due] = {}
    clocks: dict[str, datetime | None] = {}
    for each in ready:
        name = clock_name(each)
        if name not in clocks:
            clocks[name] = _due_at(engine, each, known.get(name), interval)
        at = clocks[name]
        if at is not None:
            due = found.setdefault(at, Due(at, [], {}))
            due.ready.append(each)
            due.cursors[name] = at
    return found[min(found)] if found else None


def clock_name(ready: Ready) -> str:
    """What is evaluated together: the rules on the same tables."""
    return "|".join(sorted(ready.tables))


def _due_at(
    engine: Engine, ready: Ready, cursor: datetime | None, interval: timedelta
) -> datetime | None:
    closed = _closed_until(engine, ready)
    if closed is None:
        return None
    newest = floor(closed, interval)
    if cursor is None or newest < cursor > _believable(engine):
        return newest
    oldest = engine.clock.now() - engine.settings.allowed_lateness
    due = max(cursor + interval, floor(oldest, interval))  # what is older is history
    return due if due <= newest else None


def _believable(engine: Engine) -> datetime:
    """What is later than this is known from a clock that has been set back since."""
    return engine.clock.now() + engine.settings.future_tolerance


def _closed_until(engine: Engine, ready: Ready) -> datetime | None:
    ids = {each.name: each.id for each in engine.tables()}
    if "" in ready.tables:
        every = [_until(engine, each) for each in ids.values()]
        return max((each for each in every if each), default=None)
    found = [_until(engine, ids[name]) if name in ids else None for name in ready.tables]
    known = [each for each in found if each is not None]
    return min(known) if known and len(known) == len(found) else None


def _until(engine: Engine, table: int) -> datetime | None:
    """Up to when a table is closed: by the clock of now, where it was one that was set back."""
    closing = engine.closing
    until = closing.until(table)
    if until is None or until != closing.by_clock.get(table) or until <= _believable(engine):
        return until
    return engine.clock.now() - engine.settings.close_delay - _GRACE
