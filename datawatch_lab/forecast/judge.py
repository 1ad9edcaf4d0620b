"""Judging forecasts on recorded series: error beside the seasonal naive one, and coverage."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from datawatch_lab.forecast.base import Floats, Model, Season, Series
from datawatch_lab.forecast.choice import LEAST, LOOK, forecast
from datawatch_lab.forecast.seasonal_naive import SeasonalNaive
from datawatch_lab.forecast.seasons import seasons_of

LEADS = (1, 6, 24)
HISTORY = 720
"""Hours of history that a forecast is made from: a month."""

_HOUR = timedelta(hours=1)
_DAY = 24
_SHORTEST = 300


@dataclass(frozen=True)
class Recorded:
    """An hourly series of a file; NaN where it has no value."""

    name: str
    begin: datetime
    values: Floats


@dataclass(frozen=True)
class Judged:
    """Forecasts over some steps, from several origins.

    Attributes:
        name: of the series, of a group or ``all``.
        lead: steps of the horizon.
        forecasts: how many were made.
        mase: their error over the horizon, by that of the seasonal naive forecast within the
            history (Hyndman and Koehler 2006), the mean of all.
        naive: the same for the seasonal naive forecast itself.
        coverage: share of what came that lay in the interval.
    """

    name: str
    lead: int
    forecasts: int
    mase: float
    naive: float
    coverage: float


def read_hourly(folder: Path) -> Iterator[Recorded]:
    """The series below a folder whose rows are an hour apart and that are long enough.

    A file has the columns TimeStamp and Value, in order of time.
    """
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["TimeStamp"], row["Value"]) for row in csv.DictReader(file)]
        times = [datetime.fromisoformat(at).replace(tzinfo=UTC) for at, _ in rows]
        if len(rows) < _SHORTEST or times[1] - times[0] != _HOUR:
            continue
        values = np.full((times[-1] - times[0]) // _HOUR + 1, np.nan)
        places = [(at - times[0]) // _HOUR for at in times]
        values[places] = [float(value or "nan") for _, value in rows]
        yield Recorded(f"{path.parent.name}/{path.stem}", times[0], values)


def judge(
    recorded: Iterable[Recorded],
    models: Sequence[Model],
    *,
    origins: int = 10,
    level: float = 0.8,
) -> list[Judged]:
    """Forecast each series from several moments of its younger part, and compare.

    What comes after a moment is not seen by the forecast, nor by the choice of its model.

    Returns:
        Figures by series, by group (the part of the name before ``/``) and of all, and by lead.
    """
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = defaultdict(list)
    for each in recorded:
        for lead in LEADS:
            made = [_one(each, at, models, lead, level) for at in _moments(each, origins)]
            rows = [row for row in made if row is not None]
            for name in (each.name, each.name.partition("/")[0], "all"):
                found[name, lead] += rows
    return [
        Judged(name, lead, len(rows), *(float(part) for part in np.mean(rows, axis=0)))
        for (name, lead), rows in found.items()
        if rows
    ]


def _moments(recorded: Recorded, origins: int) -> list[int]:
    n = len(recorded.values)
    moments = np.linspace(n * 0.6, n - max(LEADS), origins)
    return [int(each) for each in moments.tolist()]


def _one(
    recorded: Recorded, at: int, models: Sequence[Model], lead: int, level: float
) -> tuple[float, float, float] | None:
    """MASE, that of the seasonal naive forecast, and coverage; None where they mean nothing."""
    begin = max(at - HISTORY, 0)
    past, came = recorded.values[begin:at], recorded.values[at : at + lead]
    known = np.isfinite(came)
    within = np.abs(past[_DAY:] - past[:-_DAY])
    usual = float(np.nanmean(within)) if np.isfinite(within).any() else 0.0
    if usual == 0 or not known.any() or np.isfinite(past).sum() < LEAST:
        return None
    times = [recorded.begin + _HOUR * place for place in range(begin, at + max(lead, LOOK))]
    seasons = tuple(seasons_of(times, len(past), _HOUR, "UTC"))
    said = forecast(Series(past, seasons), models, lead, level)
    naive = SeasonalNaive().forecast(_daily(past, seasons), np.array([at - begin]), lead)[-1, 0]
    slack = 1e-9 * np.maximum(np.abs(came), 1.0)
    inside = (came >= said.low - slack) & (came <= said.high + slack)
    return (
        float(np.abs(came - said.values)[known].mean()) / usual,
        float(np.abs(came - naive)[known].mean()) / usual,
        float(inside[known].mean()),
    )


def _daily(past: Floats, seasons: Sequence[Season]) -> Series:
    return Series(past, tuple(each for each in seasons if each.length == _DAY))
