"""Planted incidents of the simulated shop, and what a running engine finds of them.

``python -m tests.engine.planted_live [--seed 41] [--days 10]`` prints the figures of
docs/anomalies.md. Events, late and broken ones too, come in the order of their arrival, minutes
close as they do live, and all series of all tables are looked at. Events arrive some hours at a
time, so lags are those of the cuts: ``lag`` incidents are planted, and not asked for.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from datawatch_lab.core.anomalies import Anomaly
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.engine import Engine
from datawatch_lab.engine.detection import Detection, Listing
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.sources.demo_simulator import Simulator
from datawatch_lab.ingest.sources.demo_truth import Incident
from tests.engine.planted import START, planted

SOURCE = "shop"
_KNOWN = timedelta(days=2)
_AFTER, _SOON = timedelta(hours=1), timedelta(minutes=5)
_LOOK = timedelta(hours=1)


def watched(path: Path, seed: int, days: int, incidents: Sequence[Incident]) -> list[Anomaly]:
    """Anomalies that an engine finds while a shop's days pass, oldest first."""
    simulator = Simulator(seed, START, orders_per_minute=8.0, incidents=incidents)
    clock = ManualClock(START)
    with closing(Engine.open(path, clock=clock)) as engine:
        detection = engine.beside(Detection)
        detection.by_hand()
        line, looked = 0, START
        for stretch in simulator.stretches(START, START + timedelta(days=days)):
            clock.set(stretch.end)
            numbers = range(line, line + len(stretch.lines))
            line += len(stretch.lines)
            engine.submit(decode(stretch.lines, numbers, numbers, source=SOURCE)).result()
            if stretch.end - looked >= _LOOK:
                detection.catch_up()
                looked = stretch.end
        detection.catch_up()
        return detection.find(Listing(limit=100_000))[::-1]


@dataclass
class Outcome:
    """What became of planted incidents in a running engine.

    Attributes:
        right: of each anomaly of a whole metric, whether an incident was there, or over for less
            than an hour.
        right_parts: the same of series by label.
        found: of each incident but for lags, minutes until an anomaly began in it; None: missed.
        kinds: of the incidents.
    """

    right: list[bool] = field(default_factory=list)
    right_parts: list[bool] = field(default_factory=list)
    found: list[float | None] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the anomalies of whole metrics that were right."""
        return sum(self.right) / max(len(self.right), 1)

    @property
    def recall(self) -> float:
        """Share of the incidents that were found."""
        return sum(each is not None for each in self.found) / max(len(self.found), 1)

    @property
    def delay(self) -> float:
        """Median minutes until an incident was seen."""
        return median(each for each in self.found if each is not None)


def judged(anomalies: Sequence[Anomaly], incidents: Sequence[Incident]) -> Outcome:
    """Set what was found live, after the first two days, against what was planted."""
    made = Outcome()
    live = [each for each in anomalies if not each.past and each.started_at >= START + _KNOWN]
    for each in live:
        right = any(_meets(each, one) for one in incidents)
        (made.right_parts if each.labels else made.right).append(right)
    for one in (each for each in incidents if each.kind != "lag"):
        seen = [e.started_at for e in live if one.start <= _minute(e) < one.end + _SOON]
        first = min(seen, default=None)
        late = None if first is None else (first - one.start) / timedelta(minutes=1)
        made.found.append(None if late is None else max(late, 0.0))
        made.kinds.append(one.kind)
    return made


def _minute(anomaly: Anomaly) -> datetime:
    """When its first bucket was over: that of an incident may have begun before it."""
    return anomaly.started_at + timedelta(seconds=anomaly.step)


def _meets(anomaly: Anomaly, incident: Incident) -> bool:
    return anomaly.started_at < incident.end + _AFTER and anomaly.until > incident.start


def main() -> None:
    """Print the figures of a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--days", type=int, default=10)
    given = parser.parse_args()
    incidents = planted(given.seed, given.days)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.duckdb"
        anomalies = watched(path, given.seed, given.days, incidents)
    found = judged(anomalies, incidents)
    print(
        f"seed {given.seed}: {len(found.found)} incidents; whole metrics: {len(found.right)} "
        f"anomalies, precision {found.precision:.3f}; by label: {len(found.right_parts)}, "
        f"{sum(found.right_parts)} right; recall {found.recall:.3f}, "
        f"median delay {found.delay:.1f} minutes"
    )
    for kind, delay in zip(found.kinds, found.found, strict=True):
        print(kind, "missed" if delay is None else f"{delay:.0f} minutes")
    for each in anomalies:
        if not each.past and not any(_meets(each, one) for one in incidents):
            print("wrong:", each.started_at, each.labels, each.type, each.description)


if __name__ == "__main__":
    main()
