from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import EVENT_SCHEMA
from datawatch_lab.ingest.sources.postgres.decode import Decoder, Memory, Wanted
from datawatch_lab.ingest.sources.postgres.pgoutput import (
    Messages,
    ProtocolError,
    Relation,
    lsn_number,
    lsn_text,
    places,
)
from datawatch_lab.ingest.sources.postgres.position import Position
from datawatch_lab.ingest.sources.postgres.relations import is_silent
from datawatch_lab.ingest.sources.postgres.slots import first_behind
from datawatch_lab.ingest.sources.postgres.types import TypeRow
from tests.ingest.postgres import messages as wire

_ITEMS = (("id", 20, True), ("name", 25, False), ("price", 1700, False))
_NOTES = (("text", 25, False),)


class _Nothing:
    """A catalogue that knows no more than the messages say."""

    # ruff: noqa: ARG002 — it answers everything alike
    def types(self, oids: Iterable[int]) -> Sequence[TypeRow]:
        return []

    def key(self, relation: Relation) -> tuple[str, ...]:
        return ("id",)

    def filled(self, name: tuple[str, str], columns: Sequence[str]) -> bool:
        return "filled" in columns

    def partition(self, relation: Relation) -> bool:
        return False


def _decoder(memory: Memory | None = None, wanted: Wanted | None = None) -> Decoder:
    return Decoder("test", _Nothing(), wanted or Wanted(), memory)


def _events(decoder: Decoder, payloads: Sequence[bytes]) -> list[dict[str, Any]]:
    found = []
    for piece in decoder.feed(payloads):
        assert piece.events.schema == EVENT_SCHEMA
        for name, rows in piece.rows.items():
            for frame, side in ((rows.after, "after"), (rows.before, "before")):
                places_ = frame.rows.tolist()
                assert places_ == sorted(places_)
                for place in places_:
                    event = piece.events.slice(place, 1).to_pylist()[0]
                    assert (event["schema"], event["table"]) == name
                    assert event[side] is not None
        found += piece.events.to_pylist()
    return found


def _stream() -> list[bytes]:
    return [
        wire.begin(0x100, 1_700_000_000_000_000, 7),
        wire.relation(1, "public", "items", _ITEMS),
        wire.insert(1, ["1", "a", "1.50"]),
        wire.update(1, ["2", wire.UNCHANGED, "2"], ["1", None, None]),
        wire.commit(0x100, 1_700_000_000_000_000),
        wire.begin(0x200, 1_700_000_001_000_000, 8),
        wire.delete(1, ["2", None, None]),
        wire.truncate([1]),
        wire.commit(0x200, 1_700_000_001_000_000),
    ]


def test_messages_become_events() -> None:
    """Each change is one event, with its transaction's LSN and time, its place in it and images."""
    events = _events(_decoder(), _stream())
    assert [event["op"] for event in events] == ["c", "u", "d", "t"]
    assert [event["after"] for event in events] == [
        '{"id":1,"name":"a","price":1.50}',
        '{"id":2,"price":2}',
        None,
        None,
    ]
    assert [event["before"] for event in events] == [None, '{"id":1}', '{"id":2}', None]
    assert [json.loads(event["position"]) for event in events] == [
        {"lsn": "0/100", "sequence": 1},
        {"lsn": "0/100", "sequence": 2},
        {"lsn": "0/200", "sequence": 1},
        {"lsn": "0/200", "sequence": 2},
    ]
    assert [event["txid"] for event in events] == ["7", "7", "8", "8"]
    assert [event["ts"].timestamp() for event in events] == [1.7e9, 1.7e9, 1.7e9 + 1, 1.7e9 + 1]


def test_the_declared_key_and_types_come_along() -> None:
    """The batch says which columns are the key and of what type each is."""
    pieces = [piece for piece in _decoder().feed(_stream()) if piece.events.num_rows]
    declared = pieces[0].declared["public", "items"]
    assert declared.key == ("id",)
    assert declared.types == {"id": "integer", "name": "text", "price": "number"}


