from __future__ import annotations

import gc
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import BAD_SCHEMA, EVENT_SCHEMA, DecodedBatch, Offset
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.identity import bad_id, content_id
from tests.ingest.samples import decoded, event, ids, text, texts


def test_schemas_and_rest() -> None:
    """The tables have the agreed columns, also when there is nothing in them."""
    offset = Offset("test", {"at": 1})
    for items in ([], [b"5"], [event()]):
        batch = decoded(items, offset=offset)
        assert batch.events.schema == EVENT_SCHEMA
        assert batch.bad.schema == BAD_SCHEMA
        assert (batch.offset, batch.source, batch.received) == (offset, "test", len(items))
    assert decoded([b"12345"]).size == 5


def test_rows_by_table() -> None:
    """Images are typed per table, and their positions point at the event."""
    items = [
        event(1),
        event(2, table="users", after={"name": "x"}),
        event(3, operation="UPDATE", before={"id": 3}, after={"id": 3, "amount": "1", "new": 1.5}),
        event(4, schema="b", operation="DELETE", before={"id": 4}, after=None),
        {"operation": "COMMIT"},
    ]
    rows = decoded(items).rows
    assert set(rows) == {("public", "orders"), ("public", "users"), ("b", "orders")}
    orders = rows["public", "orders"]
    assert orders.after.rows.tolist() == [0, 2]
    assert orders.after.columns["amount"].to_list() == ["12.50", "1"]
    assert {name: mask.to_list() for name, mask in orders.after.absent.items()} == {
        "note": [False, True],
        "new": [True, False],
    }
    assert orders.before.rows.tolist() == [2]
    assert orders.before.columns.to_dict(as_series=False) == {"id": [3]}
    assert rows["b", "orders"].after.rows.tolist() == []


def test_a_misfit_image_moves_its_event_to_bad() -> None:
    """Only the event whose image does not fit goes; positions close up behind it."""
    deep = b"[" * 80 + b"]" * 80
    items = [
        text(event(1)),
        text(event(2)).replace(b'"12.50"', deep),
        text(event(3, operation="UPDATE", before={"id": "DEEP"})).replace(b'"DEEP"', deep),
        text(event(4, operation="UPDATE", before={"id": 4})),
    ]
    batch = decoded(items)
    assert batch.bad["line"].to_pylist() == [2, 3]
    assert "after" in batch.bad["reason"][0].as_py()
    assert "before" in batch.bad["reason"][1].as_py()
    assert batch.bad["table"].to_pylist() == ["orders", "orders"]
    orders = batch.rows["public", "orders"]
    assert orders.after.rows.tolist() == [0, 1]
    assert orders.after.columns["id"].to_list() == [1, 4]
    assert orders.before.rows.tolist() == [1]


def test_images_without_fields_are_in_no_frame() -> None:
    """An empty object beside a full image is kept as text and is no row."""
    batch = decoded([event(1, before={}), event(2)])
    assert batch.events["before"].to_pylist() == ["{}", None]
    assert batch.rows["public", "orders"].before.rows.tolist() == []


def test_identity_of_events_without_id() -> None:
    """Content and offset identify; equal lines at other places are other events."""
    plain = text(event(id=None))
    first, again = decoded([plain, plain]), decoded([plain, plain], source="other name")
    found = ids([first])
    assert found == ids([again]) == [content_id(plain, 0), content_id(plain, len(plain) + 1)]
    assert len(set(found)) == 2
    assert decoded([plain + b"\r"]).events["event_id"][0].as_py() == found[0]


def test_identity_of_bad_rows() -> None:
    """Bad rows are identified likewise, and never as what they become when they are fixed."""
    batch = decoded([b"{bad", b"{bad"])
    assert batch.bad["event_id"].to_pylist() == [bad_id(b"{bad", 0), bad_id(b"{bad", 5)]
    assert bad_id(b"x", 0) != content_id(b"x", 0)


def test_ids_from_a_factory() -> None:
    """With a factory, what has no id gets a new one each time, bad rows too."""
    numbers = iter(range(9))
    batch = decoded(
        [event(id=None), event(id=None), event(5), b"{"], id_factory=lambda: f"n{next(numbers)}"
    )
    assert ids([batch]) == ["n0", "n1", "evt-5"]
    assert batch.bad["event_id"].to_pylist() == ["bad:n2"]


