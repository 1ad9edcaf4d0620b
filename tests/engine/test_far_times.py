"""A time that no calendar has is no time: the event is malformed, and holds nothing up."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.engine import Engine
from datawatch_lab.engine.intake import run
from datawatch_lab.ingest.sources.file import FileSource
from tests.engine.test_acceptance import NOW

FAR = ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", -99_999_999_999_999]


def line(number: int, at: object) -> str:
    """An inserted order."""
    event = {
        "id": f"e{number}",
        "table": "orders",
        "type": "INSERT",
        "timestamp": at,
        "after": {"id": number, "amount": 1.5},
    }
    return json.dumps(event)


@pytest.mark.parametrize("far", FAR)
def test_a_file_is_read_past_it(tmp_path: Path, far: object) -> None:
    """Of 31 lines 30 are applied; one is set aside, with a sentence that names the time."""
    lines = [line(number, NOW.isoformat()) for number in range(31)]
    lines[17] = line(17, far)
    path = tmp_path / "orders.ndjson"
    path.write_text("\n".join(lines))
    with closing(Engine.open(tmp_path / "w.duckdb", clock=ManualClock(NOW))) as engine:
        counts = run(engine, FileSource(path))
        (row,) = engine.store.quarantine(limit=2)
    assert (counts.received, counts.applied, counts.quarantined) == (31, 30, 1)
    assert row.kind == "malformed"
    assert f"timestamp {str(far)!r} is outside of the years 1000 to 9999" in row.reason
    assert row.line == 18
