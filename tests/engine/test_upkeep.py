"""What the engine does between commits, and when there is nothing to store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.engine import Engine
from datawatch_lab.ingest.decode import decode
from datawatch_lab.store import compactor

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def flood(engine: Engine, seconds: int) -> None:
    """Submit inserts, one a second."""
    lines = [
        b'{"table":"orders","type":"INSERT","timestamp":"%s","after":{"id":%d,"amount":%d}}'
        % ((NOW - timedelta(seconds=second)).isoformat().encode(), second, second % 7)
        for second in range(seconds, 0, -1)
    ]
    numbers = range(1, seconds + 1)
    engine.submit(decode(lines, numbers, numbers, source="test")).result()


def unsettled(engine: Engine) -> int:
    """Rows of partial states that are not in the table of their level yet."""
    with engine.store._file.readers.cursor() as con:
        rows = con.execute("SELECT count(*) FROM measures.new_partials").fetchall()
    return int(rows[0][0])


@pytest.mark.parametrize(("much", "settles"), [(50, True), (1_000_000, False)])
def test_what_a_flood_left_settles_while_nothing_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, much: int, settles: bool
) -> None:
    """So that a question over years need not read its seconds; a trickle is left alone."""
    monkeypatch.setattr(compactor, "MUCH", much)
    engine = Engine.open(tmp_path / "a.duckdb", clock=ManualClock(NOW))
    engine._writer._upkeep = lambda _: None
    flood(engine, 200)
    before = unsettled(engine)
    for _ in range(20):
        engine._writer.run(lambda: engine._upkeep.run(idle=True))
    assert (unsettled(engine) < before / 4) == settles
    assert not settles or not engine.store.compaction.much_is_new
    engine.close()
