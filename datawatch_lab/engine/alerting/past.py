"""Rules over the past: back-tests through the code that decides live, and what led to an alert."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datawatch_lab.core.alerting import Alert, AlertRule, Labels, Standing, StateName, StoredRule
from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.engine.alerting.grid import floor
from datawatch_lab.engine.alerting.rules import Ready, check_group, decide, make_ready
from datawatch_lab.engine.alerting.values import Values
from datawatch_lab.engine.alerting.windows import Span, Windows
from datawatch_lab.metrics.spans import EPOCH

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.stage import Alerting

MAX_MOMENTS = 50_000
"""Evaluations that a back-test makes; beyond, its interval grows to whole multiples."""

_SHOWN = timedelta(hours=3)


@dataclass(frozen=True)
class State:
    """A state of an instance from a moment on."""

    at: datetime
    labels: Labels
    state: StateName
    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Episode:
    """From firing to the end; ``ended`` is None when it went on at the end of the range."""

    labels: Labels
    started: datetime
    fired: datetime
    ended: datetime | None
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class BackTest:
    """What a rule would have done.

    Attributes:
        interval: between evaluations.
        states: every change, in order of time; the first of each instance is its first state.
        episodes: in order of time.
        minutes_firing: of all instances together, with ``recovering``.
        pages: messages that each channel of the rule would have had about alerts that fired, with
            groups by rule and their pace, without repeats and silences.
        evaluations, unknown: how many there were, and those without a value.
    """

    start: datetime
    end: datetime
    interval: timedelta
    reading: str
    states: tuple[State, ...]
    episodes: tuple[Episode, ...]
    minutes_firing: float
    pages: int
    evaluations: int
    unknown: int


def backtest(alerting: Alerting, rule: AlertRule, start: datetime, end: datetime) -> BackTest:
    """Run a rule over a range of the past; nothing is stored, nobody is told.

    It begins with the first event of the workspace at the earliest.

    Late events are where they belong by now, which live they were not yet.

    Raises:
        InputError: the rule cannot be evaluated, or the range is empty, or there are more values in
            it than are worked out at once; says why.
    """
    engine, interval = alerting.engine, alerting.settings.evaluation_interval
    start, end = floor(start, interval), floor(end, interval)
    if end <= start:
        raise InputError("the range of the back-test is empty.", hint="Give 'to' after 'from'.")
    first = engine.span()[0]
    if first is not None:  # nothing is known of the time before
        start = max(start, min(floor(first, interval), end - interval))
    while (end - start) // interval > MAX_MOMENTS:
        interval *= 2
    ready = make_ready(engine, StoredRule(id="back-test", rule=rule, created=end, updated=end))
    windows = _windows(alerting, start + interval, end)
    check_group(engine, ready, windows)
    windows.prepare((ask, term) for term, ask in ready.needs.items())
    runs = [_run(ready, windows, labels, start, end, interval) for labels in ready.labels(windows)]
    states = sorted((s for run in runs for s in run.states), key=lambda s: (s.at, s.labels))
    episodes = sorted((e for run in runs for e in run.episodes), key=lambda e: (e.fired, e.labels))
    firing = sum((((e.ended or end) - e.fired) for e in episodes), timedelta())
    return BackTest(
        start=start,
        end=end,
        interval=interval,
        reading=ready.reading,
        states=tuple(states),
        episodes=tuple(episodes),
        minutes_firing=firing / timedelta(minutes=1),
        pages=_pages(alerting, episodes),
        evaluations=sum(run.evaluations for run in runs),
        unknown=sum(run.unknown for run in runs),
    )


@dataclass
class _Run:
    states: list[State]
    episodes: list[Episode]
    evaluations: int = 0
    unknown: int = 0


def _run(
    ready: Ready,
    windows: Windows,
    labels: Labels,
    start: datetime,
    end: datetime,
    interval: timedelta,
) -> _Run:
    run, standing = _Run([], []), Standing()
    opened: Episode | None = None
    for at in _moments(start, end, interval):
        before = standing
        verdict, standing, event = decide(ready, windows, labels, before, at)
        run.evaluations += 1
        run.unknown += verdict.holds is None
        value = _finite(verdict.value)
        if standing.state != before.state or not run.states:
            run.states.append(State(at, labels, standing.state, value, standing.reason))
        if event == "fired":
            low, high = _finite(verdict.low), _finite(verdict.high)
            opened = Episode(labels, standing.holds or at, at, None, value, low, high)
        elif event == "resolved" and opened is not None:
            run.episodes.append(_ended(opened, at))
            opened = None
    if opened is not None:
        run.episodes.append(opened)
    return run


def _ended(episode: Episode, at: datetime) -> Episode:
    return Episode(
        episode.labels,
        episode.started,
        episode.fired,
        at,
        episode.value,
        episode.low,
        episode.high,
    )


def _moments(start: datetime, end: datetime, interval: timedelta) -> Iterator[datetime]:
    at = start + interval
    while at <= end:
        yield at
        at += interval


def _pages(alerting: Alerting, episodes: list[Episode]) -> int:
    """Messages about alerts that fired: those that fire within the pace of a group share one."""
    routing, pages = alerting.settings.routing, 0
    last: datetime | None = None
    for each in episodes:
        if last is None or each.fired - last > max(routing.group_wait, routing.group_interval):
            pages += 1
            last = each.fired
    return pages


def _windows(alerting: Alerting, first: datetime, last: datetime) -> Windows:
    zone = ZoneInfo(alerting.engine.settings.timezone)
    values = Values(alerting.engine)
    return Windows(values, Span(first, last), zone, alerting.settings.baseline_window)


def lead_up(alerting: Alerting, alert: Alert) -> tuple[tuple[float, float | None], ...]:
    """(epoch seconds, value) of an alert's metric over the hours before and in it, for a chart.

    Empty when the rule cannot be read any more.
    """
    try:
        ready = alerting.ready_of(alerting.rule(alert.rule_id))
        term, ask = next(iter(ready.needs.items()))
        term = replace(term, when="now", back=timedelta())
        last = alert.resolved or alert.fired
        windows = _windows(alerting, last - _SHOWN, last)
        windows.prepare([(ask, term)])
    except DataWatchError:
        return ()
    found = windows.points(ask, alert.labels, term.over)
    return tuple(((at - EPOCH).total_seconds(), _finite(value)) for at, value in found)


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
