from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysqlreplication.row_event import RowsEvent  # type: ignore[import-untyped]

from datawatch_lab.ingest.sources.mysql import MysqlOptions, MysqlSource
from datawatch_lab.ingest.sources.mysql.position import advanced
from datawatch_lab.ingest.sources.mysql.types import form_of
from tests.ingest.mysql.conftest import Shop
from tests.ingest.sink import Sink, exact

_COLUMNS = {
    "tiny": ("tinyint", "-128", -128),
    "big": ("bigint unsigned", "18446744073709551615", 18446744073709551615),
    "middle": ("mediumint unsigned", "16777215", 16777215),
    "precise": ("decimal(38,10)", "-1234567890123456789012345678.0123456789",
              "-1234567890123456789012345678.0123456789"),
    "single": ("float", "1.1", "1.1"),
    "whole": ("float", "16777216", "16777216.0"),
    "twice": ("double", "0.1", "0.1"),
    "moment": ("datetime(6)", "'2024-02-29 12:00:00.500000'", '"2024-02-29T12:00:00.5"'),
    "whole_moment": ("datetime", "'1999-12-31 23:59:59'", '"1999-12-31T23:59:59"'),
    "stamp": ("timestamp(3) NULL", "'2024-01-01 10:00:00.120'", '"2024-01-01T10:00:00.12Z"'),
    "hours": ("time(2)", "'-838:59:58.50'", '"-838:59:58.5"'),
    "quarter": ("time(2)", "'-00:00:01.25'", '"-00:00:01.25"'),
    "millis": ("time(3)", "'-12:00:59.251'", '"-12:00:59.251"'),
    "micros": ("time(6)", "'-01:00:00.000001'", '"-01:00:00.000001"'),
    "padded": ("int(6) zerofill", "42", 42),
    "padded_big": ("bigint unsigned zerofill", "18446744073709551615", 18446744073709551615),
    "padded_exact": ("decimal(12,2) zerofill", "7.50", "7.50"),
    "padded_twice": ("double zerofill", "0.1", "0.1"),
    "padded_single": ("float zerofill", "1.1", "1.1"),
    "day": ("date", "'2024-01-02'", '"2024-01-02"'),
    "the_year": ("year", "2024", 2024),
    "no_year": ("year", "'0000'", 0),
    "name": ("varchar(40)", "'hé\"\\\\ \\n'", json.dumps('hé"\\ \n')),
    "old": ("varchar(40) CHARACTER SET latin1", "'é'", '"é"'),
    "old_state": ("enum('né','ü','ï') CHARACTER SET latin1", "'ü'", '"ü"'),
    "old_some": ("set('z','é','ü') CHARACTER SET latin1", "'ü,é,z'", '"z,é,ü"'),
    "every_byte": ("varchar(40) CHARACTER SET latin1", "x'e2809d818d8f90ff'", None),
    "long_text": ("longtext", "'text'", '"text"'),
    "some_bytes": ("varbinary(10)", "x'00ff'", '"\\\\x00ff"'),
    "fixed": ("binary(4)", "x'0102'", '"\\\\x01020000"'),
    "long_bytes": ("blob", "x'deadbeef'", '"\\\\xdeadbeef"'),
    "state": ("enum('new','paid')", "'paid'", '"paid"'),
    "none_of": ("set('x','y','z')", "''", '""'),
    "some_of": ("set('x','y','z')", "'z,x'", '"x,z"'),
    "flag": ("bit(1)", "1", "true"),
    "mask": ("bit(10)", "10", '"0000001010"'),
    "tree": ("json", "'{\"a\": [1, 2.50], \"b\": null}'", '{"a": [1, 2.50], "b": null}'),
    "place": ("point", "point(1, 2)", None),
}  # fmt: skip
"""By column: type, value as SQL, and as JSON has it; None for what is only compared."""


def _images(shop: Shop, tmp_path: Path, name: str, *, after: str) -> list[dict[str, Any]]:
    """Row images of a source that first reads what is there, then what ``after`` does."""
    sink = Sink(tmp_path / name)
    for statement in ("", after):
        if statement:
            shop.query(statement)
        for batch in MysqlSource(shop.url, MysqlOptions(follow=False)).batches(sink.offset):
            sink.store(batch)
    rows = [event["after"] for event in sink.events("types") if event["after"]]
    sink.close()
    return rows


