"""Events read from where their values stand are what the general way makes of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest import placing, plain_rows
from datawatch_lab.ingest import plain as plain_ways
from datawatch_lab.ingest import rows as row_ways
from datawatch_lab.ingest.blocks import Block
from datawatch_lab.ingest.cutting import Cut, Cutter
from datawatch_lab.ingest.decode import decode, decode_any, decode_block
from datawatch_lab.ingest.placing import placed_in
from datawatch_lab.ingest.plain import plain_events
from datawatch_lab.ingest.templates import Templates, template_of

TOLD = ("s", None, None)
VALUES = (
    '"x"', '""', '"é"', '"a\\"b"', '"\\u00e9\\n"', '"\\ud800"', '"}"', '"k\\\\"', "null",
    "true", "false", "0", "-0", "7", "12345678", "123456789", "-5", "0.125", "1e5", "1E400",
    "9007199254740993", "18446744073709551616", "01", "-", "1.", ".5", "+1", "tru", "nul", "1e",
    "--1", "{}", "[1]", '{"a":1}', '"\t"', "'x'", '"x""y"',
)  # fmt: skip
ENVELOPE = {
    "id": ('"e1"', '"e1"', '"e1"', "17", "null", '""', '"\\u0041"', "-3", "1.5", "01"),
    "source": ('"db"', '"db"', '"db"', "null", "5"),
    "schema": ('"public"', '"public"', "null", '"other"', '""'),
    "table": ('"orders"', '"orders"', '"items"', '""', "null", "1"),
    "operation": (
        '"INSERT"', '"INSERT"', '"UPDATE"', '"delete"', '"DDL"', '"BEGIN"', '"?"', "null",
    ),
    "timestamp": (
        '"2025-01-06T00:00:00.001Z"', '"2025-01-06T00:00:00.001Z"', '"2025-01-06T00:00:00+02:00"',
        "null", "1736121600", "1736121600000", "-1", '"never"', '"0001-01-01T00:00:00Z"',
    ),
    "transaction_id": ('"9"', '"9"', "9", "null", "-9"),
    "position": (
        '{"lsn":"0/1","sequence":3}', '{"lsn":"0/1","sequence":3}', '{"lsn":"0/1","sequence":"3"}',
        '{"lsn":"0/1","sequence":3.5}', '"0/1"', "null", "{}", '{"a":{"sequence":1},"sequence":2}',
    ),
    "metadata": ('{"server":"a","n":{"m":1}}', '{"server":"a","n":{"m":1}}', "null", "{}", "3"),
    "ddl_command": ("null", '"ALTER"'),
    "else": ("1",),
}  # fmt: skip
OFTEN = ("id", "source", "schema", "table", "operation", "timestamp", "transaction_id", "position")


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Lines of which most are alike, and some are anything."""
    rnd = random.Random(draw(st.integers(0, 2**32)))
    rate = rnd.choice((0.0, 0.01, 0.05, 0.3))
    columns = rnd.sample(("id", "amount", "a_long_name_of_a_column", "ü", "k"), rnd.randint(1, 4))
    usual = {name: rnd.choice(VALUES[:22]) for name in columns}
    keys = [*OFTEN, *rnd.sample(("metadata", "ddl_command"), rnd.randint(0, 2))]
    return [_line(rnd, keys, usual, rate) for _ in range(rnd.randint(18, 60))]


def _line(rnd: random.Random, keys: list[str], usual: dict[str, str], rate: float) -> bytes:
    members = {key: _one_of(rnd, ENVELOPE[key], rate) for key in keys}
    images = {"INSERT": ("after",), "UPDATE": ("before", "after")}
    for side in images.get(members["operation"].strip('"'), ("before",)):
        members[side] = _image(rnd, usual, rate)
    if rnd.random() < rate:
        members["else"] = "1"
    line = ("{" + ",".join(f'"{key}":{value}' for key, value in members.items()) + "}").encode()
    if rnd.random() < rate:
        at = rnd.randrange(len(line))
        line = line[:at] + bytes([rnd.randrange(256)]) * rnd.randint(0, 2) + line[at + 1 :]
    return line.replace(b"\n", b" ")


