"""What a service-level report says of an objective, worked out from its steps; pure functions.

Burn rates and their limits are those of Google's *Site Reliability Workbook*, chapter 5: a rate of
1 uses up the budget exactly over the whole time; 14.4 over an hour uses up 2 % of a month's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.engine.objectives import Measured
from datawatch_lab.service.sla.month import Month, plain

WINDOWS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "3d": timedelta(days=3)}
"""Over which burn rates are taken."""

ALARMING = {"1h": 14.4, "6h": 6.0}
"""Burn rates from which on somebody should look now."""

LONGEST = max(WINDOWS.values())
MOST_SPELLS = 5
_ALL = 1 + 1e-9
"""The whole budget, with room for what rounding adds: 1 of 1,000 is within 99.9 %."""
_JOINED = 3  # steps between two bad ones that belong to one spell

States = ("on track", "at risk", "missed", "kept", "no data")


@dataclass(frozen=True)
class Spell:
    """Bad steps that belong together; ``share`` is of the budget."""

    start: datetime
    end: datetime
    bad: float
    share: float


@dataclass(frozen=True)
class Figures:
    """An objective over a month.

    Attributes:
        total, bad: steps or events so far.
        expected: the total of the whole month, as far as it can be known.
        measured: share that was good, in [0, 1]; None without any.
        budget: how much may be bad in the whole month.
        used: share of the budget that is used up; above 1 it is overdrawn.
        rates: burn rate by window; None where nothing counts.
        projected: share of the budget at the end of the month, at the pace of the last three days.
        days: (start of a day, share that was good or None, share of the budget left at its end).
        spells: what used most of it, most first.
        state: one of `States`.
    """

    total: float
    bad: float
    expected: float
    measured: float | None
    budget: float
    used: float
    rates: dict[str, float | None]
    projected: float
    days: tuple[tuple[datetime, float | None, float], ...]
    spells: tuple[Spell, ...]
    state: str


def figures(found: Measured, target: float, month: Month, until: datetime) -> Figures:
    """The figures of an objective.

    Args:
        found: its steps, from before the month, as far as burn rates look back.
        target: share that should be good, in (0, 1).
        month: that is reported on.
        until: up to where steps are known.
    """
    mine = found.times >= plain(month.start)
    times, total, bad = found.times[mine], found.total[mine], found.bad[mine]
    count, wrong = float(total.sum()), float(bad.sum())
    rest = max(_steps(until, month.end, found), 0.0)
    expected = count * (1 + rest / len(times)) if len(times) else 0.0
    budget = (1 - target) * expected
    used = wrong / budget if budget else 0.0
    rates = {name: _rate(found, target, until, span) for name, span in WINDOWS.items()}
    recent = found.times >= plain(until - LONGEST)
    pace = float(found.bad[recent].sum()) / max(int(recent.sum()), 1)
    projected = used + (pace * rest / budget if budget else 0.0)
    return Figures(
        total=count,
        bad=wrong,
        expected=expected,
        measured=1 - wrong / count if count else None,
        budget=budget,
        used=used,
        rates=rates,
        projected=projected,
        days=tuple(_days(times, total, bad, budget, month, until)),
        spells=tuple(_spells(times, bad, found.step, budget)),
        state=_state(count, used, projected, rates, is_over=rest < 1),
    )


def _steps(start: datetime, end: datetime, found: Measured) -> float:
    return (end - start) / found.step


def _rate(found: Measured, target: float, until: datetime, span: timedelta) -> float | None:
    """How fast the budget is used in a window: 1 is just fast enough to use up all of it."""
    inside = found.times > plain(until - span - found.step)  # also those that began before
    total = float(found.total[inside].sum())
    return float(found.bad[inside].sum()) / total / (1 - target) if total else None


def _state(
    count: float,
    used: float,
    projected: float,
    rates: dict[str, float | None],
    *,
    is_over: bool,
) -> str:
    if not count:
        return "no data"
    if used > _ALL:
        return "missed"
    if is_over:
        return "kept"
    alarming = any((rates[name] or 0.0) >= limit for name, limit in ALARMING.items())
    return "at risk" if projected > _ALL or alarming else "on track"


def _days(
    times: NDArray[np.datetime64],
    total: NDArray[np.float64],
    bad: NDArray[np.float64],
    budget: float,
    month: Month,
    until: datetime,
) -> list[tuple[datetime, float | None, float]]:
    """Days of the month that have begun, by the workspace's clock."""
    bounds = [*month.days, month.end]
    places = np.searchsorted(times, np.array([plain(each) for each in bounds]))
    sums = [np.concatenate(([0.0], np.cumsum(each)))[places] for each in (total, bad)]
    counts, wrongs = np.diff(sums[0]), np.diff(sums[1])
    left = 1 - sums[1][1:] / budget if budget else np.ones(len(wrongs))
    return [
        (at, 1 - float(wrongs[day] / counts[day]) if counts[day] else None, float(left[day]))
        for day, at in enumerate(month.days)
        if at < until
    ]


def _spells(
    times: NDArray[np.datetime64], bad: NDArray[np.float64], step: timedelta, budget: float
) -> list[Spell]:
    """Runs of bad steps with at most two good ones between, those that cost most first."""
    places = np.flatnonzero(bad)
    if not len(places):
        return []
    far = np.diff(times[places]) > _JOINED * np.timedelta64(step)
    starts = np.concatenate(([0], np.flatnonzero(far) + 1))
    costs = np.add.reduceat(bad[places], starts)
    ends = np.concatenate((starts[1:], [len(places)])) - 1
    largest = np.argsort(-costs, kind="stable")[:MOST_SPELLS]
    return [
        Spell(
            start=_moment(times[places[starts[each]]]),
            end=_moment(times[places[ends[each]]]) + step,
            bad=float(costs[each]),
            share=float(costs[each]) / budget if budget else 0.0,
        )
        for each in largest
    ]


def _moment(at: Any) -> datetime:
    found: datetime = at.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)


def worst(states: Sequence[str]) -> str:
    """The state of a whole report: that of its worst objective.

    >>> worst(["kept", "missed"]), worst([])
    ('missed', 'no data')
    """
    order = ("missed", "at risk", "on track", "kept", "no data")
    return min(states, key=order.index, default="no data")
