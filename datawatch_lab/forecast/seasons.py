"""The cycles of the calendar that a series may have, by the workspace's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from datawatch_lab.forecast.base import Season

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_CYCLES = 2
"""A season is looked for when the history holds so many of its cycles."""


def seasons_of(times: Sequence[datetime], known: int, step: timedelta, zone: str) -> list[Season]:
    """Seasons of a series.

    Args:
        times: start of each step of the history and of the horizon, in UTC.
        known: steps of the history.
        step: one minute, one hour or one day.
        zone: IANA name.

    Returns:
        Shortest first: minutes have the hour and the day, hours the day and the week, days the
        week; of these, those that the history holds twice.
    """
    local = pl.Series(times).dt.convert_time_zone(zone).dt
    minute, hour = local.minute().cast(pl.Int64), local.hour().cast(pl.Int64)
    weekday = local.weekday().cast(pl.Int64) - 1
    found = {
        _MINUTE: [("hour", 60, minute), ("day", 1_440, hour * 60 + minute)],
        _HOUR: [("day", 24, hour), ("week", 168, weekday * 24 + hour)],
        _DAY: [("week", 7, weekday)],
    }
    return [
        Season(name, length, phases.to_numpy())
        for name, length, phases in found.get(step, [])
        if known >= _CYCLES * length
    ]
