"""Whatever bytes come: decoding never raises, nothing is lost, and cutting does not matter."""

from __future__ import annotations

import gzip
import json
from typing import Any

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.ingest.telemetry.streams import STREAMS
from tests.fuzz.laws import (
    check_alone,
    check_body,
    check_csv,
    check_file,
    check_telemetry,
    decoded,
)
from tests.fuzz.nasty import FORMATS, VALUES, compact
from tests.fuzz.targets import AFTER, BEFORE, fuzz_image

NAMES = st.sampled_from(sorted(FORMATS))
NASTY = st.sampled_from(sorted(VALUES.values()))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**140), 2**140), st.floats(), st.text(max_size=6)
)
MEMBERS = sorted(
    {
        name
        for item in FORMATS.values()
        for name in json.dumps(item).split('"')
        if name.isidentifier()
    }
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """An item of some format in which members, at any depth, are others, or more, or missing."""
    item: Any = json.loads(json.dumps(FORMATS[draw(NAMES)]))
    for _ in range(draw(st.integers(1, 3))):
        inside = item
        while draw(st.booleans()):
            below = [each for each in _values(inside) if isinstance(each, dict | list) and each]
            if not below:
                break
            inside = draw(st.sampled_from(below))
        if isinstance(inside, dict):
            name = draw(
                st.sampled_from([*inside, *MEMBERS]) if inside else st.sampled_from(MEMBERS)
            )
            inside.pop(name, None) if draw(st.booleans()) else inside.update({name: draw(JSON)})
        elif inside:
            inside[draw(st.integers(0, len(inside) - 1))] = draw(JSON)
    return compact(item).replace(b"\n", b" ")


def _values(inside: Any) -> list[Any]:
    return list(inside.values()) if isinstance(inside, dict) else list(inside)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An item of some format with bytes cut out, put in or doubled."""
    item = compact(FORMATS[draw(NAMES)])
    at, gone = draw(st.integers(0, len(item))), draw(st.integers(0, 12))
    put = draw(st.binary(max_size=6) | NASTY)
    return (item[:at] + put + item[at + gone :]).replace(b"\n", b" ")


ITEMS = st.one_of(
    changed(), changed(), damaged(), NAMES.map(lambda name: compact(FORMATS[name])), NASTY,
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")),
)  # fmt: skip
BOUNDS = st.lists(st.integers(0, 10_000), max_size=6)


@given(st.lists(ITEMS, max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_lines_come(items: list[bytes]) -> None:
    """Each line is events or bad rows with reason and bytes, and is read as it is alone."""
    lines = [BEFORE, *items, AFTER]
    batch = decoded(lines)
    assert {1, len(lines)} <= set(batch.events["line"].to_pylist())
    check_alone(lines, batch)


@given(st.lists(ITEMS, max_size=6), st.sampled_from(["\n", "\r\n", ",\n", "\n\n", " "]), BOUNDS)
@settings(max_examples=60, deadline=None)
def test_whatever_files_come(items: list[bytes], between: str, bounds: list[int]) -> None:
    """Lines, arrays or values over many lines: the same items of any pieces, none without fate."""
    data = between.encode().join(items)
    check_file(data, bounds)
    check_file(b"[" + data + b"]", bounds)


@given(st.binary(max_size=120), BOUNDS)
@settings(max_examples=60, deadline=None)
def test_whatever_bytes_come(data: bytes, bounds: list[int]) -> None:
    """Bytes without any sense, as JSON and as CSV."""
    check_file(data, bounds)
    check_csv(data, bounds)


FIELDS = {name for stream in STREAMS.values() for name in (*stream.kinds, *stream.inside)}
CELLS = st.text(st.sampled_from('a1,";\t\n\r\0 é.-'), max_size=6)


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8), st.sampled_from(",;\t"), BOUNDS
)
@settings(max_examples=50, deadline=None)
def test_whatever_tables_come(table: list[list[str]], mark: str, bounds: list[int]) -> None:
    """CSV with stray quotes, ragged rows and line ends inside: every record is a row or bad."""
    check_csv("\n".join(mark.join(row) for row in table).encode(), bounds)


@given(
    st.lists(ITEMS, max_size=5),
    st.sampled_from(["array", "lines", "batch", "one"]),
    st.sampled_from(["", "gzip", "zstd", "torn gzip", "br"]),
    st.sampled_from(["", "application/json", "application/x-ndjson"]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_bodies_come(items: list[bytes], form: str, packed: str, type_: str) -> None:
    """A body is decoded, or refused as a whole with a status below 500 and a sentence."""
    body = {
        "array": b"[" + b",".join(items) + b"]",
        "lines": b"\n".join(items),
        "batch": b'{"events":[' + b",".join(items) + b"]}",
        "one": b"".join(items[:1]),
    }[form]
    sent = {
        "gzip": gzip.compress(body),
        "zstd": zstandard.compress(body),
        "torn gzip": gzip.compress(body)[:-9],
    }.get(packed, body)
    batch = check_body(sent, type_, packed.removeprefix("torn "))
    assert batch is not None or packed in ("torn gzip", "br") or not body.strip(b" \t\r\n")


@given(
    st.sampled_from(sorted(STREAMS)),
    st.lists(st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON, max_size=5) | JSON, max_size=4),
    st.sampled_from(["", "application/x-ndjson"]),
    st.binary(max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_whatever_telemetry_comes(name: str, rows: list[Any], type_: str, put: bytes) -> None:
    """Rows of a stream: each is an event of its table or malformed, or the body is refused."""
    between = b"\n" if type_ else b","
    body = between.join(map(compact, rows))
    check_telemetry(STREAMS[name], body if type_ else b"[" + body + b"]", type_)
    check_telemetry(STREAMS[name], body[: len(body) // 2] + put + body[len(body) // 2 :], type_)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=5), damaged())
@settings(max_examples=60, deadline=None)
def test_whatever_row_images_come(row: dict[str, Any], other: bytes) -> None:
    """An image is typed, or a misfit with a reason; its neighbours are typed in any case."""
    fuzz_image(compact(row))
    fuzz_image(other)
