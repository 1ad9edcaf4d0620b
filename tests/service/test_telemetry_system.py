"""The machine as a watched source of a workspace, and streams beside tables of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Role
from datawatch_lab.core.watching import WatchSettings
from datawatch_lab.engine import Engine, intake
from datawatch_lab.engine.telemetry import stream_table
from datawatch_lab.service.operations import named
from datawatch_lab.service.telemetry.snapshots import Telemetry
from tests.waiting import eventually


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty workspace."""
    made = Engine.open(tmp_path / "w.duckdb")
    yield made
    made.close()


def test_the_machine_is_watched_until_it_is_dropped(engine: Engine) -> None:
    """Its rows come into tables of their own and make it a service; dropping it keeps them."""
    state = engine.watching.add(WatchSettings(url="system://?every=1s", name="box"))
    assert state.name == "box"
    eventually(lambda: engine.watching.states()[0].rows >= 4)
    (state,) = engine.watching.states()
    assert (state.state, state.message) == ("streaming", "streaming")
    host = engine.table("host")
    column = host.column("host")
    assert column is not None
    assert (host.key, column.role) == ((), Role.STATUS)
    assert "host_memory_percent_avg" in engine.metrics()
    (found,) = engine.beside(Telemetry).services()
    assert found.status == "healthy"
    assert all(each.ok for each in engine.watching.diagnose("box"))
    assert engine.watching.drop("box").removed
    assert engine.watching.states() == []
    assert engine.table_counts(host).events >= 2


def test_what_cannot_be_measured_is_refused(engine: Engine) -> None:
    """A wrong address is told at once, and nothing is kept of it."""
    with pytest.raises(InputError, match="often"):
        engine.watching.add(WatchSettings(url="system://?often=1s"))
    assert engine.watching.states() == []


def test_a_table_of_the_same_name_stays_apart(engine: Engine) -> None:
    """A database's own table called events is keyed and counted by itself; the stream is not it."""
    rows = [
        {"schema": "public", "table": "events", "operation": "INSERT", "after": {"id": n, "a": n}}
        for n in range(3)
    ]
    body = msgspec.json.encode(rows)
    intake.take_http(engine, body, content_type="", content_encoding="", wait=True)
    post = named("track_events")
    post.function(engine, post.ask(body=b'{"type": "request"}', wait=True))
    stream = stream_table(engine, "events")
    assert stream is not None
    assert stream.name == "datawatch_events"
    assert engine.table("events").key == ("id",)
    assert engine.beside(Telemetry).make_dashboard().overview.total_requests == 1


def test_a_user_corrects_what_the_schema_says(engine: Engine) -> None:
    """A role that a user sets holds against the stream's own, and goes back to it."""
    post = named("record_measurements")
    post.function(engine, post.ask(body=b'{"name": "m", "value": 1, "unit": "ms"}', wait=True))
    before = engine.table("measurements").column("unit")
    assert before is not None
    assert (before.role, before.corrected_by) == (Role.TEXT, "")
    assert "schema of the stream" in before.reason
    assert engine.correct("measurements", "unit", role=Role.STATUS).corrected_by == "user"
    assert engine.correct("measurements", "unit", reset=True).role is Role.TEXT
