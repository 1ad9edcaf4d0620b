"""Types of MySQL and MariaDB: how their values become text, in the log and in a copy alike.

A value of a copy and the same value of the stream give the same text. Texts are then rendered as
those of PostgreSQL are (`postgres.images`), by the same kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import polars as pl

from datawatch_lab.ingest.sources.mysql import timereader
from datawatch_lab.ingest.sources.postgres.types import Kind, PgType

Texts = list[str | None]

_NO_YEAR = 1900
_FIRST = datetime(1970, 1, 1, 0, 0, 1)  # noqa: DTZ001 — the log's reader gives them without a zone


@dataclass(frozen=True)
class Column:
    """A column as the catalogue has it.

    Attributes:
        name: of the column.
        type: as in a definition, such as ``decimal(10,2) unsigned``.
        json: MariaDB's JSON, which is a text with a check.
    """

    name: str
    type: str
    json: bool = False

    @property
    def word(self) -> str:
        """The type's first word."""
        found = re.match(r"[a-z0-9]+", self.type.lower())
        return found[0] if found else ""

    @property
    def form(self) -> Form:
        """How its values are read."""
        return form_of(self.type, json=self.json)


@dataclass(frozen=True)
class Form:
    """How values of a type are read.

    Attributes:
        type: how their text becomes JSON.
        declared: a type as `core.values.Column.type` names types.
        logged: from values of the binary log to texts.
        select: an expression for a copy, ``{}`` being the column.
        copied: from what that expression gives to texts.
    """

    type: PgType
    declared: str
    logged: Callable[[Sequence[Any]], Texts]
    select: str = "{}"
    copied: Callable[[pl.Series], pl.Series] = lambda texts: texts


def form_of(type_: str, *, json: bool = False) -> Form:
    """How values of a type, as a definition writes it, are read.

    >>> form_of("bigint(20) unsigned").declared, form_of("bit(1)").declared
    ('integer', 'boolean')
    >>> form_of("varchar(20)").declared, form_of("longtext", json=True).declared
    ('text', 'json')
    """
    low = type_.lower()
    found = re.match(r"[a-z0-9]+", low)
    word = found[0] if found else ""
    if json or word == "json":
        return _JSON
    if word == "set":
        return _set_form(low)
    if word == "binary":
        return _binary_form(_length(low))
    if word == "bit":
        return _bit_form(_length(low))
    if word in _ZEROS:
        form = _BIG if word == "bigint" and "unsigned" in low else _FORMS[word]
        return replace(form, select=_select(word, low))
    return _FORMS.get(word, _TEXT)


_ZEROS = frozenset({
    "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year",
    "decimal", "numeric", "fixed", "double", "real",
})  # fmt: skip
"""Types that may be shown with zeros before the number."""


def _select(word: str, type_: str) -> str:
    """A number for a copy, without zeros before it: those are no JSON."""
    return "{}+0" if word == "year" or "zerofill" in type_ else "{}"


def _length(type_: str) -> int:
    found = re.search(r"\((\d+)\)", type_)
    return int(found[1]) if found else 1


def _plain(values: Sequence[Any]) -> Texts:
    return [None if value is None else str(value) for value in values]


def _decimals(values: Sequence[Decimal | None]) -> Texts:
    return [None if value is None else format(value, "f") for value in values]


def _doubles(values: Sequence[float | None]) -> Texts:
    return [None if value is None else repr(value) for value in values]


def _floats(values: Sequence[float | None]) -> Texts:
    """The shortest digits that are the same number of 32 bits."""
    return [None if value is None else str(np.float32(value)) for value in values]


def _texts(values: Sequence[Any]) -> Texts:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values]


def _bytes(values: Sequence[Any]) -> Texts:
    made = (v.encode() if isinstance(v, str) else v for v in values)
    return [None if value is None else f"\\x{value.hex()}" for value in made]


def _years(values: Sequence[int | None]) -> Texts:
    """The log's reader counts from 1900, also the year 0000, which is stored as 0."""
    return [None if value is None else str(value if value > _NO_YEAR else 0) for value in values]


def _moments(values: Sequence[datetime | None]) -> Texts:
    return [None if value is None else _iso(value) for value in values]


def _stamps(values: Sequence[datetime | None]) -> Texts:
    """Zeros, which no calendar has, are second 0 of the epoch in the log, which no value is."""
    return [None if value is None or value < _FIRST else f"{_iso(value)}Z" for value in values]


def _iso(value: datetime) -> str:
    text = value.isoformat()
    return text.rstrip("0") if value.microsecond else text


def _dates(values: Sequence[date | None]) -> Texts:
    return [None if value is None else value.isoformat() for value in values]


def _times(values: Sequence[timedelta | None]) -> Texts:
    return [None if value is None else _time(_as_stored(value)) for value in values]


def _as_stored(value: timedelta) -> timedelta:
    """A time as it is stored, from one of the log's reader."""
    if value >= timedelta() or not value.microseconds or not timereader.misreads():
        return value
    return timereader.corrected(value)


def _time(value: timedelta) -> str:
    """Hours to microseconds, with a sign where it is negative.

    >>> _time(timedelta(hours=-12, seconds=-1.5))
    '-12:00:01.5'
    """
    sign, held = ("-", -value) if value < timedelta() else ("", value)
    seconds = held.days * 86_400 + held.seconds
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{held.microseconds:06d}".rstrip("0") if held.microseconds else text