@pytest.mark.parametrize(("identity", "key"), [("d", ()), ("n", ()), ("f", ("id",))])
def test_a_table_without_identity_has_no_key(identity: str, key: tuple[str, ...]) -> None:
    """No primary key, or identity nothing: no key; identity full: the catalogue's primary key."""
    columns = [("text", 25, identity == "f")]
    stream = [
        wire.begin(1, 0, 1),
        wire.relation(1, "public", "notes", columns, identity),
        wire.insert(1, ["x"]),
        wire.commit(1, 0),
    ]
    pieces = [piece for piece in _decoder().feed(stream) if piece.events.num_rows]
    assert pieces[0].declared["public", "notes"].key == key


def test_a_whole_row_before_is_kept_whole() -> None:
    """With replica identity full the before image has all columns."""
    stream = [
        wire.begin(1, 0, 1),
        wire.relation(1, "public", "items", _ITEMS, "f"),
        wire.update(1, ["1", "b", None], ["1", "a", "5"], "O"),
        wire.delete(1, ["1", "b", None], "O"),
        wire.commit(1, 0),
    ]
    events = _events(_decoder(), stream)
    assert [event["before"] for event in events] == [
        '{"id":1,"name":"a","price":5}',
        '{"id":1,"name":"b","price":null}',
    ]


def _change(
    kind: str, oid: int, values: list[object], key_only: list[object], moved: bool
) -> bytes:
    if kind == "i":
        return wire.insert(oid, values)
    if kind == "u":
        return wire.update(oid, values, key_only if moved else None)
    if kind == "d":
        return wire.delete(oid, key_only)
    return wire.truncate([oid]) if kind == "t" else wire.message("somebody", b"x")


@st.composite
def _streams(draw: st.DrawFn) -> list[bytes]:
    """Transactions over two tables whose columns grow now and then."""
    columns = {1: list(_ITEMS), 2: list(_NOTES)}
    described: set[int] = set()
    stream: list[bytes] = []
    for number in range(draw(st.integers(1, 4))):
        lsn, micros = 0x1000 * (number + 1), 1_700_000_000_000_000 + number
        stream.append(wire.begin(lsn, micros, 100 + number))
        for _ in range(draw(st.integers(0, 6))):
            oid = draw(st.sampled_from((1, 2)))
            if draw(st.integers(0, 5)) == 0:
                columns[oid].append((f"more{len(columns[oid])}", 23, False))
                described.discard(oid)
            if oid not in described:
                stream.append(wire.relation(oid, "public", f"t{oid}", columns[oid]))
                described.add(oid)
            kind = draw(st.sampled_from("iuudtm"))
            values: list[object] = [
                draw(st.integers(0, 99).map(str)) if key or type_ != 25 else draw(st.text('ab"é'))
                for _, type_, key in columns[oid]
            ]
            if oid == 2 and kind in "ud":
                kind = "i"
            key_only: list[object] = [value if at == 0 else None for at, value in enumerate(values)]
            stream.append(_change(kind, oid, values, key_only, draw(st.booleans())))
        stream.append(wire.commit(lsn, micros))
    return stream


@settings(deadline=None, max_examples=40)
@given(_streams(), st.data())
def test_how_a_stream_is_cut_does_not_matter(stream: list[bytes], data: st.DataObject) -> None:
    """Fed at once or in any parts, the same events with the same identities come out."""
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5).map(sorted))
    bounds = [0, *cuts, len(stream)]
    decoder = _decoder()
    parts = [
        event
        for start, end in pairwise(bounds)
        if end > start
        for event in _events(decoder, stream[start:end])
    ]
    whole = _events(_decoder(), stream)
    assert parts == whole
    assert len({(event["table"], event["event_id"]) for event in whole}) == len(whole)
    assert not decoder.in_transaction


@settings(deadline=None, max_examples=40)
@given(_streams(), st.data())
def test_a_stream_that_broke_gives_the_rest_once(stream: list[bytes], data: st.DataObject) -> None:
    """Read again from the last complete transaction, what was given before has the same identity.

    The position goes through JSON, as in an offset, and the server describes its tables again.
    """
    cut = data.draw(st.integers(1, len(stream)))
    decoder, end = _decoder(), 0
    first = []
    position = Position("system", "slot")
    for piece in decoder.feed(stream[:cut]):
        first += piece.events.to_pylist()
        if piece.end is not None:
            end, position.memory = piece.end, decoder.settled.copy()
    start = next(
        (at + 1 for at, each in enumerate(stream) if each[:1] == b"C" and _end(each) == end), 0
    )
    memory = Position.read(json.loads(json.dumps(position.plain()))).memory
    again = _decoder(memory)
    described = [wire_ for wire_ in stream[:start] if wire_[:1] == b"R"]
    rest = stream[start:]
    if rest and described:
        rest = [rest[0], *_latest(described), *rest[1:]]
    second = _events(again, rest) if rest else []
    whole = _events(_decoder(), stream)
    seen = {(event["table"], event["event_id"]): event for event in [*first, *second]}
    assert seen == {(event["table"], event["event_id"]): event for event in whole}


