"""The nasty items through the whole engine: the ledger balances and nothing is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine import Engine
from datawatch_lab.engine.intake import run
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.sources.file import FileSource
from tests.fuzz.laws import places
from tests.fuzz.nasty import everything, whole_items

pytestmark = [
    pytest.mark.timeout(1_200),
    # Sums of 1e308 overflow to infinity, as they must.
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),
]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = 400
"""Of the mutations the ordinary suite takes one in so many."""


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> list[bytes]:
    """Nasty lines with a good event between each two."""
    soak = request.config.getoption("--soak")
    found = list(everything().values())[:: 1 if soak else EVERY]
    if not soak:
        found += [item for _, item in whole_items() if b"\n" not in item and len(item) < 300_000]
    return [line for n, item in enumerate(found) for line in (item, good(n))]


def good(number: int) -> bytes:
    """A well-formed event of about now, of a table that no other event names."""
    event = {
        "id": f"good-{number}", "type": "INSERT", "table": "sound",
        "timestamp": "2026-03-01T11:30:00Z", "after": {"id": number, "amount": number + 0.25},
    }  # fmt: skip
    return json.dumps(event).encode()


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[list[Engine]]:
    """Engines that are closed whatever happens."""
    opened: list[Engine] = []
    yield opened
    for engine in opened:
        engine.close()


def open_engine(path: Path, opened: list[Engine]) -> Engine:
    """Open a workspace on a clock that stands still."""
    opened.append(Engine.open(path, clock=ManualClock(NOW)))
    return opened[-1]


def total(engine: Engine) -> LedgerCounts:
    """The four counts over everything; each cell balances."""
    cells = engine.store.ledger()
    assert [key for key, cell in cells.items() if not cell.balanced] == []
    return sum(cells.values(), LedgerCounts())


def check(engine: Engine, lines: list[bytes]) -> None:
    """Counts are those of decoding, and everything counted is there to be read."""
    counts = total(engine)
    items = [line for line in lines if line.strip()]
    batch = decode(items, range(1, len(items) + 1), places(items), source="file:nasty.ndjson")
    assert counts.received == batch.received
    tables = engine.tables()
    stored = Counter[str]()
    for table in tables:
        for frame in engine.store.read_log(table.id):
            stored[table.name] += frame.height
    marks = engine.store.ledger().get(("file:nasty.ndjson", "(transactions)"), LedgerCounts())
    assert sum(stored.values()) == counts.applied - marks.applied
    assert engine.quarantined() == counts.late + counts.quarantined
    sound = [line for line in lines if b'"table": "sound"' in line]
    rows = engine.sql(
        "SELECT count(*) AS n, sum(amount) AS total FROM live.sound"
    ).table.to_pylist()
    numbers = [json.loads(line)["after"]["amount"] for line in sound]
    assert [(row["n"], float(row["total"])) for row in rows] == [(len(sound), sum(numbers))]


def check_views(engine: Engine) -> None:
    """Every table, whatever its name, can be asked for in SQL."""
    tables = engine.tables()
    stored = Counter[int]()
    for table in tables:
        for frame in engine.store.read_log(table.id):
            stored[table.id] += frame.height
    for table in tables:
        shown = str(engine.store.view_name(table.id)).replace('"', '""')
        found = engine.sql(f'SELECT count(*) AS n FROM changes."{shown}"').table.to_pylist()
        assert found == [{"n": stored[table.id]}], table.name


def test_a_file_of_nasty_lines_goes_through_and_stays(
    lines: list[bytes], tmp_path: Path, engines: list[Engine]
) -> None:
    """Every line has a fate, every good event its row; also after a restart and a second run."""
    file = tmp_path / "nasty.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    engine = open_engine(tmp_path / "w.duckdb", engines)
    first = run(engine, FileSource(file))
    assert first == total(engine)
    check(engine, lines)
    aside = [row for row in engine.store.quarantine(limit=100_000) if "could not be" in row.reason]
    assert aside == [], [row.raw[:200] for row in aside[:3]]
    engines.remove(engine)
    engine.close()

    again = open_engine(tmp_path / "w.duckdb", engines)
    check(again, lines)
    check_views(again)
    second = run(again, FileSource(file))
    assert second.applied == 0
    assert second.received == first.received
    assert second.duplicate + second.late + second.quarantined == second.received
    assert total(again) == first + second


def test_an_event_that_no_stage_takes_is_set_aside_alone(
    tmp_path: Path, engines: list[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the product over one event costs that event only, and its bytes are kept."""
    engine = open_engine(tmp_path / "w.duckdb", engines)
    whole = type(engine.measures).derive

    def derive(self: Any, batches: Any, *given: Any) -> Any:
        for batch in batches:
            columns = batch.after.columns
            if "id" in columns and 37 in columns["id"].to_list():
                raise ValueError("nobody thought of 37")
        return whole(self, batches, *given)

    monkeypatch.setattr(type(engine.measures), "derive", derive)
    lines = [good(number) for number in range(100)]
    file = tmp_path / "nasty.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    counts = run(engine, FileSource(file))
    assert (counts.received, counts.applied, counts.quarantined) == (100, 99, 1)
    (row,) = engine.store.quarantine()
    assert json.loads(row.raw)["after"] == {"id": 37, "amount": 37.25}
    assert "could not be stored as a change" in row.reason
    monkeypatch.undo()
    assert engine.replay([row.id], {}).applied == 1
    check(engine, lines)
    assert run(engine, FileSource(file)).duplicate == 100
