"""One event a call gives what the same event gives in a large batch."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.texts import FEW

MAYBE = st.sampled_from([None, "a", "", "é", 7])
STAMPS = st.sampled_from(
    [
        *("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+02:00", "2026-02-30T00:00:00Z", "soon"),
        *("2026-01-02 03:04:05", 1_767_323_045, 1_767_323_045_123_456_789, -5, 1.5, None, 2**70),
    ]
)
POSITIONS = st.sampled_from(
    [
        *({"lsn": "0/1", "sequence": 2}, {"sequence": "12"}, {"sequence": "x"}, "0/16B3748"),
        *(None, {"lsn": 5, "sequence": 10**20}, {}, 12),
    ]
)
IMAGES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.just({}),
    st.just([1]),
    st.fixed_dictionaries(
        {"id": st.integers(0, 9), "amount": st.sampled_from([1, 2.5, "x", None])}
    ),
)
EVENTS = st.fixed_dictionaries(
    {"operation": st.sampled_from(["INSERT", "update", "DELETE", "BEGIN", "DDL", "?"])},
    optional={
        "id": MAYBE,
        "source": st.sampled_from(["db", None]),
        "schema": st.sampled_from(["public", "", None]),
        "table": st.sampled_from(["orders", "orders", "items", "", None]),
        "timestamp": STAMPS,
        "transaction_id": MAYBE,
        "position": POSITIONS,
        "before": IMAGES,
        "after": IMAGES,
        "metadata": st.sampled_from([{"a": 1}, None]),
        "ddl_command": st.sampled_from(["DROP TABLE x", None]),
        "more": st.integers(0, 1),
    },
)


def decoded(events: list[dict[str, Any]], first: int = 0) -> DecodedBatch:
    """Events as lines 1 and so on, 1,000 bytes apart."""
    items = [json.dumps(event).encode() for event in events]
    places = range(first, first + len(items))
    return decode(items, [at + 1 for at in places], [at * 1_000 for at in places], source="test")


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, min_size=FEW + 1, max_size=FEW + 9))
def test_a_single_event_is_decoded_as_in_a_batch(events: list[dict[str, Any]]) -> None:
    """Events, and what is malformed and why, do not depend on how many come at once."""
    many = decoded(events)
    single = [decoded([event], at) for at, event in enumerate(events)]
    assert many.events.equals(pa.concat_tables([batch.events for batch in single]))
    alone = pa.concat_tables([batch.bad for batch in single])
    assert many.bad.to_pylist() == alone.to_pylist()


def cells(batch: DecodedBatch, side: str) -> dict[tuple[str, str, str], list[object]]:
    """The values of a batch's images by table and column; '(missing)' where there is no field."""
    found: dict[tuple[str, str, str], list[object]] = {}
    for (schema, table), rows in batch.rows.items():
        frame = getattr(rows, side)
        for name in frame.columns.columns:
            mask = frame.absent.get(name, [False] * len(frame.rows))
            values = zip(frame.columns[name].to_list(), mask, strict=True)
            found[schema, table, name] = ["(missing)" if gone else value for value, gone in values]
    return found


@pytest.mark.parametrize("side", ["after", "before"])
def test_images_of_single_events_are_those_of_a_batch(side: str) -> None:
    """Each image has the values that it has in a large batch, before and after."""
    events = [
        {
            "operation": "UPDATE",
            "table": "ab"[n % 2],
            "after": {"id": n, "name": f'"{n}"\n', "ok": n % 3 == 0, "rate": n + 0.5},
            "before": {"id": n, "rate": n - 0.25} if n % 5 else {"id": n, "rate": None},
        }
        for n in range(60)
    ]
    many = cells(decoded(events), side)
    gathered: dict[tuple[str, str, str], list[object]] = {}
    for at, event in enumerate(events):
        for key, values in cells(decoded([event], at), side).items():
            gathered.setdefault(key, []).extend(values)
    assert many == gathered