def _end(commit: bytes) -> int:
    return int.from_bytes(commit[10:18], "big")


def _latest(described: list[bytes]) -> list[bytes]:
    """The last description of each table."""
    return list({each[1:5]: each for each in described}.values())


def test_changes_of_columns_are_told() -> None:
    """Added, dropped, renamed, retyped columns come as DDL, with a statement that would do it."""
    later = [("id", 20, True), ("title", 25, False), ("price", 701, False), ("new", 16, False)]
    stream = [
        *_stream(),
        wire.begin(0x300, 0, 9),
        wire.relation(1, "public", "items", [*_ITEMS[:2], ("price", 701, False)]),
        wire.relation(1, "public", "items", [("id", 20, True), ("title", 25, False), later[2]]),
        wire.relation(1, "public", "items", later),
        wire.relation(1, "public", "items", later[:2]),
        wire.relation(1, "public", "things", later[:2]),
        wire.insert(1, ["1", "x"]),
        wire.commit(0x300, 0),
    ]
    events = _events(_decoder(), stream)
    told = [json.loads(event["extra"]) for event in events if event["op"] == "ddl"]
    assert [each["ddl_command"] for each in told] == [
        "ALTER TABLE public.items ALTER COLUMN price TYPE double precision",
        "ALTER TABLE public.items RENAME COLUMN name TO title",
        "ALTER TABLE public.items ADD COLUMN new boolean",
        "ALTER TABLE public.items DROP COLUMN price, DROP COLUMN new",
        "ALTER TABLE public.items RENAME TO public.things",
    ]
    assert all(each["inferred"] for each in told)
    assert told[0]["changes"] == [
        {"change": "retyped", "name": "price", "type": "double precision", "was": "numeric"}
    ]
    assert events[-1]["table"] == "things"


@pytest.mark.parametrize(
    ("old", "new", "command", "silent"),
    [
        ({"a": "text"}, {"a": "text", "b": "text"}, "", False),
        ({"a": "text"}, {"a": "text", "filled": "text"}, "", True),
        ({"a": "text"}, {"b": "text"}, "", True),
        ({"a": "text", "b": "text"}, {"a": "text"}, "", False),
        ({"a": "integer"}, {"a": "bigint"}, "", False),
        ({"a": "integer"}, {"a": "bigint"}, "ALTER t ALTER a TYPE bigint USING a * 2", True),
        ({"a": "bigint"}, {"a": "integer"}, "", True),
        ({"a": "numeric(10,2)"}, {"a": "numeric(12,1)"}, "", True),
        ({"a": "numeric(10,2)"}, {"a": "numeric"}, "", False),
        ({"a": "integer"}, {"a": "text"}, "", True),
        ({"a": "character varying(5)"}, {"a": "character varying(9)"}, "", False),
        ({"a": "text[]"}, {"a": "text"}, "", True),
    ],
)
def test_which_changes_of_columns_alter_rows(
    old: dict[str, str], new: dict[str, str], command: str, silent: bool
) -> None:
    """A new name, a value by itself, another form; not what only widens, comes empty or goes."""
    before, after = ([{"name": n, "type": t} for n, t in each.items()] for each in (old, new))
    assert is_silent(before, after, command, lambda names: "filled" in names) is silent


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 3)), max_size=8), st.integers(1, 101))
def test_a_stream_is_cut_before_a_transaction(sizes: list[tuple[int, int]], lsn: int) -> None:
    """All messages of what was committed before an LSN come first, whole; none of the others."""
    stream, before = [], 0
    for at, rows in sorted(sizes):
        told = [wire.begin(at, 0, 1), *[wire.insert(1, ["B"])] * rows, wire.commit(at, 0)]
        stream += told
        before += len(told) * (at < lsn)
    assert first_behind(stream, lsn) == before


