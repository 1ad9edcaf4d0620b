"""Questions of a metric: the words for time, the frame, the value, against another range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook.asking import filter_text, time_range
from datawatch_lab.notebook.objects import Lab
from tests.notebook.conftest import ORDERS, START, CountingCaller

RANGE = {"start": START.isoformat(), "end": (START + timedelta(minutes=12)).isoformat()}
NAME = "orders_amount_sum"


def test_the_frame_equals_the_answer(lab: Lab) -> None:
    """The frame has the times and values that the service gives in JSON, gaps as NaN."""
    frame = lab.metric(NAME).df(step="1m", **RANGE)
    answer = lab.workspace.range(NAME, step="1m", **RANGE)
    points = dict(answer.series[0].points)
    assert [at.isoformat().replace("+00:00", "Z") for at in frame.index] == list(points)
    found = [None if pd.isna(value) else value for value in frame[NAME]]
    assert found == list(points.values())
    assert None in found  # minute 5 has no orders
    assert str(frame.index.tz) == "UTC"
    assert frame.index.name == "time"
    assert frame.attrs["unit"] == answer.unit
    assert frame.attrs["step"] == "1m"
    assert frame[NAME].sum() == sum(range(ORDERS))


def test_a_column_per_label_value(lab: Lab) -> None:
    """Grouped by a label, the frame has a column for each value, named by the label."""
    frame = lab.metric(NAME).df(step="1m", by="status", **RANGE)
    assert frame.columns.name == "status"
    assert set(frame.columns) == {"open", "paid"}
    assert frame["open"].sum() == sum(range(0, ORDERS, 3))


def test_an_empty_answer_is_an_empty_frame(lab: Lab) -> None:
    """A filter that nothing meets gives a frame without rows or with nothing known in them."""
    frame = lab.metric(NAME).df(step="1m", where={"status": "nowhere"}, **RANGE)
    assert frame.isna().all(axis=None)


def test_one_value_is_a_number_and_several_a_series(lab: Lab) -> None:
    """Without a label the value is a float; by a label a series indexed by its values."""
    metric = lab.metric(NAME)
    assert metric.value(**RANGE) == sum(range(ORDERS))
    assert metric.value(aggregation="count", **RANGE) == ORDERS
    by_status = metric.value(by="status", **RANGE)
    assert isinstance(by_status, pd.Series)
    assert by_status["open"] == sum(range(0, ORDERS, 3))
    assert metric.value(where={"status": "open"}, **RANGE) == by_status["open"]


def test_nothing_known_is_none(lab: Lab) -> None:
    """A range without data has no value, which is not 0."""
    metric = lab.metric("orders_amount_avg")
    assert metric.value(start="2020-01-01T00:00:00Z", end="2020-01-02T00:00:00Z") is None


def test_history_counts_back_from_its_end(lab: Lab) -> None:
    """Where the data is history, ``last`` ends where the data ends."""
    assert lab.status.raw.status == "history"
    assert lab.metric(NAME).value(last="30m") == sum(range(ORDERS))
    frame = lab.metric("orders_inserts_total").df(last="1m", step="1s")
    assert len(frame) == 60
    assert frame.iloc[-1].item() == 1  # the newest order


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"last": "1h"}, ("now-1h", None)),
        ({"last": 90}, ("now-1m30s", None)),
        ({"last": timedelta(days=1), "end": "today"}, ("today-1d", "today")),
        (
            {"last": "1h", "end": datetime(2026, 1, 1, 12, tzinfo=UTC)},
            ("2026-01-01T11:00:00+00:00", "2026-01-01T12:00:00+00:00"),
        ),
        (
            {"last": "1h", "end": "2026-01-01T12:00:00+00:00"},
            ("2026-01-01T11:00:00+00:00", "2026-01-01T12:00:00+00:00"),
        ),
        ({"start": "-2h", "end": "-1h"}, ("-2h", "-1h")),
        ({}, (None, None)),
    ],
)
def test_words_for_time(asked: dict[str, Any], expected: tuple[str | None, str | None]) -> None:
    """``last``, ``start`` and ``end`` become what the service reads."""
    words = {"last": None, "start": None, "end": None, **asked}
    assert time_range(**words) == expected


@pytest.mark.parametrize(
    "asked",
    [
        {"last": "1h", "start": "-2h", "end": None},
        {"last": "0s", "start": None, "end": None},
        {"last": "soon", "start": None, "end": None},
        {"last": "1h", "start": None, "end": "-1h"},
        {"last": "1h", "start": None, "end": "whenever it was"},
    ],
)
def test_unclear_words_for_time_are_refused(asked: dict[str, Any]) -> None:
    """Contradictions and unreadable times are errors that say what is possible."""
    with pytest.raises(InputError):
        time_range(**asked)


def test_a_filter_may_hold_a_comma() -> None:
    """The service separates filters by commas, so one in a value is marked."""
    assert filter_text({"city": "Paris, France"}) == "city=Paris\\, France"


def test_two_ranges_side_by_side(lab: Lab) -> None:
    """Set against an earlier range, both series begin at the same time and keep their values."""
    half = timedelta(minutes=5)
    metric = lab.metric(NAME)
    later = metric.range(start=START + half, end=START + 2 * half, step="1m")
    earlier = metric.range(start=START, end=START + half, step="1m")
    frame = later.against(earlier, names=("later", "earlier")).df()
    assert list(frame.columns) == ["later", "earlier"]
    assert frame.index[0] == START + half
    assert frame["earlier"].sum() == sum(range(30))
    with pytest.raises(InputError, match="same step"):
        later.against(metric.range(start=START, end=START + half, step="10s"))


def test_beside_an_earlier_time(lab: Lab) -> None:
    """Each bucket has its counterpart, difference and ratio; the display says the change."""
    half = timedelta(minutes=5)
    start, end = START + half, START + 2 * half
    beside = lab.metric(NAME).compare("previous_period", step="1m", start=start, end=end)
    frame = beside.changes()
    before = lab.metric(NAME).df(start=START, end=START + half, step="1m")
    assert frame["then"].tolist() == before[NAME].tolist() == [15, 51, 87, 123, 159]
    assert frame["difference"].equals((frame["now"] - frame["then"]).rename("difference"))
    expected = (frame["now"] / frame["then"]).tolist()
    assert frame["ratio"].tolist() == pytest.approx(expected, nan_ok=True)
    assert list(beside.df().columns) == ["now", "previous period"]
    assert "beside previous period" in beside._repr_html_()
    assert f"+{(frame['ratio'].iloc[1] - 1) * 100:.0f}" in repr(beside)


def test_beside_by_label_and_nothing(lab: Lab) -> None:
    """With labels each has rows of its own; where there is nothing, the frame is empty."""
    by = lab.metric(NAME).compare(step="5m", by="status", **RANGE).changes()
    assert set(by["status"]) == {"open", "paid"}
    start = START - timedelta(days=9)
    nothing = lab.metric(NAME).compare(step="1h", start=start, end=start + timedelta(hours=2))
    values = nothing.changes()[["now", "then", "difference", "ratio"]]
    assert values.shape == (2, 4)
    assert values.isna().all(axis=None)


def test_a_question_is_one_call(lab: Lab, caller: CountingCaller) -> None:
    """Asking for points over given times costs one call."""
    metric = lab.metric(NAME)
    caller.calls.clear()
    metric.df(step="1m", **RANGE)
    assert caller.calls == ["range_query"]