def _documents(values: Sequence[Any]) -> Texts:
    """JSON: MariaDB logs its text, MySQL a tree."""
    return [v if v is None or isinstance(v, str) else _document(v) for v in values]


def _document(value: Any) -> str:
    def plain(each: Any) -> Any:
        if isinstance(each, bytes):
            return each.decode("utf-8", "replace")
        if isinstance(each, Mapping):
            return {plain(key): plain(held) for key, held in each.items()}
        return [plain(held) for held in each] if isinstance(each, (list, tuple)) else each

    def other(each: Any) -> str:
        return str(each)

    encoder = msgspec.json.Encoder(enc_hook=other, decimal_format="number")
    return encoder.encode(plain(value)).decode()


def members_of(type_: str) -> list[str]:
    """Members of an enum or a set as a definition lists them.

    >>> members_of("enum('new','it''s')")
    ['new', "it's"]
    """
    return [each.replace("''", "'") for each in re.findall(r"'((?:[^']|'')*)'", type_)]


def _set_form(type_: str) -> Form:
    """Members in the order of the definition, with commas; an empty set is an empty text."""
    place = {member.lower(): at for at, member in enumerate(members_of(type_))}

    def logged(values: Sequence[Any]) -> Texts:
        return [
            value
            if value is None or isinstance(value, str)
            else ",".join(sorted(value, key=lambda member: place.get(member.lower(), 64)))
            for value in values
        ]

    return Form(_PG_TEXT, "text", logged)


def _binary_form(length: int) -> Form:
    """Fixed length: the log leaves zero bytes at the end out."""

    def logged(values: Sequence[Any]) -> Texts:
        return _bytes([None if value is None else value.ljust(length, b"\0") for value in values])

    return Form(_PG_BYTES, "text", logged, "HEX({})", _hexadecimal)


def _bit_form(length: int) -> Form:
    """One bit is a boolean, several are a text of 0 and 1."""
    if length == 1:
        kind = PgType("bit", Kind.BOOLEAN)

        def logged(values: Sequence[Any]) -> Texts:
            return [None if value is None else "ft"[int(value)] for value in values]

        return Form(
            kind, "boolean", logged, "{}+0", lambda texts: texts.replace({"1": "t", "0": "f"})
        )
    return Form(
        PgType("bit", Kind.PLAIN), "text", _plain, f"LPAD(BIN({{}}+0), {length}, '0')"
    )  # fmt: skip


def _hexadecimal(texts: pl.Series) -> pl.Series:
    return "\\x" + texts.str.to_lowercase()


_NO_DATE = r"^0000|-00"
"""Dates that are none; the log gives null for them, so a copy does too."""


def _copied_date(texts: pl.Series) -> pl.Series:
    none = texts.str.slice(0, 10).str.contains(_NO_DATE).fill_null(value=False)
    return texts.set(none, None) if none.any() else texts


def _without_zeros(texts: pl.Series) -> pl.Series:
    """Fractions of a second without zeros at their end."""
    return texts.str.replace(r"(\.\d*?)0+$", "$1").str.strip_suffix(".")


def _copied_moment(texts: pl.Series) -> pl.Series:
    return _without_zeros(_copied_date(texts)).str.replace(" ", "T", literal=True)


def _copied_stamp(texts: pl.Series) -> pl.Series:
    return _copied_moment(texts) + "Z"


def _copied_floats(texts: pl.Series) -> pl.Series:
    return pl.Series(texts.name, _floats(texts.cast(pl.Float64).to_list()), dtype=pl.String)


_PG_TEXT = PgType("text", Kind.TEXT)
_PG_BYTES = PgType("bytes", Kind.BYTES)
_PG_PLAIN = PgType("plain", Kind.PLAIN)
_PG_NUMBER = PgType("number", Kind.NUMBER)
_TEXT = Form(_PG_TEXT, "text", _texts)
_JSON = Form(PgType("json", Kind.JSON), "json", _documents)
_BIG = Form(_PG_NUMBER, "integer", _plain)
_WHOLE = Form(PgType("integer", Kind.INTEGER), "integer", _plain)
_BYTES = Form(_PG_BYTES, "text", _bytes, "HEX({})", _hexadecimal)
_EXACT = Form(_PG_NUMBER, "number", _decimals)

_FORMS: Mapping[str, Form] = {
    **dict.fromkeys(
        ("tinyint", "smallint", "mediumint", "int", "integer", "bigint"), _WHOLE
    ),
    **dict.fromkeys(("decimal", "numeric", "fixed"), _EXACT),
    "year": replace(_WHOLE, logged=_years),
    "float": Form(_PG_NUMBER, "number", _floats, "{}+0e0", _copied_floats),
    **dict.fromkeys(("double", "real"), Form(_PG_NUMBER, "number", _doubles)),
    **dict.fromkeys(
        (
            "varbinary", "blob", "tinyblob", "mediumblob", "longblob", "geometry", "point",
            "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
            "geometrycollection", "vector",
        ),
        _BYTES,
    ),
    "datetime": Form(_PG_PLAIN, "text", _moments, "{}", _copied_moment),
    "timestamp": Form(_PG_PLAIN, "text", _stamps, "{}", _copied_stamp),
    "date": Form(_PG_PLAIN, "text", _dates, "{}", _copied_date),
    "time": Form(_PG_PLAIN, "text", _times, "{}", _without_zeros),
}  # fmt: skip
"""By the first word of a type; all others are texts."""