def _one_of(rnd: random.Random, values: tuple[str, ...], rate: float) -> str:
    return rnd.choice(values) if rnd.random() < rate else values[0]


def _image(rnd: random.Random, usual: dict[str, str], rate: float) -> str:
    if rnd.random() < rate:
        return rnd.choice(("null", "{}", "[]", "1"))
    values = {
        name: rnd.choice(VALUES) if rnd.random() < rate else value for name, value in usual.items()
    }
    return "{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}"


def same(found: DecodedBatch, meant: DecodedBatch) -> None:
    """Both batches say the same; the order of tables and columns is free."""
    found.events.validate(full=True)
    assert found.events.to_pylist() == meant.events.to_pylist()
    assert found.bad.to_pylist() == meant.bad.to_pylist()
    assert (found.size, found.declared) == (meant.size, meant.declared)
    assert set(found.rows) == set(meant.rows)
    for key, told in meant.rows.items():
        for side in ("after", "before"):
            one, other = getattr(found.rows[key], side), getattr(told, side)
            assert one.rows.tolist() == other.rows.tolist()
            assert_frame_equal(one.columns, other.columns, check_column_order=False)
            masks = {name: mask.to_list() for name, mask in other.absent.items()}
            assert {name: mask.to_list() for name, mask in one.absent.items()} == masks
            assert one.json == other.json


@settings(max_examples=300, deadline=None)
@given(streams())
def test_plain_events_are_what_the_general_way_makes_of_them(lines: list[bytes]) -> None:
    """Whatever is mixed in them, and from one batch to the next."""
    cut = Cutter(mode="lines").feed(b"\n".join(lines) + b"\n")
    assert cut.block is not None
    block, templates = cut.block, Templates()
    meant = decode_any(block.items(), block.lines, block.offsets, TOLD, None)
    for _ in range(2):
        same(decode_block(block, templates, source="s"), meant)
    same(decode(block.items(), block.lines, block.offsets, source="s"), meant)


def usual(at: int, **changed: object) -> bytes:
    """An ordinary event."""
    event = {
        "id": f"e{at}", "source": "db", "schema": "public", "table": f"t{at % 3}",
        "operation": "INSERT", "timestamp": f"2025-01-06T00:00:{at % 60:02}.000001Z",
        "transaction_id": str(at), "position": {"lsn": f"0/{at:X}", "sequence": at % 4},
        "before": None, "after": {"id": at, "amount": at / 8, "name": f"n{at}", "gift": at % 2 > 0},
    }  # fmt: skip
    return json.dumps({**event, **changed}, separators=(",", ":")).encode()


def block_of(lines: list[bytes]) -> Block:
    """Lines as a file has them."""
    return Block.of_lines(b"\n".join(lines) + b"\n", 1, 0)


def plain(lines: list[bytes]) -> tuple[DecodedBatch, np.ndarray]:
    """What is read from where it stands, and the lines that are left."""
    found = plain_events(block_of(lines), Templates(), None)
    assert found is not None
    batch = found.read("s", None, None)
    assert batch is not None
    return batch, found.left


def test_ordinary_events_are_all_read_so() -> None:
    """With images before, without, and with escapes, of several tables."""
    lines = [usual(at) for at in range(40)]
    lines += [usual(at, operation="UPDATE", before={"id": at}) for at in range(40, 60)]
    lines += [usual(at, operation="DELETE", before={"id": at}, after=None) for at in range(60, 80)]
    lines += [usual(80, after={"id": 1, "amount": 2.5, "name": 'a "b"\n', "gift": True})]
    batch, left = plain(lines)
    assert (batch.events.num_rows, left.tolist()) == (81, [])
    assert batch.rows["public", "t0"].after.columns.schema == {
        "id": pl.Int64, "amount": pl.Float64, "name": pl.String, "gift": pl.Boolean,
    }  # fmt: skip