def test_a_new_table_is_told_once_the_others_are_known() -> None:
    """A table that appears after the snapshot was created; at the first start it just was there."""
    assert "ddl" not in {event["op"] for event in _events(_decoder(), _stream())}
    events = _events(_decoder(Memory(complete=True)), _stream())
    assert events[0]["op"] == "ddl"
    assert json.loads(events[0]["extra"])["ddl_command"] == (
        "CREATE TABLE public.items (id bigint, name text, price numeric)"
    )


def test_the_triggers_word_comes_instead_of_an_inference() -> None:
    """What an event trigger told is not told again when the description follows."""
    columns = [{"name": "id", "type": "bigint"}, {"name": "new", "type": "integer"}]
    content = {"tag": "ALTER TABLE", "command": "ALTER TABLE items …", "tables": [
        {"schema": "public", "table": "items", "columns": columns}]}  # fmt: skip
    stream = [
        *_stream(),
        wire.begin(0x300, 0, 9),
        wire.message("datawatch.ddl", json.dumps(content).encode()),
        wire.relation(1, "public", "items", [("id", 20, True), ("new", 23, False)]),
        wire.insert(1, ["1", "2"]),
        wire.commit(0x300, 0),
    ]
    events = _events(_decoder(), stream)
    told = [json.loads(event["extra"]) for event in events if event["op"] == "ddl"]
    assert told == [
        {
            "ddl_type": "ALTER TABLE",
            "ddl_command": "ALTER TABLE items …",
            "inferred": False,
            "columns": columns,
        }
    ]


def test_what_the_snapshot_has_is_not_given_again() -> None:
    """Transactions committed before a table's snapshot are passed over, for that table only."""
    memory = Memory(since={("public", "items"): 0x200})
    assert [event["op"] for event in _events(_decoder(memory), _stream())] == ["d", "t"]


def test_places_are_the_same_whatever_is_wanted() -> None:
    """Leaving a table or a column out changes no identity of the others."""
    stream = [
        wire.begin(1, 0, 1),
        wire.relation(1, "public", "items", _ITEMS),
        wire.relation(2, "public", "notes", _NOTES),
        wire.insert(2, ["secret"]),
        wire.insert(1, ["1", "a", "1"]),
        wire.commit(1, 0),
    ]
    wanted = Wanted(lambda name: name[1] == "items", lambda _, column: column == "price")
    (event,) = _events(_decoder(wanted=wanted), stream)
    whole = _events(_decoder(), stream)
    assert event["event_id"] == whole[1]["event_id"]
    assert event["after"] == '{"id":1,"price":1}'


@pytest.mark.parametrize(
    "payloads",
    [
        [b""],
        [b"?"],
        [wire.begin(1, 0, 1), wire.insert(1, ["x"])],
        [wire.begin(1, 0, 1), wire.relation(1, "s", "t", _NOTES), wire.insert(1, ["x", "y"])],
        [wire.begin(1, 0, 1), wire.relation(1, "s", "t", _NOTES)[:-3]],
        [wire.begin(1, 0, 1), wire.relation(1, "s", "t", _NOTES), b"I\0\0\0\1N\0\1b\0\0\0\1x"],
        [wire.begin(1, 0, 1), wire.message("datawatch.ddl", b"{")],
    ],
)
def test_what_is_no_protocol_is_refused(payloads: list[bytes]) -> None:
    """Messages that are not as the protocol has them raise, and make no event."""
    with pytest.raises(ProtocolError):
        list(_decoder().feed(payloads))


@given(st.integers(0, 2**64 - 1))
def test_lsns_go_to_text_and_back(lsn: int) -> None:
    """An LSN and its text are the same place."""
    assert lsn_number(lsn_text(lsn)) == lsn


def test_messages_outside_of_transactions_count_nowhere() -> None:
    """A message that is in no transaction moves no change of the next one."""
    stream = [wire.message("x", b"", transactional=False), *_stream()]
    assert places(Messages(stream), None).sequence.tolist()[3:5] == [1, 2]
    assert _events(_decoder(), stream) == _events(_decoder(), _stream())