@pytest.mark.services
def test_every_type_is_the_same_in_the_copy_and_in_the_log(shop: Shop, tmp_path: Path) -> None:
    """A row that is copied, inserted and updated has one image, and the one that is documented."""
    columns = ", ".join(f"{name} {type_}" for name, (type_, _, _) in _COLUMNS.items())
    shop.query(f"CREATE TABLE types (id int PRIMARY KEY, {columns})")
    values = ", ".join(value for _, value, _ in _COLUMNS.values())
    shop.query(f"INSERT INTO types VALUES (1, {values})")
    shop.query("INSERT INTO types (id) VALUES (2)")
    again = "INSERT INTO types SELECT * FROM copied"
    shop.query("CREATE TABLE copied AS SELECT * FROM types")
    shop.query("ALTER TABLE copied MODIFY tree json")
    copied, empty = _images(shop, tmp_path, "a", after="DELETE FROM types")
    logged, bare = _images(shop, tmp_path, "b", after=again)
    assert copied == logged
    assert empty == bare == dict.fromkeys(["id", *_COLUMNS]) | {"id": 2}
    for name, (_, _, wanted) in _COLUMNS.items():
        if wanted is not None:
            assert copied[name] == exact(str(wanted)), name
    assert copied["every_byte"] == "â€\x9d\x81\x8d\x8f\x90ÿ"


@pytest.mark.services
def test_dates_that_are_none_are_null_everywhere(shop: Shop, tmp_path: Path) -> None:
    """Zeros in dates, which MySQL can hold and no calendar has, become null in copy and log."""
    shop.query("CREATE TABLE types (id int PRIMARY KEY, d date, t datetime, s timestamp(3) NULL)")
    zeros = "INSERT INTO types VALUES ({}, '0000-00-00', '2024-00-10 00:00:00', '0000-00-00')"
    shop.query("SET GLOBAL sql_mode = ''")
    try:
        shop.query(zeros.format(1))
        rows = _images(shop, tmp_path, "b", after=zeros.format(2))
    finally:
        shop.query("SET GLOBAL sql_mode = DEFAULT")
    assert rows == [{"id": number, "d": None, "t": None, "s": None} for number in (1, 2)]


class Stored:
    """The bytes of a TIME(6): what is stored is one number, in which a negative one is so whole."""

    def __init__(self, value: timedelta) -> None:
        held = abs(value)
        seconds = held.days * 86_400 + held.seconds
        packed = (seconds // 3600 << 12 | seconds // 60 % 60 << 6 | seconds % 60) << 24
        packed += held.microseconds
        whole = 0x8000_0000_0000 + (packed if value >= timedelta() else -packed)
        self._bytes = io.BytesIO(whole.to_bytes(6, "big"))

    def read_int_be_by_size(self, size: int) -> int:
        """The next bytes; the library takes the first ones without their sign."""
        signed = self._bytes.tell() > 0
        return int.from_bytes(self._bytes.read(size), "big", signed=signed)


@given(st.timedeltas(timedelta(hours=-838), timedelta(hours=838)))
def test_times_keep_their_value(value: timedelta) -> None:
    """Hours beyond a day, signs and microseconds come out of the bytes again."""
    event = object.__new__(RowsEvent)
    event.packet = Stored(value)
    read = event._RowsEvent__read_time2(SimpleNamespace(fsp=6))
    (text,) = form_of("time(6)").logged([read])
    assert text is not None
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = text.lstrip("-").split(":")
    whole = timedelta(hours=int(hours), minutes=int(minutes))
    part = timedelta(microseconds=round(float(seconds) * 1_000_000))
    assert sign * (whole + part) == value


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9), st.integers(1, 10**12))))
def test_the_last_transaction_of_each_domain_is_kept(found: list[tuple[int, int, int]]) -> None:
    """MariaDB: the state has one place a domain, that of its last transaction."""
    state = ""
    for domain, server, number in found:
        state = advanced(state, f"{domain}-{server}-{number}")
    wanted = {domain: f"{domain}-{server}-{number}" for domain, server, number in found}
    assert state == ",".join(wanted[domain] for domain in sorted(wanted))
