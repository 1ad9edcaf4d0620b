"""What charts draw."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from datawatch_lab.views.choose import OverviewSpec
from datawatch_lab.views.drawing import amount_unit, draw, known_currency
from datawatch_lab.views.ranges import window
from datawatch_lab.views.snapshot import Data, Series
from tests.views.fakes import NOW

NAN = float("nan")


def data(values: list[float], is_open: int | None = None, currency: str = "") -> Data:
    """The same values for every chart."""
    times = np.arange(len(values), dtype=np.float64) * 60_000.0
    series = Series(times, np.array(values, dtype=np.float64), 60_000.0, is_open)
    spec = OverviewSpec(table="orders", amount="m", amount_field="amount")
    names = ("created", "amount", "lag_p50", "lag_p95")
    where = window("1h", "live", NOW - timedelta(hours=3), NOW, NOW)
    return Data(where, spec, {}, dict.fromkeys(names, series), (), currency)


def test_the_open_bucket_is_apart_from_the_line() -> None:
    """The line ends with the last bucket that is over; the open one hangs on it, with a dot."""
    drawing = draw(data([1, 2, 3], is_open=2))["created"]
    assert drawing.columns["created"]["y"].tolist() == [1, 2]
    assert drawing.growing["created"]["y"].tolist() == [2, 3]
    assert drawing.growing["created"]["dot"].tolist() == [0, 6]


def test_the_open_bar_is_lighter() -> None:
    """All bars are drawn, the one that still grows lighter."""
    alpha = draw(data([1, 2, 3], is_open=2))["amount"].columns["amount"]["alpha"]
    assert alpha[2] < alpha[0] == alpha[1]


def test_a_line_ends_with_what_is_known() -> None:
    """After the last known point nothing is drawn; a gap inside stays a gap."""
    columns = draw(data([1, NAN, 3, NAN, NAN]))["created"].columns["created"]
    assert np.isnan(columns["y"]).tolist() == [False, True, False]
    assert columns["dot"].tolist() == [6, 0, 6]


def test_nothing_is_drawn_of_nothing() -> None:
    """Without points there are axes from 0, and no line."""
    drawing = draw(data([]))["lag"]
    assert [len(each["x"]) for each in drawing.columns.values()] == [0, 0]
    assert drawing.ticks.places[0] == 0


@pytest.mark.parametrize(
    ("currency", "known", "unit"),
    [
        ("EUR", "EUR", "EUR"),
        ("mixed", "", "Sum of amount, mixed currencies"),
        ("", "", "Sum of amount"),
    ],
)
def test_a_currency_is_named_only_when_all_amounts_have_it(
    currency: str, known: str, unit: str
) -> None:
    """Amounts of several currencies have none, and the page says so."""
    found = data([1.0], currency=currency)
    assert (known_currency(found), amount_unit(found)) == (known, unit)
