"""What it takes to look for anomalies in ten thousand series of a running engine."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.meters import peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size

if TYPE_CHECKING:
    from datawatch_lab.core.clock import ManualClock
    from datawatch_lab.engine import Engine

NAME = "detection_load"
FULL, QUICK = 10_000, 1_000
_LABELS, _OF_A_TABLE = 20, 66
"""Values of the label of a table, and the series that follow from them."""
_KNOWN, _MINUTES = 75, 6
_START = datetime(2026, 1, 5, 12, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def subject(context: Context) -> Sample:
    """Take minutes in, all series in each; CPU seconds of detection for one, as a share of it.

    Two states of the detectors are stored a minute, as when it runs by itself.
    """
    from datawatch_lab.core.clock import ManualClock
    from datawatch_lab.engine import Engine
    from datawatch_lab.engine.detection import Detection

    tables = max(round(context.size(FULL, QUICK) / _OF_A_TABLE), 1)
    path, clock = context.folder / "load.duckdb", ManualClock(_START)
    engine = Engine.open(path, clock=clock)
    engine.beside(Detection).close()  # its thread; the measurement takes its place
    detection = Detection(engine)
    detection.by_hand()
    for minute in range(0, _KNOWN, 15):
        _post(engine, clock, tables, minute, 15)
    began = time.process_time()
    detection.catch_up()
    first = time.process_time() - began
    spent, ingest, events, seen = [], [], 0, detection.number
    for minute in range(_KNOWN, _KNOWN + _MINUTES):
        began = time.process_time()
        events = _post(engine, clock, tables, minute, 1)
        ingest.append(time.process_time() - began)
        began = time.process_time()
        detection.catch_up()
        for _ in range(2):
            detection.checkpoint()
        spent.append(time.process_time() - began)
    watched = detection.watched
    minutes = engine.closed_since(0, seen)["closed_until"].n_unique()
    detection.close()
    engine.close()
    return Sample(
        {NAME: 100.0 * median(spent) / 60.0},
        cpu_seconds=sum(spent),
        memory_bytes=peak_bytes(),
        file_bytes=workspace_bytes(path),
        details={
            "series": watched,
            "tables": tables,
            "events_a_minute": events,
            "cpu_seconds_a_minute": round(median(spent), 3),
            "ingest_cpu_seconds_a_minute": round(median(ingest), 3),
            "learning_cpu_seconds": round(first, 2),
        },
        fault="" if watched and minutes >= _MINUTES else f"{watched} series, {minutes} minutes",
    )


def _post(engine: Engine, clock: ManualClock, tables: int, minute: int, count: int) -> int:
    """Some minutes of all tables, two rows a minute of each label value; the clock follows."""
    from datawatch_lab.ingest.decode import decode

    lines = []
    for each in range(minute, minute + count):
        for place in range(2 * _LABELS):
            at = _START + each * _MINUTE + place * _MINUTE / (2 * _LABELS)
            for table in range(tables):
                number = f"{each}-{place}-{table}"
                amount = 10 + (each * 7 + place * 3 + table) % 11
                lines.append(
                    f'{{"id": "{number}", "type": "INSERT", "table": "orders_{table}", '
                    f'"timestamp": "{at.isoformat()}", "after": {{"id": "{number}", '
                    f'"status": "s{place % _LABELS}", "amount": {amount}}}}}'.encode()
                )
    clock.set(_START + (minute + count) * _MINUTE + timedelta(seconds=1))
    numbers = range(1, len(lines) + 1)
    engine.submit(decode(lines, numbers, numbers, source="shop")).result()
    return len(lines)


SCENARIO = Scenario(
    name=NAME,
    about="share of a core that looking for anomalies in ten thousand series takes",
    figures=(Figure(NAME, "% of a core", "lower"),),
    subject=subject,
    scaled=of_size(FULL, QUICK, "series"),
    runs=3,
)