def test_a_few_others_are_left_to_the_general_way() -> None:
    """They do not cost the others their way, and what is wrong with them is said."""
    lines = [usual(at) for at in range(40)]
    lines[3], lines[7] = lines[3][:-5], b""
    lines[20] = usual(20, operation="DDL", ddl_command="ALTER TABLE t2 ADD x int")
    assert plain(lines)[1].tolist() == [3, 7, 20]
    whole = decode_block(block_of(lines), Templates(), source="s")
    assert whole.events["op"].to_pylist().count("ddl") + whole.events.num_rows >= 38
    assert whole.bad["line"].to_pylist() == [4]
    assert whole.events["line"].to_pylist() == [at for at in range(1, 41) if at not in (4, 8)]


@pytest.mark.parametrize(
    "token",
    [
        "01", "-", "1.", "-.5", "1e", "1.2.3", "1-2", "--1", "00", "-01", "truex", "nul", '"',
        '"a"b"', '"\t"',
    ],
)  # fmt: skip
def test_no_value_that_is_none_is_placed(token: str) -> None:
    """Numbers, words and texts are looked at as a parser would."""
    lines = [usual(at) for at in range(20)]
    lines[9] = lines[9].replace(b'"amount":1.125', b'"amount":' + token.encode())
    placed = placed_in(block_of(lines), Templates())
    assert 9 not in {int(at) for part in placed for at in part.which}
    assert sum(len(part.which) for part in placed) == len(lines) - 1


@pytest.mark.parametrize(
    "event",
    [
        b"{}", b"[]", b"", b"{", b'{"operation":"INSERT","table":"t","after":{"id":[1]}}',
        b'{"operation":"INSERT","table":"t","after":{"id":1,"id":2}}',
        b'{"operation":"INSERT","table":"t","after": {"id" :1}}',
        b'{"operation":"INSERT","table":"t","after":{"id":1},"more":1}',
        b'{"operation":"INSERT","table":"t","after":{"id":"\xff"}}',
        b'{"op":"c","source":{"table":"t"},"after":{"id":1}}',
    ],
)  # fmt: skip
def test_what_is_not_plain_is_no_template(event: bytes) -> None:
    """Nothing is learnt of it."""
    assert template_of(event) is None


def test_lists_of_a_cut_are_made_when_asked_for() -> None:
    """Lines are one block until then, and the same as before."""
    cut = Cutter(mode="lines").feed(b"a\n\nbc\nrest")
    assert cut.block is not None
    assert len(cut) == 3
    assert cut == Cut([b"a", b"", b"bc"], [1, 2, 3], [0, 2, 3], ["lines"] * 3)
    assert cut[1:3].items == [b"", b"bc"]


def test_after_batches_in_vain_fewer_are_looked_at() -> None:
    """Other formats do not pay for the look; a batch that was not in vain counts at once."""
    templates = Templates()
    looked = []
    for _ in range(40):
        looked.append(templates.take_turn())
        if looked[-1]:
            templates.tell(vain=True)
    assert looked[:8] == [True, False, True, False, False, False, True, False]
    templates.tell(vain=False)
    assert templates.take_turn()


def odd(at: int, table: str) -> bytes:
    """An event with an object where the others have a text."""
    return usual(at, table=table, after={"id": at, "amount": 0.5, "name": {"n": at}, "gift": True})


def of_tables(count: int, *, odd_ones: int, each: int = 24) -> list[bytes]:
    """Events of tables; one event of each of the odd ones is odd."""
    names = [f"t{nth}" for _ in range(each) for nth in range(count)]
    last = len(names) - count
    return [
        odd(at, name) if 0 <= at - last < odd_ones else usual(at, table=name)
        for at, name in enumerate(names)
    ]


def counted(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, count: Callable[..., int]
) -> list[int]:
    """One number for each call of a function from now on."""
    calls: list[int] = []
    function = getattr(where, name)

    def counting(*args: Any) -> Any:
        calls.append(count(*args))
        return function(*args)

    monkeypatch.setattr(where, name, counting)
    return calls


