"""The product beside a loop over events as a Python user would write it with River."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from benchmarks.events import read_truth, write_events
from benchmarks.ingesting import events_file, ingest
from benchmarks.meters import Meter, peak_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size
from benchmarks.scenarios.ingest_4_tables import MIX

NAME = "river_loop"
FULL, QUICK = 100_000, 6_000


def prepare(context: Context) -> None:
    """Events of four tables."""
    write_events(events_file(context, NAME), context.size(FULL, QUICK), MIX)


def subject(context: Context) -> Sample:
    """Ingest, durable, with everything that the product keeps."""
    return ingest(context, NAME, events_file(context, NAME))


def baseline(context: Context) -> Sample:
    """Counts, and sum, mean and extremes of numbers, by table, field and minute; in memory only."""
    from river import stats

    def summary() -> tuple[Any, ...]:
        return stats.Count(), stats.Sum(), stats.Mean(), stats.Min(), stats.Max()

    file = events_file(context, NAME)
    counts: dict[tuple[str, str, str], Any] = defaultdict(stats.Count)
    numbers: dict[tuple[str, str, str], tuple[Any, ...]] = defaultdict(summary)
    with Meter() as meter, file.open("rb") as lines:
        for line in lines:
            event = json.loads(line)
            table, minute = event["table"], event["timestamp"][:16]
            counts[table, event["operation"], minute].update(1)
            if event["operation"] != "INSERT":
                continue
            row = event["after"]
            for field in ("amount", "quantity", "weight"):
                value = float(row[field])
                for each in numbers[table, field, minute]:
                    each.update(value)
    total = sum(int(each.get()) for each in counts.values())
    expected = read_truth(file).total
    return Sample(
        {NAME: total / meter.seconds},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=peak_bytes(),
        fault="" if total == expected else f"it counted {total} of {expected} events",
    )


SCENARIO = Scenario(
    name=NAME,
    about="durable ingest beside a per-event loop with River that counts and sums in memory",
    figures=(Figure(NAME, "events/s", "higher"),),
    prepare=prepare,
    subject=subject,
    baseline=baseline,
    against="a per-event River loop over the same file",
    needs=("river",),
    scaled=of_size(FULL, QUICK, "events"),
)
