"""The end of a line alone leads to the same line."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from datawatch_lab.views.board.delta import join, shortened
from datawatch_lab.views.board.message import Part

_VALUE = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32)


def part(t0: int, step: int, lines: dict[str, list[Any]], band: list[Any] | None = None) -> Part:
    """A part of the face of lines."""
    both = {"low": tuple(band), "high": tuple(band)} if band is not None else None
    series = [{"name": name, "values": tuple(values)} for name, values in lines.items()]
    data = {"t0": t0, "step": step, "series": series, "band": both, "open": None}
    return Part(face="line", data=data)


@st.composite
def two(draw: st.DrawFn) -> tuple[Part, Part]:
    """A line, and the same one later: moved on, with a new end, sometimes with other values."""
    names = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
    count, shift = draw(st.integers(0, 40)), draw(st.integers(0, 12))
    later, change = draw(st.integers(0, 12)), draw(st.integers(0, 60))
    size = count + later + shift
    columns = {name: draw(st.lists(_VALUE, min_size=size, max_size=size)) for name in names}
    band = draw(st.none() | st.lists(_VALUE, min_size=size, max_size=size))
    old = part(0, 10, {n: v[:count] for n, v in columns.items()}, band and band[:count])
    changed = {
        n: [99.0 if at == change else x for at, x in enumerate(v)] for n, v in columns.items()
    }
    new = part(shift * 10, 10, {n: v[shift:] for n, v in changed.items()}, band and band[shift:])
    return old, new


@given(two())
def test_what_is_left_out_is_put_back(pair: tuple[Part, Part]) -> None:
    """A shortened part, laid on the one before, is the new one."""
    old, new = pair
    assert join(old, shortened(old, new)) == new


def test_a_line_that_moved_on_costs_its_new_values_alone() -> None:
    """A minute later one value of a hundred is sent."""
    old = part(0, 60_000, {"a": list(range(100))})
    new = part(60_000, 60_000, {"a": list(range(1, 101))})
    sent = shortened(old, new)
    assert sent.data["keep"] == {"from": 1, "count": 99}
    assert sent.data["series"][0]["values"] == (100,)
    assert len(msgspec.json.encode(sent)) < len(msgspec.json.encode(new)) / 2


def test_other_series_are_sent_whole() -> None:
    """A line with other names, steps or times before the old ones is sent as it is."""
    old = part(600, 60, {"a": list(range(20))})
    for new in (
        part(600, 60, {"b": list(range(20))}),
        part(600, 30, {"a": list(range(20))}),
        part(540, 60, {"a": list(range(20))}),
        part(601, 60, {"a": list(range(20))}),
    ):
        assert shortened(old, new) is new
    assert shortened(None, old) is old
