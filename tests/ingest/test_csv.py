"""CSV files: dialects, types, faults, identity, and going on anywhere."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.records import RecordCutter, dialect_of, fields_of
from datawatch_lab.ingest.sources.file import FileSource

PLAIN = b'id,zip,amount,name\n1,007,12.50,Ann\n2,,0.1,\n3,12345,3,""\n'


def write(path: Path, data: bytes) -> Path:
    """A file with these bytes."""
    path.write_bytes(data)
    return path


def read(path: Path, resume: Any = None, **options: Any) -> list[DecodedBatch]:
    """All batches of a file."""
    return list(FileSource(path, **options).batches(resume))


def rows(batches: list[DecodedBatch]) -> list[dict[str, Any]]:
    """All events."""
    return [row for batch in batches for row in batch.events.to_pylist()]


def images(batches: list[DecodedBatch]) -> list[Any]:
    """All images after."""
    return [json.loads(row["after"]) for row in rows(batches)]


def bad(batches: list[DecodedBatch]) -> list[dict[str, Any]]:
    """All bad rows."""
    return [row for batch in batches for row in batch.bad.to_pylist()]


def test_rows_are_inserts_into_the_table_of_that_name(tmp_path: Path) -> None:
    """Empty fields are null, "" is an empty text, and no digit is lost."""
    batches = read(write(tmp_path / "orders.csv", PLAIN))
    found = rows(batches)
    assert {(row["schema"], row["table"], row["op"], row["ts"]) for row in found} == {
        ("", "orders", "c", None)
    }
    assert [row["line"] for row in found] == [2, 3, 4]
    assert [PLAIN[row["offset"] :].split(b",")[0] for row in found] == [b"1", b"2", b"3"]
    assert [row["after"] for row in found] == [
        '{"id":1,"zip":"007","amount":12.50,"name":"Ann"}',
        '{"id":2,"zip":null,"amount":0.1,"name":null}',
        '{"id":3,"zip":"12345","amount":3,"name":""}',
    ]
    assert all(batch.backfill for batch in batches)
    frame = batches[0].rows["", "orders"].after
    assert frame.columns["zip"].to_list() == ["007", None, "12345"]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_dialects(tmp_path: Path, pack: Any, delimiter: str, line_end: str) -> None:
    """Delimiters, line ends, byte order marks and packings are found out."""
    text = "\ufeff" + line_end.join(["a;b,c", "x;y,1.5", 'q;"z\n\n",2']).replace(",", delimiter)
    if delimiter == ";":
        text = text.replace("a;b", "a_b").replace("x;y", "x_y").replace("q;", '"q;"')
        text = text.replace('"q;""', '"q;')
    else:
        text = text.replace(";", delimiter)
    batches = read(write(tmp_path / "t.csv.gz", pack(text.encode())))
    assert bad(batches) == []
    assert [list(image.values())[-1] for image in images(batches)] == [1.5, 2]
    assert "\n\n" in rows(batches)[1]["after"].replace("\\n", "\n")


def test_another_encoding(tmp_path: Path) -> None:
    """What is no UTF-8 is read as Windows-1252; a stray byte further on is one bad row."""
    data = "name;price\nMüller;€ 5\n".encode("cp1252")
    assert images(read(write(tmp_path / "a.csv", data))) == [{"name": "Müller", "price": "€ 5"}]
    late = b"name,n\n" + b"Mo,1\n" * 20_000 + b"M\xfcller,2\n" + b"Jo,3\n"
    batches = read(write(tmp_path / "b.csv", late))
    (row,) = bad(batches)
    assert (row["line"], row["raw"]) == (20_002, b"M\xfcller,2")
    assert "not UTF-8: byte 0xfc at byte 1" in row["reason"]
    assert sum(batch.received for batch in batches) == 20_002


def test_rows_that_do_not_fit_are_set_aside(tmp_path: Path) -> None:
    """A row with another number of fields is bad, with its line and bytes; the others stay."""
    data = b'a,b\n1,2\n3\n4,5,6\n\n"x\ny",7\n8,9'
    batches = read(write(tmp_path / "t.csv", data))
    assert [(r["line"], r["reason"], r["raw"]) for r in bad(batches)] == [
        (3, "the row has 1 field, not 2", b"3"),
        (4, "the row has 3 fields, not 2", b"4,5,6"),
    ]
    assert {row["table"] for row in bad(batches)} == {"t"}
    assert [row["line"] for row in rows(batches)] == [2, 6, 8]


def test_stray_quotes_do_not_swallow_the_file(tmp_path: Path) -> None:
    """A quote inside a field is text; a field that is never closed is one bad line."""
    data = b'size,n\n5" pipe,1\n"open,2\nplain,3\n"a ""b""",4\n'
    batches = read(write(tmp_path / "t.csv", data))
    assert images(batches) == [
        {"size": '5" pipe', "n": 1}, {"size": "plain", "n": 3}, {"size": 'a "b"', "n": 4}
    ]  # fmt: skip
    assert [(row["line"], row["raw"]) for row in bad(batches)] == [(3, b'"open,2')]


