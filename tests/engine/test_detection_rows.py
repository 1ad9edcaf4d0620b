"""A running engine knows what its series are made of: how many rows, and which are no part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from datawatch_lab.core.anomalies import Anomaly
from datawatch_lab.engine.detection import Detection
from datawatch_lab.engine.detection.preview import history_of
from datawatch_lab.engine.detection.run import Detectors
from datawatch_lab.engine.detection.slots import Slots, slot_of
from datawatch_lab.engine.detection.values import grid
from datawatch_lab.metrics.book import MISSING
from tests.engine.test_detection import START, Shop

MINUTES, STRANGE = 200, 180
HUGE = 900.0
METRIC = "orders_amount_avg"


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


def amounts() -> list[list[float]]:
    """Of the orders of each minute: two to four, 20 to 30 each."""
    rng = np.random.default_rng(4)
    return [rng.integers(20, 31, rng.integers(2, 5)).astype(float).tolist() for _ in range(MINUTES)]


def sell(shop: Shop, of_minutes: list[list[float]], *, first: int = 0, late: bool = False) -> None:
    """Take minutes of orders in, the clock with them."""
    lines = []
    for minute, each in enumerate(of_minutes, first):
        for place, amount in enumerate(each):
            at = START + timedelta(minutes=minute, seconds=7.0 * place + (1.0 if late else 0.0))
            row = {"id": minute * 100 + place + (50 if late else 0), "amount": amount}
            change = {"type": "INSERT", "table": "orders", "timestamp": at.isoformat()}
            lines.append(json.dumps({**change, "after": row}).encode())
    shop.clock.set(max(START + timedelta(minutes=first + len(of_minutes)), shop.clock.now()))
    shop.take(lines)


def strange(shop: Shop) -> list[Anomaly]:
    """Anomalies of the average that began in the strange minute."""
    at = START + timedelta(minutes=STRANGE)
    return [e for e in shop.found() if e.metric_name == METRIC and e.started_at == at]


def test_one_huge_order_makes_no_strange_average(shop: Shop) -> None:
    """The average of its minute is some ten times the usual, and nobody is told; nor previewed."""
    of_minutes = amounts()
    of_minutes[STRANGE] = [25.0, 24.0, HUGE]
    sell(shop, of_minutes)
    assert strange(shop) == []
    history = history_of(shop.engine, METRIC)
    assert history.x[STRANGE] > 10 * np.nanmedian(history.x)
    assert history.found.score[STRANGE] < history.rules("medium").opens


def test_a_minute_of_huge_orders_does(shop: Shop) -> None:
    """Each of them is far off, so the average has moved."""
    of_minutes = amounts()
    of_minutes[STRANGE] = [HUGE, HUGE - 20.0, HUGE + 30.0]
    sell(shop, of_minutes)
    (found,) = strange(shop)
    assert found.value == pytest.approx(HUGE + 10 / 3)
    history = history_of(shop.engine, METRIC)
    assert history.found.score[STRANGE] >= history.rules("medium").opens


def test_what_a_single_sensor_says_counts(shop: Shop) -> None:
    """Where a minute always is one row, a row that is far off is found."""
    rng = np.random.default_rng(5)
    of_minutes = [[float(rng.integers(20, 31))] for _ in range(MINUTES)]
    of_minutes[STRANGE] = [HUGE]
    sell(shop, of_minutes)
    assert len(strange(shop)) == 1


def test_rows_are_those_of_the_close(shop: Shop) -> None:
    """What comes late is no part of what detectors were told of a bucket, whatever it is."""
    of_minutes = amounts()
    sell(shop, of_minutes)
    shop.detection.catch_up()
    before = of_minutes[STRANGE - 100]
    sell(shop, [[HUGE]], first=STRANGE - 100, late=True)
    slot = slot_of(shop.engine, METRIC, ())
    start = START + timedelta(minutes=STRANGE - 100)
    minute = timedelta(minutes=1)
    found = grid(shop.engine, [slot], start, start + minute, minute)
    others = sorted(before)[:-1]
    assert found.beneath.n[0, 0] == len(before)
    assert found.beneath.low[0, 0] == pytest.approx(sum(others) / len(others))


def test_only_averages_have_rows_beneath(shop: Shop) -> None:
    """Of all series of a table, in their order."""
    sell(shop, amounts())
    slots = shop.engine.beside(Slots).of(shop.engine.table("orders"))
    averages = [each for each in slots if each.is_average]
    minute = timedelta(minutes=1)
    found = grid(shop.engine, slots, START, START + 30 * minute, minute)
    assert 0 < len(averages) < len(slots)
    assert found.x.shape == (len(slots), 30)
    assert found.beneath.n.shape == (len(averages), 30)
    row = [each.metric for each in averages].index(METRIC)
    assert found.beneath.n[row].tolist() == [float(len(each)) for each in amounts()[:30]]


def test_rows_from_before_a_column_are_no_part(shop: Shop) -> None:
    """They have a series, which ends when the column comes; its values are watched, it is not."""
    lines = []
    for place in range(400):
        at = START + timedelta(seconds=20.0 * place)
        row = {
            "id": place,
            "amount": 5.0,
            **({"channel": ["web", "app"][place % 2]} if place >= 200 else {}),
        }
        change = {"type": "INSERT", "table": "orders", "timestamp": at.isoformat()}
        lines.append(json.dumps({**change, "after": row}).encode())
    shop.clock.set(START + timedelta(minutes=140))
    shop.take(lines)
    measures = shop.engine.measures
    every = [each for one in measures.all for each in measures.book.of(one.id)]
    assert any(("channel", MISSING) in each.labels for each in every), "or this test says nothing"
    slots = shop.engine.beside(Slots).of(shop.engine.table("orders"))
    assert {dict(each.labels).get("channel") for each in slots} == {None, "web", "app"}


def test_the_usual_rows_are_stored(shop: Shop) -> None:
    """They go on after a restart; a state of an older release, without them, is taken as well."""
    sell(shop, amounts())
    shop.detection.catch_up()
    shop.detection.checkpoint()
    with shop.detection.with_detectors() as detectors:
        saved, usual = detectors.saved(), detectors.row_counts.of["usual"].copy()
        place = detectors.places[METRIC, ()]
    assert 2.0 < usual[place] < 4.0
    shop.restart()
    with shop.detection.with_detectors() as detectors:
        assert detectors.row_counts.of["usual"].tolist() == usual.tolist()
        older = Detectors(shop.engine, detectors.settings, lambda: None)
        older.restore(msgspec.structs.replace(saved, row_counts=[]))
    assert older.row_counts.of["usual"].tolist() == [0.0] * len(usual)
