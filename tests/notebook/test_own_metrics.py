"""Metrics of one's own, corrected buckets, and the demo shop in a notebook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.notebook.objects import Lab
from tests.notebook.conftest import event, order

PAID = sum(number for number in range(30) if number % 3)


def test_a_metric_of_ones_own(fresh: Lab) -> None:
    """It is filled from the log, shows its definition, goes on with new events, and is dropped."""
    for number in range(30):
        fresh.post(order(number))
    assert "paid_amount" not in fresh.metrics
    made = fresh.define_metric(
        "paid_amount",
        table="orders",
        expression="amount",
        filter="status = 'paid'",
        aggregation="sum",
        by="status",
        unit="EUR",
    )
    assert "paid_amount" in fresh.metrics
    assert made.value() == PAID
    assert "status = &#x27;paid&#x27;" in made._repr_html_()
    assert "all of the log" in made._repr_html_()
    fresh.post(order(31))
    assert made.value() == PAID + 31
    fresh.drop_metric("paid_amount")
    assert "paid_amount" not in fresh.metrics


def test_a_formula(fresh: Lab) -> None:
    """It is worked out from other metrics; replaced, it says the new thing."""
    for number in range(4):
        fresh.post(order(number))
    ratio = "orders_amount_sum / orders_inserts_total"
    assert fresh.define_metric("mean", formula=ratio).value() == pytest.approx(1.5)
    with pytest.raises(InputError, match="mean"):
        fresh.define_metric("mean", formula=ratio)
    twice = fresh.define_metric("mean", formula=f"2 * {ratio}", replace=True)
    assert twice.value() == pytest.approx(3.0)
    assert "2 * orders_amount_sum" in twice._repr_html_()
    assert fresh.define_metric("other", formula="mean + 1", replace=True).value() == 4.0


def test_what_is_wrong_in_a_definition_is_named(fresh: Lab) -> None:
    """A column that there is not, with the nearest and the place."""
    fresh.post(order(1))
    with pytest.raises(NotFoundError, match="did you mean 'amount'") as caught:
        fresh.define_metric("x", table="orders", expression="amuont * 2", aggregation="sum")
    assert "^^^^^^" in str(caught.value)
    assert "x" not in fresh.metrics


def test_both_values_of_a_corrected_bucket(fresh: Lab) -> None:
    """A late event corrects a closed bucket; the first value stays beside the new one."""
    now = datetime.now(UTC)
    before = now - timedelta(hours=2)
    for number, at in enumerate((before, now, before)):
        fresh.post(event(number, "orders", {"id": number, "amount": 10.0 * (number + 1)}, at))
    found = fresh.corrections("orders_amount_sum", start="-6h", step="1h")
    (point,) = found.points
    assert (point.first, point.value, point.rows) == (10.0, 40.0, 1)
    frame = found.df()
    assert frame[["first", "now", "rows"]].to_numpy().tolist() == [[10.0, 40.0, 1.0]]
    assert frame.index[0] == before.replace(minute=0, second=0, microsecond=0)
    assert "+300" in repr(found)
    assert "Corrections of orders_amount_sum" in found._repr_html_()
    none = fresh.metric("orders_inserts_total").corrections(end=now - timedelta(hours=20))
    assert none.df().empty
    assert "No closed bucket changed" in none._repr_html_()


def test_a_smaller_shop(fresh: Lab) -> None:
    """The rate of a new shop is chosen once; what goes on is the same shop."""
    small = fresh.ingest_demo(days=0.25, rate=1.0, progress=False)
    assert 0 < small.counts.received < 4_000
    again = fresh.ingest_demo(progress=False)
    assert again.counts.received < small.counts.received
    feed = fresh.start_demo()
    assert feed.fault is None
    feed.stop()
