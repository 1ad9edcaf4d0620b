"""Incidents of a workspace, and sensitivities that somebody chose for single series."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from datawatch_lab.core.anomalies import DetectorSetting
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.engine.detection import Detection, Listing
from datawatch_lab.engine.detection.choosing import choose, chosen, take_back
from tests.engine.test_detection import LOUD, MINUTES, QUIET, SPIKE, Shop, _of, counts, rows


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


def setting(shop: Shop, sensitivity: str | float, **how: object) -> DetectorSetting:
    """For all orders."""
    made = DetectorSetting(
        metric="orders_total", sensitivity=sensitivity, by="ada", at=shop.clock.now()
    )
    return msgspec.structs.replace(made, **how)


def flagged(shop: Shop) -> list[int]:
    """Minutes in which episodes of all orders began."""
    found = _of(shop.found(), "orders_total")
    return sorted((each.started_at.hour * 60 + each.started_at.minute) for each in found)


def test_a_spike_is_one_incident(shop: Shop) -> None:
    """Orders, amounts and parts that move together are one row, led by a whole metric."""
    shop.feed(counts(MINUTES, SPIKE))
    every = shop.found()
    (incident,) = [
        each
        for each in shop.detection.find_incidents(Listing())
        if "orders_total" in each.metrics and each.started_at.hour == 2
    ]
    assert incident.anomalies > 1
    assert incident.lead.labels == {}
    assert incident.more.startswith(f"and {len(incident.metrics) - 1} more metric")
    assert incident.tables == ("orders",)
    ids = shop.detection.incidents.ids(incident.id)
    assert {each.id for each in shop.detection.find(Listing(incident=incident.id))} == set(ids)
    assert set(ids) <= {each.id for each in every}


def test_incidents_are_the_same_after_a_restart_and_late_data(shop: Shop) -> None:
    """They follow from what is stored; an episode that is revised or withdrawn stays in its own."""
    shop.feed(counts(MINUTES, dict.fromkeys(range(130, 136), 0)))
    shop.found()
    before = dict(shop.detection.incidents.names())
    shop.restart()
    assert shop.detection.incidents.names() == before != {}
    for minute in range(130, 134):
        shop.take(rows(minute, QUIET, late=True))
    assert any(each.revised for each in shop.found())
    after = shop.detection.incidents.names()
    assert {id_: after[id_] for id_ in before} == before


def test_an_incident_that_is_not_there_is_named(shop: Shop) -> None:
    """The error says what was asked for."""
    with pytest.raises(NotFoundError, match="no incident 'x'"):
        shop.detection.find(Listing(incident="x"))


def test_a_chosen_sensitivity_changes_what_is_flagged(shop: Shop) -> None:
    """At 8 standard deviations a spike passes that the workspace's own sensitivity flags."""
    amounts = counts(230, {**SPIKE, **dict.fromkeys(range(200, 206), LOUD)}, seed=3)
    shop.feed(amounts[:MINUTES])
    assert 130 in flagged(shop)
    choose(shop.detection, setting(shop, 8.0))
    shop.feed(amounts[MINUTES:], first=MINUTES)
    assert not [each for each in flagged(shop) if each >= 200]


def test_a_chosen_sensitivity_survives_a_restart_and_a_kill(shop: Shop, tmp_path: Path) -> None:
    """What was stored when it was chosen has it, so a replay begins after it."""
    amounts = counts(230, dict.fromkeys(range(200, 206), LOUD), seed=3)
    shop.feed(amounts[:MINUTES])
    shop.found()
    choose(shop.detection, setting(shop, 8.0))
    shop.engine.store.checkpoint()
    killed = Shop.__new__(Shop)
    killed.path = tmp_path / "killed.duckdb"
    shutil.copy(shop.path, killed.path)
    killed.clock, killed.line = ManualClock(shop.clock.now()), shop.line
    killed.engine = killed._open()
    shop.restart()
    try:
        for each in (shop, killed):
            each.feed(amounts[MINUTES:], first=MINUTES)
            assert not [minute for minute in flagged(each) if minute >= 200]
            assert [one.sensitivity for one in chosen(each.detection)] == [8.0]
        assert killed.found() == shop.found()
    finally:
        killed.engine.close()


def test_what_was_chosen_can_be_taken_back(shop: Shop) -> None:
    """Then the series is flagged as before, and nothing is listed."""
    amounts = counts(230, dict.fromkeys(range(200, 206), LOUD), seed=3)
    shop.feed(amounts[:MINUTES])
    shop.found()
    kept = choose(shop.detection, setting(shop, 8.0))
    assert take_back(shop.detection, kept.id) == kept
    shop.feed(amounts[MINUTES:], first=MINUTES)
    assert 200 in flagged(shop)
    assert chosen(shop.detection) == []
    with pytest.raises(NotFoundError, match="no detector setting"):
        take_back(shop.detection, kept.id)


def test_a_metric_speaks_for_its_parts(shop: Shop) -> None:
    """A part goes by its own setting, else by that of its metric, else by the workspace's."""
    shop.feed(counts(MINUTES, {}))
    shop.found()
    with shop.detection.with_detectors() as held:
        detectors = held
    part = ("orders_inserts_total", (("city", "ulm"),))
    place = detectors.places[part]
    usual = detectors.rules(place).opens
    whole = setting(shop, "low", metric="orders_inserts_total")
    choose(shop.detection, whole)
    by_metric = detectors.rules(place).opens
    choose(shop.detection, msgspec.structs.replace(whole, labels=dict(part[1])))
    own = detectors.rules(place).opens
    assert [by_metric - usual, own] == pytest.approx([0.5, 2.7])


def test_chosen_algorithms_have_their_say(shop: Shop) -> None:
    """Without hourly baselines a series is scored by the others; its neighbours are as before."""
    shop.feed(counts(100, {}))
    shop.found()
    choose(shop.detection, setting(shop, "medium", algorithms=("statistical",)))
    with shop.detection.with_detectors() as held:
        detectors = held
    place = detectors.places["orders_total", ()]
    assert detectors.bank.weights_at(place)[:3] == (0.0, 0.0, 0.0)
    assert detectors.bank.weights_at(place + 1)[:3] != (0.0, 0.0, 0.0)
    shop.feed(counts(MINUTES, SPIKE)[100:], first=100)
    assert flagged(shop) == []  # by level and jumps alone one needs more than a hundred minutes
    assert [each for each in shop.found() if each.metric_name == "orders_amount_sum"]


def test_what_cannot_be_chosen_is_said(shop: Shop) -> None:
    """No such metric, sensitivity or algorithm: the error names it, and nothing is kept."""
    shop.feed(counts(30, {}))
    with pytest.raises(NotFoundError, match="no metric 'orders_totals'"):
        choose(shop.detection, setting(shop, "low", metric="orders_totals"))
    with pytest.raises(InputError, match="sensitivity: 'extreme'"):
        choose(shop.detection, setting(shop, "extreme"))
    with pytest.raises(InputError, match="algorithms: magic"):
        choose(shop.detection, setting(shop, "low", algorithms=("magic",)))
    assert chosen(shop.detection) == []
