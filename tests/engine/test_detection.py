"""Anomalies of a workspace: found as minutes close, by the same ids after a crash."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from datawatch_lab.core.anomalies import Anomaly, AnomalySettings
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import BusyError, NotFoundError, PlanError
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine
from datawatch_lab.engine.detection import Detection, Listing, detection_of
from datawatch_lab.engine.detection.actions import acknowledge, say
from datawatch_lab.engine.detection.explain import explain
from datawatch_lab.engine.detection.preview import history_of
from datawatch_lab.engine.detection.run import Detectors
from datawatch_lab.engine.detection.work import Closed, Stopped
from datawatch_lab.ingest.decode import decode

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTES = 160
QUIET, LOUD = 10, 60
_SETTINGS = Settings(allowed_lateness=timedelta(days=2))


def rows(minute: int, count: int, *, late: bool = False) -> list[bytes]:
    """Inserts of one minute, spread over it; two cities in three parts."""
    lines = []
    for each in range(count):
        at = START + timedelta(minutes=minute, seconds=50.0 * each / count)
        after = {
            "id": minute * 1_000 + each + (500 if late else 0),
            "city": "ulm" if each % 3 else "bern",
            "amount": 20 + (each * 7 + minute) % 5,
        }
        change = {
            "type": "INSERT",
            "table": "orders",
            "timestamp": at.isoformat(),
            "after": after,
        }
        lines.append(json.dumps(change).encode())
    return lines


def counts(minutes: int, strange: dict[int, int], seed: int = 1) -> list[int]:
    """Rows a minute: some, and what was planted."""
    usual = np.random.default_rng(seed).poisson(QUIET, minutes).tolist()
    return [strange.get(minute, usual[minute]) for minute in range(minutes)]


SPIKE = dict.fromkeys(range(130, 136), LOUD)


class Shop:
    """A workspace that takes minutes in, and looks at them when it is told.

    So does its writer, which would close minutes by the clock at any moment, also between the
    moving of the clock and the rows that are of that time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock(START)
        self.engine = self._open()
        self.line = 0

    def _open(self) -> Engine:
        engine = Engine.open(self.path, settings=_SETTINGS, clock=self.clock)
        engine._writer._upkeep = lambda _: None
        self.detection = engine.beside(Detection)
        return engine

    def take(self, lines: list[bytes]) -> None:
        """Store lines as one batch."""
        numbers = range(self.line, self.line + len(lines))
        self.line += len(lines)
        self.engine.submit(decode(lines, numbers, numbers, source="shop")).result()
        self.look(idle=False)

    def feed(self, amounts: list[int], first: int = 0, every: int = 40) -> None:
        """Minutes of rows, some at a time, the clock with them."""
        for begin in range(0, len(amounts), every):
            part = amounts[begin : begin + every]
            lines = [
                line
                for place, count in enumerate(part)
                for line in rows(first + begin + place, count)
            ]
            self.clock.set(START + timedelta(minutes=first + begin + len(part)))
            self.take(lines)

    def look(self, *, idle: bool = True) -> None:
        """Let the clock close what it closes, as the writer does each second and commit."""
        self.engine._writer.run(lambda: self.engine._upkeep.run(idle=idle))

    def silence(self, minutes: int) -> None:
        """Let minutes pass in which nothing comes."""
        for _ in range(minutes):
            self.clock.advance(timedelta(minutes=1))
            self.look()

    def restart(self) -> None:
        """Close and open again."""
        self.engine.close()
        self.engine = self._open()

    def found(self) -> list[Anomaly]:
        """All anomalies after all that is closed was looked at."""
        self.detection.catch_up()
        return self.detection.find(Listing(withdrawn=True, limit=1_000))


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked at but when a test says so."""
    monkeypatch.setattr(Detection, "_wake", lambda _: None)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """An empty workspace."""
    made = Shop(tmp_path / "shop.duckdb")
    yield made
    made.engine.close()


def _of(found: list[Anomaly], metric: str) -> list[Anomaly]:
    return [each for each in found if each.metric_name == metric and not each.labels]


def test_a_spike_is_one_episode_with_its_parts(shop: Shop) -> None:
    """Six loud minutes are one spike, started where it started, over when it was over."""
    shop.feed(counts(MINUTES, SPIKE))
    (spike,) = _of(shop.found(), "orders_total")
    assert spike.type == "spike"
    assert spike.severity == "high"
    assert spike.started_at == START + timedelta(minutes=130)
    assert spike.ended_at is not None
    assert spike.ended_at <= START + timedelta(minutes=140)
    assert spike.value == LOUD
    assert spike.expected.min <= QUIET <= spike.expected.max
    assert 0.9 < spike.score <= 1.0
    assert "orders_total was 60" in spike.description
    assert spike.step == 60


def test_a_quiet_shop_raises_nothing(shop: Shop) -> None:
    """Four hours in which nothing is wrong raise no anomaly of a whole metric."""
    shop.feed(counts(MINUTES, {}))
    assert [each for each in shop.found() if not each.labels] == []


def test_silence_is_missing_data(shop: Shop) -> None:
    """When nothing comes any more, the clock closes minutes, and they are missed."""
    shop.feed(counts(130, {}))
    shop.silence(20)
    (gap,) = _of(shop.found(), "orders_total")
    assert (gap.type, gap.value, gap.active) == ("missing", 0.0, True)


def test_months_that_one_event_closes_are_passed_over(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that changes again after months: two days of empty minutes is looked at, then all."""
    looked: list[Closed] = []
    close = Detectors.close

    def noted(self: Detectors, closed: Sequence[Closed]) -> None:
        looked.extend(closed)
        close(self, closed)

    monkeypatch.setattr(Detectors, "close", noted)
    shop.feed(counts(MINUTES, {}))
    shop.found()
    looked.clear()
    later = MINUTES + 200 * 24 * 60
    shop.feed(counts(MINUTES, SPIKE, seed=2), first=later)
    found = [each.started_at for each in _of(shop.found(), "orders_total")]
    assert any(each >= START + timedelta(minutes=later) for each in found), found
    minutes = sum((each.end - each.start) // timedelta(minutes=1) for each in looked)
    assert MINUTES <= minutes <= MINUTES + 2 * 24 * 60


@pytest.mark.parametrize("ahead", [timedelta(minutes=40), timedelta(hours=40)])
def test_what_a_clock_that_was_ahead_found_is_taken_back(shop: Shop, ahead: timedelta) -> None:
    """Nothing of the time to come is left, its minutes close, and what happens in them is found."""
    loud = dict.fromkeys(range(150, 156), LOUD)
    shop.feed(counts(130, {}))
    shop.found()
    shop.clock.advance(ahead)
    shop.look()
    assert _of(shop.found(), "orders_total") == [], "sources have a minute to come back"
    shop.silence(5)
    assert "missing" in {each.type for each in _of(shop.found(), "orders_total")}
    shop.clock.advance(-ahead)
    shop.look()
    shop.feed(counts(180, loud)[135:], first=135)
    found = _of(shop.found(), "orders_total")
    (spike,) = [each for each in found if each.value == LOUD]
    assert 150 <= (spike.peak_at - START) / timedelta(minutes=1) < 156
    assert all(each.started_at <= spike.peak_at for each in found if not each.withdrawn)
    shop.restart()
    assert shop.engine.closing.until(1) == START + timedelta(minutes=179)


def test_a_killed_run_equals_an_uninterrupted_one(shop: Shop, tmp_path: Path) -> None:
    """From a state in the middle, the same closes find the same anomalies by the same ids."""
    shop.feed(counts(100, {}))
    shop.detection.catch_up()
    shop.restart()  # the state is stored
    amounts = counts(MINUTES, SPIKE)
    shop.feed(amounts[100:133], first=100)
    shop.detection.catch_up()
    shop.engine.store.checkpoint()
    killed = Shop.__new__(Shop)
    killed.path = tmp_path / "killed.duckdb"
    shutil.copy(shop.path, killed.path)  # what a crash leaves: no state of what came last
    killed.clock, killed.line = ManualClock(shop.clock.now()), shop.line
    killed.engine = killed._open()
    try:
        for each in (shop, killed):
            each.feed(amounts[133:], first=133)
        assert killed.found() == shop.found() != []
    finally:
        killed.engine.close()


def test_it_is_the_same_however_closes_are_cut(shop: Shop, tmp_path: Path) -> None:
    """Looked at every ten minutes, or once at the end: the same anomalies."""
    amounts = counts(MINUTES, SPIKE)
    other = Shop(tmp_path / "other.duckdb")
    try:
        for begin in range(0, MINUTES, 20):
            shop.feed(amounts[begin : begin + 20], first=begin)
            shop.detection.catch_up()
        other.feed(amounts)
        assert [each.id for each in shop.found()] == [each.id for each in other.found()] != []
    finally:
        other.engine.close()


def test_what_stops_in_the_middle_is_gone_through_again(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Detectors that were ended half a step further than their number are not stored."""
    amounts = counts(MINUTES, SPIKE)
    other = Shop(tmp_path / "other.duckdb")
    close = Detectors.close

    def stopped(detectors: Detectors, closed: list[Closed]) -> None:
        close(detectors, closed)
        raise Stopped

    try:
        for each in (shop, other):
            each.feed(amounts[:133])
            each.detection.catch_up()
            each.feed(amounts[133:], first=133)
        with monkeypatch.context() as patch:
            patch.setattr(Detectors, "close", stopped)
            with pytest.raises(Stopped):
                shop.detection.catch_up()
        shop.restart()
        assert shop.found() == other.found() != []
    finally:
        other.engine.close()


def test_nobody_waits_long_while_series_are_learnt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wants to change a detector then is told to come again, and may a moment later."""
    monkeypatch.setattr("datawatch_lab.engine.detection.keeping._HELD_SECONDS", 0.01)
    refused: list[BusyError] = []

    def change() -> None:
        try:
            with shop.detection.with_detectors():
                pass
        except BusyError as error:
            refused.append(error)

    with shop.detection.with_detectors():
        _in_a_thread(change)
    assert "learnt" in refused[0].message
    _in_a_thread(change)
    assert len(refused) == 1


def _in_a_thread(call: Callable[[], None]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_late_data_withdraws_what_was_none(shop: Shop) -> None:
    """A drop that late rows fill up is normal after all: revised, over, not learnt twice."""
    amounts = counts(MINUTES, dict.fromkeys(range(130, 136), 0))
    shop.feed(amounts)
    (drop,) = _of(shop.found(), "orders_total")
    assert drop.type == "missing"
    before = shop.detection._detectors.bank.to_arrays()  # type: ignore[union-attr]
    for minute in range(drop.started_at.hour * 60 + drop.started_at.minute, 136):
        shop.take(rows(minute, QUIET, late=True))
    after = shop.detection.get(_of(shop.found(), "orders_total")[0].id)
    assert (after.id, after.revised, after.withdrawn, after.active) == (drop.id, True, True, False)
    now = shop.detection._detectors.bank.to_arrays()  # type: ignore[union-attr]
    assert all(np.array_equal(before[name], now[name], equal_nan=True) for name in before)
    assert shop.detection.find(Listing(metric="orders_total")) == []


def test_an_anomaly_can_be_looked_after(shop: Shop) -> None:
    """Who acknowledges stays known when the anomaly is found again."""
    shop.feed(counts(MINUTES, SPIKE))
    one = _of(shop.found(), "orders_total")[0]
    told: list[str] = []
    shop.detection.listen(lambda changed: told.extend(each.acknowledged_by for each in changed))
    assert acknowledge(shop.detection, one.id, "ada").acknowledged_by == "ada"
    shop.restart()
    assert _of(shop.found(), "orders_total")[0].acknowledged_by == "ada"
    assert told == ["ada"]


def test_what_is_expected_is_not_flagged_again(shop: Shop) -> None:
    """Feedback changes the model: as large a spike as the one that was expected is let pass."""
    shop.feed(counts(MINUTES, SPIKE))
    one = _of(shop.found(), "orders_total")[0]
    changed = say(shop.detection, one.id, "expected", "ada", "sale")
    assert changed.flagged_before > changed.flagged_after
    assert changed.anomaly.feedback is not None
    assert changed.anomaly.feedback.verdict == "expected"
    shop.restart()
    again = dict.fromkeys(range(200, 206), LOUD)
    shop.feed(counts(230, again, seed=3)[MINUTES:], first=MINUTES)
    assert [each.id for each in _of(shop.found(), "orders_total")] == [one.id]


def test_a_spike_explains_itself(shop: Shop) -> None:
    """Parts, metrics that moved too, rows and points are there."""
    shop.feed(counts(MINUTES, SPIKE))
    one = _of(shop.found(), "orders_total")[0]
    why = explain(shop.engine, one, masked=False)
    assert "orders_amount_sum" in [each.name for each in why.together]
    assert len(why.rows) == 5
    assert {point.strange for point in why.points} == {True, False}
    assert why.sentences[0] == one.description


def test_history_says_what_would_have_been_flagged(shop: Shop) -> None:
    """A preview finds the spike that was found live, and less of it is flagged at less."""
    shop.feed(counts(MINUTES, SPIKE))
    live = _of(shop.found(), "orders_total")[0]
    history = history_of(shop.engine, "orders_total")
    flagged = {name: history.episodes(history.rules(name)) for name in ("low", "medium", "high")}
    starts = {START.timestamp() + 60 * 130}
    assert {each.first for each in flagged["medium"]} >= starts
    assert live.started_at.timestamp() in starts
    assert len(flagged["low"]) <= len(flagged["medium"]) <= len(flagged["high"])


def test_without_it_in_the_plan_there_is_none(tmp_path: Path) -> None:
    """The plan decides whether anomalies are looked for."""
    plan = Settings(plan="community")
    with (
        closing(Engine.open(tmp_path / "a.duckdb", settings=plan)) as engine,
        pytest.raises(PlanError, match="community does not include anomalies"),
    ):
        detection_of(engine)


def test_switched_off_it_looks_at_nothing(shop: Shop) -> None:
    """Without detection nothing is found, and what was not looked at is, once it is on again."""
    shop.detection.configure(AnomalySettings(enabled=False))
    shop.feed(counts(MINUTES, SPIKE))
    assert shop.found() == []
    shop.detection.configure(AnomalySettings())
    assert _of(shop.found(), "orders_total") != []


def test_an_anomaly_that_is_not_there_is_named(shop: Shop) -> None:
    """The error says what was asked for."""
    with pytest.raises(NotFoundError, match="no anomaly 'x'"):
        shop.detection.get("x")