def test_without_a_header(tmp_path: Path) -> None:
    """A first record with numbers is a row; columns are numbered. The user may say otherwise."""
    path = write(tmp_path / "t.csv", b"1,x\n2,y\n")
    assert images(read(path)) == [
        {"column_1": 1, "column_2": "x"},
        {"column_1": 2, "column_2": "y"},
    ]
    assert images(read(path, header=True)) == [{"1": 2, "x": "y"}]
    assert images(read(write(tmp_path / "u.csv", b"a,b\nc,d\n"), header=False))[0] == {
        "column_1": "a", "column_2": "b"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "options", "found"),
    [
        ("id,created_at", {}, True),
        ("Timestamp,when", {}, True),
        ("id,when", {}, True),
        ("id,when,until", {}, False),
        ("id,when", {"time_column": ""}, False),
        ("id,when", {"time_column": "when"}, True),
        ("id,created_at", {"time_column": ""}, False),
    ],
)
def test_the_time_of_rows(
    tmp_path: Path, header: str, options: dict[str, Any], found: bool
) -> None:
    """A column that is clearly a time, or the only one, is the event time, unless the user says."""
    stamp = "2026-01-02 03:04:05.123456"
    values = {
        "Timestamp,when": f"{stamp},x",
        "id,when,until": f"1,{stamp},2026-01-03 00:00:00",
    }.get(header, f"1,{stamp}")
    (row,) = rows(read(write(tmp_path / "t.csv", f"{header}\n{values}\n".encode()), **options))
    assert row["ts"] == (datetime(2026, 1, 2, 3, 4, 5, 123456, UTC) if found else None)
    assert stamp in row["after"]


def test_an_unknown_time_column(tmp_path: Path) -> None:
    """The error names the columns there are."""
    with pytest.raises(InputError, match="no column 'wen' for the event time; columns: id, when"):
        read(write(tmp_path / "t.csv", b"id,when\n1,2\n"), time_column="wen")


def test_a_flat_envelope(tmp_path: Path) -> None:
    """Columns that name operation and table are an envelope, the others the row."""
    data = (
        b"op,schema,table,ts,id,state\n"
        b"c,s,orders,2026-01-01T00:00:00Z,1,new\n"
        b"DELETE,s,users,2026-01-01T00:00:01Z,2,\n"
    )
    first, second = rows(read(write(tmp_path / "t.csv", data)))
    assert (first["schema"], first["table"], first["op"]) == ("s", "orders", "c")
    assert (first["after"], first["before"]) == ('{"id":1,"state":"new"}', None)
    assert (second["table"], second["op"], second["after"]) == ("users", "d", None)
    assert second["before"] == '{"id":2,"state":null}'
    assert second["ts"] == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_type_column_that_is_data(tmp_path: Path) -> None:
    """A column named type makes no envelope when there is no table, or other words in it."""
    for data in (b"type,n\ninsert,1\n", b"type,table\nround,oak\n"):
        (row,) = rows(read(write(tmp_path / "t.csv", data)))
        assert (row["table"], row["op"]) == ("t", "c")
        assert json.loads(row["after"])["type"] in ("insert", "round")