def as_the_general_way(lines: list[bytes], templates: Templates | None = None) -> None:
    """A block of the lines is read as if it were looked at event by event."""
    block = block_of(lines)
    meant = decode_any(block.items(), block.lines, block.offsets, TOLD, None)
    same(decode_block(block, templates or Templates(), source="s"), meant)


@pytest.mark.parametrize("odd_ones", [0, 1, 20, 60])
def test_every_image_is_decoded_once_however_many_tables_are_odd(
    monkeypatch: pytest.MonkeyPatch, odd_ones: int
) -> None:
    """Those of tables with images in both parts in one go, the others where they stand."""
    lines = of_tables(64, odd_ones=odd_ones)
    as_the_general_way(lines)
    placed = counted(monkeypatch, plain_rows, "decoded", lambda _, begins, *__: len(begins))
    parsed = counted(monkeypatch, row_ways, "columns_of_tables", _images)
    decode_block(block_of(lines), Templates(), source="s")
    assert parsed == ([24 * odd_ones] if odd_ones else [])
    assert sum(placed) + sum(parsed) == len(lines)
    assert len(placed) == 1


def _images(_: object, tables: Sequence[np.ndarray]) -> int:
    return sum(map(len, tables))


NUL = usual(0, table="t0", after={"id": 0, "amount": 0.5, "\0": "x", "gift": True})


@pytest.mark.parametrize(
    ("lines", "vain"),
    [
        (of_tables(8, odd_ones=2), False),
        (of_tables(8, odd_ones=6), True),
        ([*of_tables(8, odd_ones=0), NUL], True),
    ],
    ids=["a few odd tables", "most tables are odd", "an image that cannot be decoded"],
)
def test_a_stream_of_odd_tables_is_looked_at_less(
    monkeypatch: pytest.MonkeyPatch, lines: list[bytes], *, vain: bool
) -> None:
    """Where most is read anew, reading the others apart saves nothing."""
    looked = counted(monkeypatch, plain_ways, "placed_in", lambda *_: 1)
    templates = Templates()
    for _ in range(12):
        as_the_general_way(lines, templates)
    assert len(looked) == (3 if vain else 12)


def test_images_of_both_sides_fit_together_when_some_are_odd() -> None:
    """Before and after, in tables of both parts, of the plain part and of the others only."""
    lines = [usual(at, operation="UPDATE", before={"id": at, "name": "x"}) for at in range(60)]
    lines[7] = usual(7, operation="UPDATE", before={"id": [7]}, after={"id": 7, "more": None})
    lines[31] = usual(31, operation="DELETE", before={"id": {}}, after=None)
    lines[33] = usual(33, operation="UPDATE", before={}, after={"id": 1})
    lines[41] = usual(41, table="another", after={"id": [1, 2]})
    lines[50] = usual(50, table="t1", operation="DDL", ddl_command="ALTER", after=None)
    as_the_general_way(lines)


@settings(max_examples=150, deadline=None)
@given(streams())
def test_where_a_batch_is_split_does_not_show(lines: list[bytes]) -> None:
    """Events are placed, and images decoded, as many at once as fit into a cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placing, "_AT_ONCE", 5)
        patch.setattr(plain_rows, "MOST_TOGETHER", 7)
        as_the_general_way([line for line in lines if line.strip()] or [b"{}"])


@pytest.mark.parametrize("together", [1, 7, 40, 100])
def test_tables_are_split_into_groups(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    """Each group is decoded apart, and none of its images is in another."""
    monkeypatch.setattr(placing, "_AT_ONCE", 11)
    monkeypatch.setattr(plain_rows, "MOST_TOGETHER", together)
    lines = of_tables(9, odd_ones=1, each=9)
    lines += [usual(at, operation="UPDATE", before={"id": at}) for at in range(81, 99)]
    as_the_general_way(lines)
    groups = counted(monkeypatch, plain_rows, "decoded", lambda _, begins, *__: len(begins))
    placed = placed_in(block_of(lines), Templates())
    assert len(placed) > 1
    assert max(len(part.which) for part in placed) == 11
    decode_block(block_of(lines), Templates(), source="s")
    assert (len(groups) > 1) == (together < 100)
