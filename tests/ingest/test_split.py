from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.ingest.cutting import Cut, Cutter
from datawatch_lab.ingest.split import split_values

JSON = st.recursive(
    st.none() | st.integers() | st.text('a"\\,[]{}\n:é', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\,]', max_size=3), inner)
    ),
    max_leaves=8,
)
INDENTS = st.sampled_from([None, 0, 2])


def fed(text: bytes, size: int) -> Cut:
    """What is cut from a text that comes in pieces of a size."""
    cutter, whole = Cutter(), Cut()
    parts = [cutter.feed(text[at : at + size]) for at in range(0, len(text), size)]
    for part in [*parts, cutter.finish()]:
        for at, item in enumerate(part.items):
            reason = part.refused.get(at, "")
            whole.add(item, part.lines[at], part.offsets[at], part.modes[at], reason)
    return whole


@given(st.lists(JSON, max_size=6), INDENTS)
def test_elements_of_an_array(values: list[object], indent: int | None) -> None:
    """The elements that are found are those that a parser finds."""
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode()[1:]
    found = split_values(text, b",")
    parts = [text[a:b] for a, b in zip(found.starts, found.ends, strict=True)]
    assert [json.loads(part) for part in parts if part.strip()] == values
    assert text[found.closed :] == b"]"


@given(st.lists(JSON.filter(bool), max_size=6), INDENTS, st.integers(1, 40))
def test_pieces_do_not_matter(values: list[object], indent: int | None, size: int) -> None:
    """An array is cut into the same items wherever the pieces of the stream end."""
    text = json.dumps(values, indent=indent).encode() + b"\n"
    cut = fed(text, size)
    assert cut == fed(text, len(text))
    assert [json.loads(item) for item in cut.items] == values
    assert cut.lines == list(range(1, len(values) + 1))
    assert [text[o : o + len(i)] for o, i in zip(cut.offsets, cut.items, strict=True)] == cut.items
    assert cut.refused == {}


@given(st.lists(st.dictionaries(st.text(max_size=3), JSON), min_size=1), st.integers(1, 40))
def test_lines(values: list[object], size: int) -> None:
    """Lines keep number, offset and text; blank ones are counted as lines."""
    text = b"\n\n".join(json.dumps(value).encode() for value in values)
    cut = fed(text, size)
    full = [(line, item) for line, item in zip(cut.lines, cut.items, strict=True) if item.strip()]
    assert [json.loads(item) for _, item in full] == values
    assert [line for line, _ in full] == list(range(1, 2 * len(values), 2))
    assert [text[o : o + len(i)] for o, i in zip(cut.offsets, cut.items, strict=True)] == cut.items


@given(
    st.binary(max_size=60), st.integers(1, 7), st.sampled_from([b"", b"[", b"{\n", b'[{"a":1}]'])
)
def test_any_bytes_are_cut_without_loss(text: bytes, size: int, start: bytes) -> None:
    """Of any input, every byte that is no blank, comma or bracket around items is in an item."""
    whole = start + text
    cut = fed(whole, size)
    assert cut.items == fed(whole, len(whole) or 1).items
    left = bytearray(whole)
    for offset, item in zip(cut.offsets, cut.items, strict=True):
        assert whole[offset : offset + len(item)] == item
        left[offset : offset + len(item)] = b" " * len(item)
    assert bytes(left).removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n[],") == b""


@pytest.mark.parametrize("size", [1, 2, 9, 10, 11, 100])
@pytest.mark.parametrize("behind", [b"\n", b"\n\n", b"\n\x00", b'\n[{"a":2}]', b'\n\n{"a":2}\n'])
def test_an_array_on_the_first_line(size: int, behind: bytes) -> None:
    """Whether the first line is all there is decides the layout, not where the first piece ends."""
    cut = fed(b'[{"a":1}]' + behind, size)
    assert cut.items[0] == (b'{"a":1}' if not behind.strip() else b'[{"a":1}]')
    assert cut == fed(b'[{"a":1}]' + behind, 1_000)


def test_values_over_several_lines() -> None:
    """Objects that are printed over several lines, one after another, are told apart."""
    text = b'{\n "a": "}\\n"\n}\n\n{\n "b": 2\n}'
    cut = fed(text, 3)
    assert [json.loads(item) for item in cut.items] == [{"a": "}\n"}, {"b": 2}]
    assert cut.lines == [1, 2]
