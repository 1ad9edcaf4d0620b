"""An event that comes alone is understood as columns would understand it, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.ingest.single import decode_singles, plain_event
from datawatch_lab.ingest.sources.http import decode_body
from tests.ingest.test_few import EVENTS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USUAL = {"id": "e1", "table": "orders", "type": "INSERT", "timestamp": "2026-01-02T03:04:05Z"}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.text(max_size=4),
    st.lists(st.integers(0, 1), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(0, 1), max_size=1),
)
ROWS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies of one event, most of them ordinary, in any of the ways to write JSON."""
    event: dict[str, Any] = dict(draw(EVENTS))
    if draw(st.booleans()):
        event |= {"operation": "UPDATE", "table": "orders", "after": draw(ROWS)}
    if draw(st.booleans()):
        event["type"] = event.pop("operation")
    if draw(st.booleans()):
        event["timestamp"] = USUAL["timestamp"]
    spaced = draw(st.sampled_from([None, 1]))
    text = json.dumps(event, ensure_ascii=draw(st.booleans()), indent=spaced)
    around = draw(st.sampled_from(["", " ", "\n"]))
    return (around + text + around).encode("utf-8", "surrogatepass")


def check(body: bytes) -> bool:
    """Whether there is a quick reading; it must be that of the columns."""
    event = plain_event(body)
    if event is None:
        return False
    whole = decode_body(body, id_factory=lambda: "given")
    assert whole.bad.num_rows == 0
    (row,) = whole.events.to_pylist()
    assert (row["op"], row["schema"], row["table"]) == (event.op.value, event.schema, event.table)
    assert row["event_id"] == (event.id or "given")
    assert row["origin"] == event.origin
    moment = None if event.micros is None else EPOCH + timedelta(microseconds=event.micros)
    assert row["ts"] == moment
    frame = whole.rows[event.schema, event.table].after
    assert set(frame.columns.columns) == event.fields
    again = decode_singles([event.item], [event.offset], ["given"], source="http")
    assert again.events.equals(whole.events)
    return True


@settings(max_examples=400, deadline=None)
@given(bodies())
def test_it_is_the_reading_of_the_columns(body: bytes) -> None:
    """Operation, table, time, identity and fields are the same, and nothing is malformed."""
    check(body)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=6), st.integers(0, 200), st.integers(0, 3))
def test_it_holds_for_bodies_that_are_broken(more: bytes, at: int, gone: int) -> None:
    """Bytes put in or taken out of an ordinary event."""
    body = json.dumps({**USUAL, "after": {"id": 1, "amount": 1.5, "note": "a b"}}).encode()
    check(body[:at] + more + body[at + gone :])


@pytest.mark.parametrize(
    "image",
    [
        '{"id": 1}',
        '{"id": -1.50, "note": "é []{}", "ok": true, "gone": null}',
        '{"id": 1, "id": 2}',
        ' {\n"id"\t: 123456789012345678 } ',
    ],
)
def test_ordinary_rows_are_read(image: str) -> None:
    """Scalars of any kind, and text with anything but escapes."""
    assert check(json.dumps(USUAL).encode()[:-1] + b', "after":' + image.encode() + b"}")


@pytest.mark.parametrize(
    "image",
    [
        *('{"id": [1]}', '{"id": {}}', '{"id": 01}', '{"id": 1.}', '{"id": NaN}', '{"id": 1e400}'),
        *('{"note": "a\\u0000"}', '{"note": "a\nb"}', '{"id": 1, "id": [[1]]}', "{}", "[1]", "1"),
        *('{"id": truest}', '{"id": 1,}', '{"id" 1}', '{"id": 12345678901234567890}'),
    ],
)
def test_what_needs_a_closer_look_is_not_read(image: str) -> None:
    """Whatever else may stand in a row is left to the columns."""
    assert not check(json.dumps(USUAL).encode()[:-1] + b', "after":' + image.encode() + b"}")


@settings(max_examples=60, deadline=None)
@given(st.lists(bodies(), min_size=1, max_size=40))
def test_many_together_are_what_each_is_alone(given_bodies: list[bytes]) -> None:
    """However many were gathered, nothing is malformed and each event stays as it was answered."""
    events = [event for body in given_bodies if (event := plain_event(body))]
    ids = [f"given{n}" for n, event in enumerate(events) if not event.id]
    batch = decode_singles([e.item for e in events], [e.offset for e in events], ids, source="http")
    assert batch.bad.num_rows == 0
    told = [(e.op.value, e.schema, e.table, e.id or f"given{n}") for n, e in enumerate(events)]
    rows = batch.events.to_pylist()
    assert [(r["op"], r["schema"], r["table"], r["event_id"]) for r in rows] == told
    assert [r["line"] for r in rows] == [1] * len(events)
