"""Durable ingest of mostly updates, each with the whole old row."""

from __future__ import annotations

from benchmarks.events import Mix
from benchmarks.ingesting import ingest_scenario

SCENARIO = ingest_scenario(
    "ingest_updates",
    "80 % updates and 5 % deletes with whole before images, of 4 keyed tables",
    Mix(updates=0.8, deletes=0.05, before=True),
    full=300_000,
    quick=10_000,
)
