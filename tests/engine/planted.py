"""Planted incidents of the simulated shop, and what a preview finds of them.

``python -m tests.engine.planted [--seeds 5] [--days 30] [--first 31]`` prints the figures of
docs/anomalies.md. Kinds, lengths and magnitudes are drawn from ranges that the detector's code does
not know; shapes and seasons are those of the simulator.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from statistics import median
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.anomaly.beneath import Beneath
from datawatch_lab.anomaly.episodes import Episode, Rules, fold
from datawatch_lab.anomaly.history import score_history
from datawatch_lab.anomaly.sensitivity import threshold
from datawatch_lab.anomaly.whole_history import whole_history
from datawatch_lab.engine.detection.rules import gap_of, goes_on_at
from datawatch_lab.ingest.sources.demo_plan import STATUSES
from datawatch_lab.ingest.sources.demo_simulator import Simulator
from datawatch_lab.ingest.sources.demo_truth import Incident, IncidentKind

START = datetime(2026, 1, 5, tzinfo=UTC)
EPOCH = int(START.timestamp())
KNOWN_DAYS = 4
"""Days before the first incident."""

Row = NDArray[np.float64]

RANGES: dict[IncidentKind, tuple[float, float]] = {
    "spike": (1.5, 5.0),
    "drop": (0.0, 0.5),
    "outage": (0.0, 0.0),
    "lag": (3.0, 300.0),
    "payment_failures": (0.2, 0.9),
    "price_error": (3.0, 100.0),
    "trend": (1.3, 2.5),
}
"""Kind → magnitudes that are drawn, see `Incident`; those above one evenly in their logarithm."""

_DAY = 86_400


def planted(seed: int, days: int) -> list[Incident]:
    """Two a day after four days, each in its half of the day; a trend takes the whole day."""
    rng = random.Random(seed)
    found: list[Incident] = []
    for half in range(2 * KNOWN_DAYS, 2 * days):
        kind = rng.choice(list(RANGES))
        if found and found[-1].end > START + timedelta(hours=12 * half):
            continue
        start = START + timedelta(hours=12 * half, minutes=rng.randint(30, 600))
        low, high = RANGES[kind]
        size = low * (high / low) ** rng.random() if low > 1.0 else rng.uniform(low, high)
        length = 1_440 if kind == "trend" else rng.randint(20, 60)
        found.append(
            Incident(
                id=f"{kind}-{len(found)}",
                kind=kind,
                table="orders",
                metric="",
                start=start,
                end=start + timedelta(minutes=length),
                magnitude=size,
                description="",
            )
        )
    return found


class Series(NamedTuple):
    """A series of the shop by the minute; one that is made of nothing is a count."""

    name: str
    x: Row
    beneath: Beneath | None = None


def series(seed: int, days: int, incidents: list[Incident]) -> Iterator[Series]:
    """Some series of the shop."""
    minutes = days * 1_440
    orders, payments = _inserts(seed, days, incidents)
    failed = payments.filter(pl.col("new") == STATUSES.index("failed"))
    for name, rows in (("orders", orders), ("payments", payments), ("failed", failed)):
        count = np.bincount(rows["minute"].to_numpy(), minlength=minutes)
        yield Series(name, count.astype(np.float64))
    at = orders["minute"].to_numpy()
    for name, values in (
        ("lag", (orders["captured"] - orders["at"]) / 1e6),
        ("amount", orders["cents"] / 100.0),
    ):
        yield averages(name, at, values.to_numpy(), minutes)


def averages(name: str, at: NDArray[np.int64], values: Row, minutes: int) -> Series:
    """Averages by the minute of values in minutes ``at``."""
    n = np.bincount(at, minlength=minutes).astype(np.float64)
    total = np.bincount(at, weights=values, minlength=minutes).astype(np.float64)
    least, most = np.full(minutes, np.inf), np.full(minutes, -np.inf)
    np.minimum.at(least, at, values)
    np.maximum.at(most, at, values)
    x = np.where(n > 0, total / np.maximum(n, 1.0), np.nan)
    return Series(name, x, Beneath.of(n, total, least, most))


def _inserts(seed: int, days: int, incidents: list[Incident]) -> list[pl.DataFrame]:
    """New orders and payments with their minute; what is late or broken is left out."""
    planner = Simulator(seed, START, orders_per_minute=8.0, incidents=incidents)._planner
    blocks = range(days * _DAY * 1_000_000 // planner.block)
    minute = (pl.col("at") // 1_000_000 - EPOCH) // 60
    good = ~pl.col("duplicate") & ~pl.col("delayed") & ~pl.col("late") & (pl.col("fault") == 0)
    kept = good & (pl.col("op") == 0) & pl.col("table").is_in([0, 1]) & ~pl.col("invalid")
    plans = [planner.plan(each).filter(kept).with_columns(minute=minute) for each in blocks]
    plan = pl.concat(plans, how="diagonal")
    plan = plan.filter(pl.col("minute").is_between(0, days * 1_440 - 1))
    return [plan.filter(pl.col("table") == each) for each in (0, 1)]


def flagged(one: Series, *, ml: bool = True, sensitivity: str = "medium") -> list[Episode]:
    """Episodes of a history as a preview finds them."""
    x, beneath = one.x, one.beneath
    times = EPOCH + 60.0 * np.arange(len(x))
    row = score_history(x, times, joint=ml)
    single = (row.score, row.expected, row.sigma)
    found = whole_history(x, times, single, counted=beneath is None, beneath=beneath)
    opens = threshold(sensitivity)
    rules = Rules(opens=opens, goes_on=goes_on_at(opens), gap=gap_of(60))
    return fold(times.astype(int).tolist(), x, found, rules)


@dataclass
class Judged:
    """What became of planted incidents.

    Attributes:
        right: of each episode, whether an incident was there, or over for less than an hour.
        found: of each incident, its kind, magnitude, and buckets until it was seen; None: missed.
        weeks: of series that were looked at.
    """

    right: list[bool] = field(default_factory=list)
    found: list[tuple[str, float, float | None]] = field(default_factory=list)
    weeks: float = 0.0

    @property
    def precision(self) -> float:
        """Share of the episodes that were right."""
        return sum(self.right) / max(len(self.right), 1)

    @property
    def recall(self) -> float:
        """Share of the incidents that were found."""
        return sum(delay is not None for _, _, delay in self.found) / max(len(self.found), 1)

    @property
    def delay(self) -> float:
        """Median buckets until an incident was seen."""
        return median(delay for _, _, delay in self.found if delay is not None)

    @property
    def false_alarms(self) -> float:
        """Wrong episodes a week and series."""
        return (len(self.right) - sum(self.right)) / max(self.weeks, 1e-9)

    def curve(self, kind: str, parts: int = 3) -> list[tuple[float, float, int, int]]:
        """Incidents of a kind by magnitude: from, to, found, of how many."""
        mine = sorted(
            ((size, delay) for name, size, delay in self.found if name == kind), key=itemgetter(0)
        )
        cuts = [round(n * len(mine) / parts) for n in range(parts + 1)]
        pieces = [mine[a:b] for a, b in pairwise(cuts) if a < b]
        return [
            (each[0][0], each[-1][0], sum(d is not None for _, d in each), len(each))
            for each in pieces
        ]


def judge(
    seeds: Sequence[int], days: int, *, ml: bool = True, sensitivity: str = "medium"
) -> Judged:
    """Incidents of some seeds, and what was found of them after the first two days."""
    total = Judged()
    for seed in seeds:
        incidents = planted(seed, days)
        _add(total, list(series(seed, days, incidents)), incidents, days, ml, sensitivity)
    return total


def _add(
    total: Judged,
    rows: list[Series],
    incidents: list[Incident],
    days: int,
    ml: bool,
    sensitivity: str,
) -> None:
    spans = [(each.start.timestamp(), each.end.timestamp()) for each in incidents]
    found = [flagged(each, ml=ml, sensitivity=sensitivity) for each in rows]
    episodes = [each for mine in found for each in mine if each.first >= EPOCH + 2 * _DAY]
    total.weeks += len(rows) * (days - 2) / 7.0
    total.right += [
        any(e.first < b + 3_600 and e.last + 60 > a for a, b in spans) for e in episodes
    ]
    for incident, (a, b) in zip(incidents, spans, strict=True):
        seen = min((e.first for e in episodes if a <= e.first < b + 300), default=None)
        delay = None if seen is None else (seen - a) / 60
        total.found.append((incident.kind, incident.magnitude, delay))


def _print(name: str, found: Judged) -> None:
    print(
        f"{name}: {len(found.found)} incidents, {len(found.right)} episodes; "
        f"precision {found.precision:.3f}, recall {found.recall:.3f}, "
        f"median delay {found.delay:.1f} buckets, "
        f"{found.false_alarms:.2f} false alarms a week and series",
        flush=True,
    )


def main() -> None:
    """Print the figures by seed, in all, without ``ml``, and the curve over magnitude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=31)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    sets = {"with ml": True, "without ml": False}
    every = {name: Judged() for name in sets}
    named = {each: Judged() for each in ("low", "high")}
    for seed in range(given.first, given.first + given.seeds):
        incidents = planted(seed, given.days)
        rows = list(series(seed, given.days, incidents))
        for name, ml in sets.items():
            one = Judged()
            for each in (one, every[name]):
                _add(each, rows, incidents, given.days, ml, "medium")
            _print(f"seed {seed}, {name}", one)
        for level, total in named.items():
            _add(total, rows, incidents, given.days, True, level)
    for name, each in (every | named).items():
        _print(f"all seeds, {name}", each)
    for kind in RANGES:
        parts = every["with ml"].curve(kind)
        print(kind, "; ".join(f"{a:.3g} to {b:.3g}: {n} of {of}" for a, b, n, of in parts))


if __name__ == "__main__":
    main()
