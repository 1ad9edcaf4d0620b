"""Answers as Arrow: nothing of them is lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.api.forms import ARROW, asked_for
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.answers import SeriesAnswer
from datawatch_lab.service.calling import operations
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operations.metrics import ComparedAnswer
from datawatch_lab.service.tables import from_ipc, series_answer, series_table, to_ipc

moments = st.integers(0, 7 * 10**15).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
labels = st.dictionaries(
    st.sampled_from(["status", "time", "value", "städte", ""]), st.text(max_size=4), max_size=3
)
values = st.none() | st.floats(allow_nan=False)
series = st.builds(
    SeriesAnswer,
    labels=labels,
    points=st.lists(st.tuples(moments.map(lambda each: iso(each) or ""), values), max_size=5),
)
answers = st.builds(
    ComparedAnswer,
    metric=st.text(max_size=5),
    aggregation=st.just("sum"),
    start=st.just("2026-01-01T00:00:00Z"),
    end=st.just("2026-01-02T00:00:00Z"),
    step=st.none() | st.just("1h"),
    series=st.lists(series, max_size=4),
    unit=st.text(max_size=3),
    version=st.integers(0, 2**53),
    open=st.none(),
)


@settings(max_examples=40, deadline=None)
@given(answers)
def test_a_metric_comes_back_whole(answer: ComparedAnswer) -> None:
    """Through table and stream, series without points and odd label names included."""
    table = from_ipc(to_ipc(series_table(answer)))
    assert series_answer(table, ComparedAnswer) == answer
    assert len(set(table.column_names)) == len(table.column_names)
    assert table.num_rows == sum(len(each.points) for each in answer.series)


def test_what_is_no_stream_is_refused() -> None:
    """Bytes of something else are an error that says so."""
    with pytest.raises(InputError, match="no Arrow stream"):
        from_ipc(b"<html>")
    with pytest.raises(InputError, match="no remarks"):
        series_answer(pa.table({"time": [1], "value": [2]}), ComparedAnswer)


@pytest.mark.parametrize(
    ("accept", "arrow"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        (ARROW, True),
        (f"{ARROW}, application/json;q=0.5", True),
        (f"application/json, {ARROW.upper()} ; q=0.2", True),
        (f"{ARROW};q=0", False),
        (f"{ARROW};q=0.000", False),
        (f"{ARROW}x", False),
    ],
)
def test_json_unless_arrow_is_named(accept: str, arrow: bool) -> None:
    """Only a request that names the media type gets it; an operation without a table never."""
    assert asked_for(operations()["sql"], accept).gives_table is arrow
    assert not asked_for(operations()["health"], accept).gives_table


def test_an_operation_without_a_table_has_no_table_form() -> None:
    """Asking for it is an error that names the operation."""
    with pytest.raises(InputError, match="health"):
        operations()["health"].as_table()


def test_remarks_are_typed() -> None:
    """The table of a query says beside its rows what was cut and masked."""
    from datawatch_lab.service.operations.sql import SqlRemarks, sql_answer
    from datawatch_lab.service.tables import with_remarks

    table: Any = pa.table({"n": pa.array([1, 2**60])})
    answer = sql_answer(with_remarks(table, SqlRemarks(True, 1.5, "2 rows", ["c.email"])))
    assert answer.rows == [[1], [str(2**60)]]
    assert (answer.truncated, answer.limit, answer.masked) == (True, "2 rows", ["c.email"])
