"""Durable ingest of two hundred tables."""

from __future__ import annotations

from benchmarks.events import Mix
from benchmarks.ingesting import ingest_scenario

SCENARIO = ingest_scenario(
    "ingest_200_tables",
    "events of 200 keyed tables with 8 fields, file to workspace",
    Mix(kind="eight", tables=200),
    full=400_000,
    quick=1_000,
)
