"""Any change means the same in every format, and no input makes decoding fail."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.samples import decoded, event, text

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(codec="utf-8"), max_size=12)
)
ROWS = st.dictionaries(NAMES, SCALARS, min_size=1, max_size=4)
CHANGES = st.tuples(st.sampled_from("cud"), st.sampled_from(["orders", "Users"]), ROWS, ROWS)

Change = tuple[str, str, dict[str, Any], dict[str, Any]]
WORDS = {"c": "INSERT", "u": "UPDATE", "d": "DELETE"}


def images(change: Change) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The row before and after; an update lays the second row over the first."""
    op, _, first, second = change
    return (None if op == "c" else first), (None if op == "d" else first | second)


def worded(change: Change, marker: str) -> dict[str, Any]:
    """As Savegress or DataWatch."""
    before, after = images(change)
    return {"schema": "s", "table": change[1], marker: WORDS[change[0]], "before": before,
            "after": after, "timestamp": "2026-01-01T00:00:00Z"}  # fmt: skip


def debezium(change: Change) -> dict[str, Any]:
    """As Debezium without schema."""
    before, after = images(change)
    source = {"connector": "postgresql", "name": "", "schema": "s", "table": change[1]}
    stamp = {"ts_ms": 1_767_225_600_000}
    return {"op": change[0], "source": source | stamp, "before": before, "after": after}


def wrapped(change: Change) -> dict[str, Any]:
    """As Debezium with a schema that has no logical types."""
    fields = [{"field": name, "type": "string"} for name in change[2] | change[3]]
    sides = [{"field": side, "type": "struct", "fields": fields} for side in ("before", "after")]
    return {"schema": {"type": "struct", "fields": sides}, "payload": debezium(change)}


def keyed(change: Change) -> dict[str, Any]:
    """As a message of Kafka printed with its key."""
    value = json.dumps(debezium(change))
    return {"topic": "t", "partition": 0, "offset": 1, "key": None, "payload": value}


def wal2json_2(change: Change) -> dict[str, Any]:
    """As wal2json's second format."""
    before, after = images(change)
    told: dict[str, Any] = {"action": {"c": "I", "u": "U", "d": "D"}[change[0]], "schema": "s"}
    told |= {"table": change[1], "timestamp": "2026-01-01 00:00:00+00"}
    for name, row in (("columns", after), ("identity", before)):
        if row is not None:
            told[name] = [{"name": k, "type": "text", "value": v} for k, v in row.items()]
    return told


def wal2json_1(change: Change) -> dict[str, Any]:
    """As wal2json's first format."""
    before, after = images(change)
    told: dict[str, Any] = {"kind": WORDS[change[0]].lower(), "schema": "s", "table": change[1]}
    if after is not None:
        told |= {"columnnames": list(after), "columnvalues": list(after.values())}
    if before is not None:
        told["oldkeys"] = {"keynames": list(before), "keyvalues": list(before.values())}
    return {"change": [told], "timestamp": "2026-01-01 00:00:00+00"}


def maxwell(change: Change) -> dict[str, Any]:
    """As Maxwell, whose rows are whole: the fields that an update adds were null before."""
    before, after = images(change)
    told: dict[str, Any] = {"database": "s", "table": change[1], "type": WORDS[change[0]].lower()}
    told |= {"ts": 1_767_225_600, "data": before if after is None else after}
    if change[0] == "u" and before is not None and after is not None:
        told["old"] = {k: before.get(k) for k, v in after.items() if before.get(k) != v}
    return told


def meaning(change: dict[str, Any]) -> list[dict[str, Any]]:
    """What an event came to: operation, table, time and images as values."""
    batch = decoded([change])
    assert batch.bad.to_pylist() == []
    named = ("schema", "table", "op", "ts", "before", "after")
    rows: list[dict[str, Any]] = batch.events.select(named).to_pylist()
    for row in rows:
        for side in ("before", "after"):
            row[side] = None if row[side] is None else json.loads(row[side])
    return rows


