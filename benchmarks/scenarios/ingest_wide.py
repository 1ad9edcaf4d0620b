"""Durable ingest of rows with a hundred fields."""

from __future__ import annotations

from benchmarks.events import Mix
from benchmarks.ingesting import ingest_scenario

SCENARIO = ingest_scenario(
    "ingest_wide",
    "events with 100 fields, of 4 keyed tables, file to workspace",
    Mix(kind="wide", updates=0.12, deletes=0.03),
    full=50_000,
    quick=200,
)
