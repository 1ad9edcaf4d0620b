"""Planted incidents of the simulated shop are found, and little else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from datawatch_lab.anomaly.arrivals import arrival_history
from datawatch_lab.anomaly.combined import combine
from datawatch_lab.anomaly.episodes import Episode, Rules, fold
from datawatch_lab.anomaly.history import score_history
from datawatch_lab.anomaly.level_history import level_history
from datawatch_lab.anomaly.sensitivity import threshold
from datawatch_lab.engine.detection.rules import gap_of, goes_on_at
from datawatch_lab.ingest.sources.demo_plan import STATUSES
from datawatch_lab.ingest.sources.demo_simulator import Simulator
from datawatch_lab.ingest.sources.demo_truth import Incident, IncidentKind

START = datetime(2026, 1, 5, tzinfo=UTC)
EPOCH = int(START.timestamp())
KNOWN = 4 * 86_400
KINDS: tuple[IncidentKind, ...] = ("spike", "drop", "outage", "lag", "payment_failures")
Row = NDArray[np.float64]


def planted(seed: int, days: int) -> list[Incident]:
    """Two a day after four days; magnitudes and lengths are drawn from wide ranges."""
    rng = random.Random(seed)
    found: list[Incident] = []
    for day in range(KNOWN // 86_400, days):
        for half in range(2):
            kind = rng.choice(KINDS)
            start = START + timedelta(days=day, minutes=720 * half + rng.randint(30, 600))
            size = {
                "spike": rng.uniform(1.8, 5.0),
                "drop": rng.uniform(0.0, 0.3),
                "outage": 0.0,
                "lag": rng.uniform(5.0, 300.0),
                "payment_failures": rng.uniform(0.3, 0.9),
            }[kind]
            found.append(
                Incident(
                    id=f"{kind}-{len(found)}",
                    kind=kind,
                    table="orders",
                    metric="",
                    start=start,
                    end=start + timedelta(minutes=rng.randint(20, 60)),
                    magnitude=size,
                    description="",
                )
            )
    return found


def series(seed: int, days: int, incidents: list[Incident]) -> Iterator[tuple[str, Row, bool]]:
    """Some series of the shop by the minute: name, values, whether they are counts."""
    shop = Simulator(seed, START, orders_per_minute=8.0, incidents=incidents)
    planner = shop._planner
    blocks = days * 86_400_000_000 // planner.block
    plan = pl.concat([planner.plan(each) for each in range(blocks)], how="diagonal")
    good = ~pl.col("duplicate") & ~pl.col("delayed") & ~pl.col("late") & (pl.col("fault") == 0)
    minute = (pl.col("at") // 1_000_000 - EPOCH) // 60
    plan = plan.filter(good).with_columns(minute=minute)
    plan = plan.filter(pl.col("minute").is_between(0, days * 1_440 - 1))
    orders, payments = (
        plan.filter((pl.col("table") == each) & (pl.col("op") == 0)) for each in (0, 1)
    )
    failed = payments.filter(pl.col("new") == STATUSES.index("failed"))
    for name, rows in (("orders", orders), ("payments", payments), ("failed", failed)):
        count = np.bincount(rows["minute"].to_numpy(), minlength=days * 1_440)
        yield name, count.astype(np.float64), True
    at = orders["minute"].to_numpy()
    lag = ((orders["captured"] - orders["at"]) / 1e6).to_numpy()
    count = np.bincount(at, minlength=days * 1_440)
    total = np.bincount(at, weights=lag, minlength=days * 1_440)
    yield "lag", np.where(count > 0, total / np.maximum(count, 1), np.nan), False


def flagged(x: Row, *, counted: bool) -> list[Episode]:
    """Episodes of a history at medium sensitivity, as a preview finds them."""
    times = EPOCH + 60.0 * np.arange(len(x))
    row, shift = score_history(x, times), level_history(x, times, counted=counted)
    found = combine(x, (row.score, row.expected, row.sigma), shift, np.array(counted))
    if counted:
        silence = arrival_history(x, found.expected)
        found = found._replace(score=np.maximum(found.score, silence))
    opens = threshold("medium")
    rules = Rules(opens=opens, goes_on=goes_on_at(opens), gap=gap_of(60))
    return fold(times.astype(int).tolist(), x, found, rules)


def judged(seed: int, days: int) -> tuple[list[bool], list[float], list[bool]]:
    """Which episodes were right, delays in buckets, and which incidents were found."""
    incidents = planted(seed, days)
    spans = [(each.start.timestamp(), each.end.timestamp()) for each in incidents]
    episodes = [
        each
        for _, x, counted in series(seed, days, incidents)
        for each in flagged(x, counted=counted)
        if each.first >= EPOCH + 2 * 86_400
    ]
    right = [any(e.first < b + 3_600 and e.last + 60 > a for a, b in spans) for e in episodes]
    starts = [[e.first - a for e in episodes if a <= e.first < b + 300] for a, b in spans]
    return right, [min(each) / 60 for each in starts if each], [bool(each) for each in starts]


def _holds(seeds: range, days: int) -> None:
    results = [judged(seed, days) for seed in seeds]
    right = [each for result in results for each in result[0]]
    delays = [each for result in results for each in result[1]]
    found = [each for result in results for each in result[2]]
    assert sum(right) / len(right) >= 0.85
    assert sum(found) / len(found) >= 0.80
    assert median(delays) <= 2.0


def test_incidents_of_a_week_are_found() -> None:
    """One seed: precision of episodes, recall and delay hold."""
    _holds(range(21, 22), 9)


@pytest.mark.soak
def test_incidents_of_a_month_are_found() -> None:
    """Five seeds, a month each."""
    _holds(range(31, 36), 30)