@given(CHANGES)
@settings(max_examples=60, deadline=None)
def test_a_change_means_the_same_in_every_format(change: Change) -> None:
    """Operation, table, time and images do not depend on the envelope."""
    expected = meaning(worded(change, "operation"))
    for other in (debezium, wrapped, keyed, wal2json_2, wal2json_1):
        assert meaning(other(change)) == expected
    assert meaning(worded(change, "type")) == expected
    if change[0] == "u":
        whole = {name: change[2].get(name) for name in change[2] | change[3]}
        expected = meaning(worded(("u", change[1], whole, change[3]), "operation"))
    assert meaning(maxwell(change)) == expected


FORMS = (
    lambda change: worded(change, "operation"),
    lambda change: worded(change, "type"),
    debezium, wrapped, keyed, wal2json_2, wal2json_1, maxwell,
)  # fmt: skip


@given(st.lists(st.tuples(CHANGES, st.sampled_from(FORMS)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_formats_mix_in_any_order(stream: list[tuple[Change, Any]]) -> None:
    """An event means the same among others of other formats as alone, and order is kept."""
    events = [form(change) for change, form in stream]
    named = ("schema", "table", "op", "ts", "before", "after")
    together = decoded(events).events.select(named).to_pylist()
    alone = [decoded([each]).events.select(named).to_pylist() for each in events]
    assert together == [row for rows in alone for row in rows]


WORDS_OF_FORMATS = """
op source before after schema payload key value topic action change columns identity pk kind
columnnames columnvalues oldkeys keynames database table type data old def sql name status id
event_count tableChanges ddl databaseName ts_ms ts_us transaction message fields field lsn
operation items parameters
"""
KEYS = st.sampled_from(WORDS_OF_FORMATS.split())
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", "c", "u", "I", "B", "M", "insert", "table-alter", "BEGIN", "x", "{}"])
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
SKELETONS: tuple[dict[str, Any], ...] = (
    {"op": "c", "source": {"table": "t"}, "after": {"a": 1}},
    {"schema": {"fields": []}, "payload": {"op": "c", "source": {"table": "t"}, "after": {"a": 1}}},
    {"key": {"a": 1}, "value": {"op": "d", "source": {"table": "t"}}},
    {"action": "I", "table": "t", "columns": [{"name": "a", "value": 1}]},
    {"change": [{"kind": "insert", "table": "t", "columnnames": ["a"], "columnvalues": [1]}]},
    {"database": "d", "table": "t", "type": "update", "data": {"a": 1}, "old": {"a": 2}},
    {"database": "d", "table": "t", "type": "table-alter", "def": {"columns": []}},
    {"databaseName": "d", "ddl": "x", "tableChanges": [{"type": "ALTER", "id": "t"}]},
    {"status": "BEGIN", "id": "1", "event_count": None},
)


@given(st.sampled_from(SKELETONS), st.dictionaries(KEYS, JSON, max_size=4), st.integers(0, 3))
@settings(max_examples=120, deadline=None)
def test_whatever_comes_is_an_event_or_a_bad_row(
    skeleton: dict[str, Any], put: dict[str, Any], deep: int
) -> None:
    """Members replaced by anything: nothing is lost, nothing raises, and the neighbours live."""
    broken: dict[str, Any] = json.loads(json.dumps(skeleton))
    inside = next((v for v in broken.values() if isinstance(v, dict)), broken)
    (inside if deep == 0 else broken).update(put)
    batch = decoded([event(1), broken, event(2)])
    lines = set(batch.events["line"].to_pylist()) | set(batch.bad["line"].to_pylist())
    assert {1, 3} <= set(batch.events["line"].to_pylist())
    assert 2 in lines or broken == {} or "events" in broken
    assert all(reason for reason in batch.bad["reason"].to_pylist())


@given(st.sampled_from(SKELETONS), st.integers(0, 200), st.binary(max_size=3))
@settings(max_examples=100, deadline=None)
def test_damaged_bytes_are_bad_rows(skeleton: dict[str, Any], at: int, put: bytes) -> None:
    """Bytes cut out or put in anywhere never raise."""
    whole = text(skeleton)
    damaged = whole[: at % len(whole)] + put + whole[at % len(whole) + 1 :]
    batch = decoded([event(1), damaged, event(2)])
    assert {1, 3} <= set(batch.events["line"].to_pylist())