def test_refused_items_are_bad_for_the_given_reason() -> None:
    """What the source knows to be malformed is not looked at."""
    batch = decoded(texts(3), refused={1: "cut short"})
    assert batch.events["line"].to_pylist() == [1, 3]
    assert batch.bad.select(["line", "reason"]).to_pylist() == [{"line": 2, "reason": "cut short"}]


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_left_as_it_was(was_on: bool) -> None:
    """Decoding holds the garbage collector back and then restores it."""
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        decoded(texts(2))
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.lists(st.integers(0, 9), max_size=2),
)
IMAGES = st.dictionaries(st.sampled_from(["id", "a", "b\n", "é"]), VALUES, min_size=1)
TABLES = st.sampled_from(["orders", "users", "Ü t"])
GOOD = st.builds(
    lambda number, table, image, marker, spaced: json.dumps(
        {"id": f"e{number}", "table": table, marker: "INSERT", "after": image},
        separators=(", ", " : ") if spaced else (",", ":"),
        ensure_ascii=spaced,
    ).encode(),
    st.integers(0, 999), TABLES, IMAGES, st.sampled_from(["operation", "type"]), st.booleans(),
)  # fmt: skip
BROKEN = st.one_of(
    st.binary(min_size=1, max_size=20).filter(lambda raw: raw.strip() != b""),
    st.tuples(GOOD, st.integers(1, 30)).map(lambda cut: cut[0][: -cut[1]] or b"{"),
    st.sampled_from([b'{"operation":"INSERT","table":"orders"}', b"{}", b"1", b'{"type":"x"}']),
    st.builds(lambda good: good.replace(b"INSERT", b"UPSERT"), GOOD),
)


def is_event(item: bytes) -> bool:
    """What the oracle takes for a well-formed event of the generated kinds."""
    try:
        fields = json.loads(item.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and isinstance(fields.get("after"), dict) and any(
        fields.get(marker) == "INSERT" for marker in ("operation", "type")
    )  # fmt: skip


def matches_raw(batch: DecodedBatch) -> None:
    """Every typed value is that of the raw image, and what is missing there is missing here."""
    raws = [json.loads(raw, parse_float=Decimal) for raw in batch.events["after"].to_pylist()]
    seen = 0
    for rows in batch.rows.values():
        frame = rows.after
        for name in frame.columns.columns:
            gone = frame.absent.get(name)
            missing = [False] * len(frame.rows) if gone is None else gone.to_list()
            for at, value, no in zip(frame.rows, frame.columns[name], missing, strict=True):
                assert no == (name not in raws[at])
                assert same(value, raws[at].get(name))
                seen += not no
    assert seen == sum(map(len, raws))


def same(value: Any, meant: Any) -> bool:
    """Whether a decoded value is what the raw one means."""
    if isinstance(meant, bool):
        return value is meant or value == str(meant).lower()
    if isinstance(meant, int | Decimal):
        return not isinstance(value, bool) and Decimal(str(value)) == meant
    return bool((json.loads(value) if isinstance(meant, list) else value) == meant)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(GOOD, GOOD, BROKEN, st.just(b"  ")), max_size=12))
def test_any_mixture_is_told_apart(items: list[bytes]) -> None:
    """Received = events + bad; good ones exact, bad ones with their bytes, blank ones nothing."""
    batch = decoded(items)
    good = [item for item in items if is_event(item)]
    bad = [item for item in items if item.strip() and not is_event(item)]
    assert batch.received == len(good) + len(bad)
    assert batch.bad["raw"].to_pylist() == [item.strip() for item in bad]
    afters = batch.events["after"].to_pylist()
    assert all(after.encode() in item for after, item in zip(afters, good, strict=True))
    assert [json.loads(after) for after in afters] == [json.loads(item)["after"] for item in good]
    matches_raw(batch)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(GOOD, BROKEN), min_size=2, max_size=10), st.data())
def test_how_items_are_batched_does_not_matter(items: list[bytes], data: st.DataObject) -> None:
    """Events and bad rows are the same whether decoded at once or in two batches."""
    cut = data.draw(st.integers(0, len(items)))
    whole = decoded(items)
    offsets = np.cumsum([0] + [len(item) + 1 for item in items])[:-1]
    lines = np.arange(1, len(items) + 1)
    parts = [
        decode(items[part], lines[part], offsets[part], source="test")
        for part in (slice(cut), slice(cut, None))
    ]
    for name in ("events", "bad"):
        rows = [row for part in parts for row in getattr(part, name).to_pylist()]
        assert rows == getattr(whole, name).to_pylist()
