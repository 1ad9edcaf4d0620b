"""Bodies of the telemetry routes: whatever comes, nothing is lost and nothing is raised."""

from __future__ import annotations

import codecs
import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.telemetry.bodies import decode_posted, event_of
from datawatch_lab.ingest.telemetry.streams import STREAMS, stream_of

_NAMES = st.sampled_from(
    [name for each in STREAMS.values() for name in (*each.kinds, *sum(each.also.values(), ()))]
) | st.text(max_size=5)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_BODIES = st.dictionaries(_NAMES, _VALUES, max_size=8)


def _decoded(stream: str, body: bytes) -> Any:
    numbers = itertools.count()
    return decode_posted(STREAMS[stream], body, id_factory=lambda: f"made-{next(numbers)}")


@given(stream=st.sampled_from(sorted(STREAMS)), rows=st.lists(_BODIES | _VALUES, max_size=4))
def test_every_element_becomes_a_row_or_is_refused(stream: str, rows: list[Any]) -> None:
    """An array of anything gives a row or a refusal, with its reason, for each element."""
    batch = _decoded(stream, json.dumps(rows).encode())
    assert batch.received == sum(len(row) if _is_held(row) else 1 for row in rows)
    assert all(batch.bad["reason"].to_pylist())
    assert set(batch.bad["table"].to_pylist()) | set(batch.events["table"].to_pylist()) <= {stream}


def _is_held(row: Any) -> bool:
    """Whether an element is itself a list, or an object that holds nothing but one."""
    if isinstance(row, list):
        return True
    lists = {"events", "metrics", "measurements", "heartbeats", "actions", "tasks", "items"}
    lists |= {"batch"}
    if not isinstance(row, dict) or len(row) != 1:
        return False
    ((name, value),) = row.items()
    return name in lists and isinstance(value, list)


@given(stream=st.sampled_from(sorted(STREAMS)), body=st.binary(max_size=60))
def test_bytes_that_are_no_json_are_kept(stream: str, body: bytes) -> None:
    """Whatever bytes come, they are rows, or refused as they came, or the body is refused whole."""
    try:
        batch = _decoded(stream, body)
    except InputError:
        return
    assert batch.received >= 1 or b"".join(body.removeprefix(codecs.BOM_UTF8).split()) == b"[]"
    for raw in batch.bad["raw"].to_pylist():
        assert raw.strip() in body


@given(stream=st.sampled_from(sorted(STREAMS)), body=_BODIES)
def test_no_posted_value_is_lost(stream: str, body: dict[str, Any]) -> None:
    """Every value of an accepted body is in the row, under its own or the field's name."""
    try:
        event = json.loads(event_of(STREAMS[stream], json.dumps(body).encode()))
    except ValueError:
        return
    row = event["after"]
    shown = [json.dumps(each) for each in row.values()]
    for name, value in body.items():
        assert row.get(name) == value or json.dumps(value) in shown or name == "data"
    assert event["schema"] == "datawatch"


@pytest.mark.parametrize(
    ("stream", "body", "row"),
    [
        ("events", {"event_type": "a", "service_id": "s"}, {"type": "a", "service": "s"}),
        ("events", {"type": "a", "metadata": {"page": "/x"}}, {"endpoint": "/x"}),
        ("events", {"type": "a", "data": '{"path": "/y"}'}, {"data": {"path": "/y"}}),
        ("heartbeats", {"service": "s", "metrics": {"requests": 3}}, {"request_count": 3}),
        ("measurements", {"metric": "m", "value": 1, "tags": {"service": "s"}}, {"service": "s"}),
        ("task_runs", {"id": "t", "type": "etl"}, {"task_id": "t", "task_type": "etl"}),
        ("user_actions", {"user": 7, "type": "buy"}, {"user_id": 7, "action": "buy"}),
    ],
)
def test_fields_under_other_names_are_known(
    stream: str, body: dict[str, Any], row: dict[str, Any]
) -> None:
    """Clients name fields in their own way, also within an object; the row has the known names."""
    event = json.loads(event_of(STREAMS[stream], json.dumps(body).encode()))
    assert event["after"].items() >= row.items()


def test_digits_stay_as_they_came() -> None:
    """Numbers go through no double on their way to the log."""
    made = event_of(STREAMS["business"], b'{"metric_type": "m", "value": 0.12345678901234567890}')
    assert b"0.12345678901234567890" in made
    batch = decode([made], [1], [0], source="test")
    assert batch.events["after"][0].as_py().endswith('"value":0.12345678901234567890}')


def test_a_resent_body_has_the_same_identity() -> None:
    """An id in the body is the event's; one that names the task is not."""
    row = {"type": "a", "event_id": "e1"}
    assert msgspec.json.decode(event_of(STREAMS["events"], json.dumps(row).encode()))["id"] == "e1"
    task = msgspec.json.decode(event_of(STREAMS["task_runs"], b'{"id": "t1", "status": "ok"}'))
    assert "id" not in task


def test_only_the_schema_makes_a_stream() -> None:
    """A user's own table called events is no stream."""
    assert stream_of("public", "events") is None
    assert stream_of("", "events") is None
    assert stream_of("datawatch", "events") is STREAMS["events"]
    assert stream_of("datawatch", "orders") is None
