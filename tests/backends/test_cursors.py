"""Cursors of back ends: what moves them back, what they wait for, what of them is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from datawatch_lab.core.backends import MINUTE, Sent, SentTable
from datawatch_lab.core.storage import Commit
from datawatch_lab.engine import Engine
from datawatch_lab.engine.backends.own import OwnDue
from datawatch_lab.engine.backends.sending import Sender
from tests.backends.duck_backend import DuckBackend
from tests.backends.shop import NOW, await_current, closed_until, events, feed, opened
from tests.waiting import eventually

START = NOW - timedelta(minutes=30)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """With ten minutes of orders."""
    made = opened(tmp_path / "w.duckdb")
    feed(made, events(1, START, 10))
    yield made
    made.close()


def test_one_table_s_cursor_is_written_alone(engine: Engine) -> None:
    """Moving one cursor leaves the others, of this back end and of others, as they are."""
    store = engine.store.sending
    sent = Sent({1: SentTable(NOW, 3), 2: SentTable(NOW, 4)}, 7, 8, 9)
    store.put("a", sent)
    store.put("b", sent)
    moved = replace(sent, tables={1: SentTable(NOW + MINUTE, 5), 2: SentTable(START, 6)}, points=10)
    store.put("a", moved, only=1)
    assert store.sent("a") == replace(moved, tables={**moved.tables, 2: SentTable(NOW, 4)})
    assert store.sent("b") == sent
    store.put("a", Sent())
    assert store.sent("a") == Sent()


def test_a_sequence_number_is_seen_after_what_its_events_changed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads the new number finds the change: a late event cannot fall between the two."""
    seen: list[tuple[int, int]] = []
    note = engine.touched.note

    def noted(version: int, commit: Commit) -> None:
        before = engine.last_seq
        note(version, commit)
        seen.append((before, engine.last_seq))

    monkeypatch.setattr(engine.touched, "note", noted)
    first = engine.last_seq
    feed(engine, events(2, START, 2))
    assert seen[0] == (first, first)
    assert engine.last_seq > first


def test_the_earlier_start_of_two_resends_is_kept(engine: Engine) -> None:
    """Asking for less does not take back what was asked for before; hours are sent whole."""
    sender = Sender(engine, DuckBackend())
    for start in (NOW, START, NOW):
        sender.resend(start)
    assert sender._forget == NOW - timedelta(hours=1)
    sender.close()


def test_what_changes_while_it_is_away_moves_the_cursor(engine: Engine) -> None:
    """Late events are noted when they come, not when the server is back."""
    backend = DuckBackend()
    engine.backends.use([backend])
    await_current(engine)
    backend.away = True
    table = engine.table("orders").id
    feed(engine, events(3, START + timedelta(minutes=10), 3))  # closes minutes, which are sent
    feed(engine, events(4, START + MINUTE, 1))
    engine.backends.resend("duckdb", NOW)
    eventually(lambda: engine.backends.sent("duckdb").seq >= engine.last_seq)
    sent = engine.backends.sent("duckdb")
    assert sent.seq == engine.last_seq
    assert sent.tables[table].until == START + MINUTE


def test_own_metrics_are_sent_from_the_first_minute_once_they_are_known(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent before the rules have seen it; what changed meanwhile is sent again."""
    asked: list[tuple[object, object]] = []

    def values(_: object, low: object, high: object) -> SimpleNamespace:
        asked.append((low, high))
        return SimpleNamespace(height=0)

    monkeypatch.setattr("datawatch_lab.engine.backends.sending.own_values", values)
    ready = False
    monkeypatch.setattr(OwnDue, "is_seen", lambda *_: ready)
    sender = Sender(engine, DuckBackend())
    until = closed_until(engine)
    sender._note_changes()
    sender._catch_up()
    assert asked == []
    assert sender.state().state != "current"
    feed(engine, events(5, START + 2 * MINUTE, 1))
    sender._note_changes()
    ready = True
    sender._catch_up()
    assert asked == [(START, until)]
    assert sender.sent.tables[0].until == START + 2 * MINUTE
    sender._note_changes()
    sender._catch_up()
    assert asked[1:] == [(START + 2 * MINUTE, until)]
    assert sender.sent.tables[0].until == until
    assert sender.state().state == "current"
    sender.close()


@pytest.mark.parametrize(
    ("cursor", "rules", "settled", "age", "seen"),
    [
        (10, ["r"], True, 0, True),
        (9, ["r"], True, 0, False),
        (9, ["r"], True, 1_000, False),
        (9, [], True, 0, True),
        (10, ["r"], False, 0, False),
        (10, ["r"], False, 1_000, True),
    ],
)
def test_scores_wait_for_the_rules_and_anomalies_for_a_time(
    *, cursor: int, rules: list[str], settled: bool, age: float, seen: bool
) -> None:
    """Rules have to reach the last event of the minutes; detection may be by hand, or fail."""
    fake = SimpleNamespace(
        quality=SimpleNamespace(enabled=True, rules=rules, cursor=cursor),
        beside=lambda _: SimpleNamespace(settle=lambda _: settled),
    )
    due = OwnDue(NOW, 10, time.monotonic() - age)
    assert due.is_seen(cast("Any", fake)) is seen