def test_names_and_formats(tmp_path: Path) -> None:
    """The ending tells the format, the name the table, unless the user does; JSON stays JSON."""
    event = b'{"operation":"INSERT","table":"x","after":{"a":1}}\n'
    assert rows(read(write(tmp_path / "a.csv", event)))[0]["table"] == "x"
    assert rows(read(write(tmp_path / "daily.orders.tsv", b"a\tb\n1\t2\n")))[0]["table"] == (
        "daily.orders"
    )
    odd = write(tmp_path / "export", b"a,b\n1,2\n")
    assert bad(read(odd))
    assert rows(read(odd, format="csv", table="orders"))[0]["table"] == "orders"


LINES = [f"{n},0{n},x{n},2026-01-01T00:{n % 60:02d}:00Z" for n in range(6_000)]
BIG = "\n".join(["id,code,name,created_at", *LINES, ""]).encode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_reading_goes_on_after_any_batch(tmp_path: Path, pack: Any) -> None:
    """From each offset exactly the rows behind it come, with the types and times known before."""
    path = write(tmp_path / "t.csv.gz", pack(BIG))
    batches = read(path, batch_bytes=16_000)
    whole = rows(batches)
    assert len(batches) > 3
    assert [row["line"] for row in whole] == list(range(2, 6_002))
    seen = 0
    for batch in batches:
        seen += batch.received
        assert batch.offset is not None
        again = rows(read(path, json.loads(json.dumps(batch.offset.position)), batch_bytes=16_000))
        assert again == whole[seen:]
    last = batches[-1].offset
    assert last is not None
    closed = {**last.position, "closed": True}
    assert [row["event_id"] for row in rows(read(path, closed))] == [r["event_id"] for r in whole]


def test_a_growing_file_goes_on_with_the_same_columns(tmp_path: Path) -> None:
    """What was text stays text when later values look like numbers."""
    path = write(tmp_path / "t.csv", b"id,zip\n1,007\n")
    first = read(path)
    path.write_bytes(b"id,zip\n1,007\n2,123\n")
    assert first[-1].offset is not None
    assert images(read(path, first[-1].offset.position)) == [{"id": 2, "zip": "123"}]


FIELDS = st.text(st.sampled_from('ab01,";\n .é'), max_size=5)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=12)
)


@given(
    TABLES,
    st.sampled_from(",;|"),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_what_a_writer_wrote_comes_back(
    table: list[list[str]], delimiter: str, line_end: str, piece: int, all_quoted: bool
) -> None:
    """Any table that Python's writer quotes is read as it was, wherever the pieces end."""
    width = len(table[0]) if table else 1
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end)
    if all_quoted:
        writer = csv.writer(
            out, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL
        )
    writer.writerow([f"c{n}" for n in range(width)])
    writer.writerows(table)
    data = out.getvalue().encode()
    dialect = dialect_of(data, delimiter=delimiter, header=True)
    cutter = RecordCutter(delimiter=delimiter, header=True)
    items: list[bytes] = []
    offsets: list[int] = []
    for at in range(0, len(data), piece):
        cut = cutter.feed(data[at : at + piece])
        items, offsets = items + cut.items, offsets + cut.offsets
    cut = cutter.finish()
    items, offsets = items + cut.items, offsets + cut.offsets
    frame, faults = fields_of(list(items), dialect)
    assert faults == {}
    found = [[value or "" for value in row] for row in frame.rows()]
    assert found == table
    assert all(data[at:].startswith(item) for at, item in zip(offsets, items, strict=True))
    assert cutter.offset == len(data)


@given(st.binary(max_size=200), st.integers(1, 50))
@settings(max_examples=80, deadline=None)
def test_no_bytes_are_lost_and_none_raise(data: bytes, piece: int) -> None:
    """Whatever the bytes are, records cover them, and each is read or has a reason."""
    cutter, refused = RecordCutter(), 0
    items: list[bytes] = []
    cuts = [cutter.feed(data[at : at + piece]) for at in range(0, len(data), piece)]
    for cut in [*cuts, cutter.finish()]:
        items += [item for at, item in enumerate(cut.items) if at not in cut.refused]
        refused += len(cut.refused)
    assert cutter.offset == len(data)
    if cutter.dialect is not None:
        frame, faults = fields_of(list(items), cutter.dialect)
        assert frame.height == len(items)
        assert all(faults.values())
