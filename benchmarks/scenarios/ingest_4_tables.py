"""Durable ingest of four tables, 495 bytes an event."""

from __future__ import annotations

from benchmarks.events import Mix
from benchmarks.ingesting import ingest_scenario

MIX = Mix()
SCENARIO = ingest_scenario(
    "ingest_4_tables",
    "495-byte Savegress events of 4 keyed tables, file to workspace",
    MIX,
    full=500_000,
    quick=20_000,
)
