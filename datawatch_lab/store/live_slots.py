"""Typed slots: how the values of a field go into columns that never change their type.

A field that is sometimes an integer and sometimes text has two slots, and each row has its value in
one of them. So no digit is lost when a type drifts, and no stored row is rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.columns import moments_in, nulls, texts_of, true_where
from datawatch_lab.core.values import Column, Role

BIGINT, HUGEINT, DOUBLE = "BIGINT", "HUGEINT", "DOUBLE"
BOOLEAN, VARCHAR, TIMESTAMP = "BOOLEAN", "VARCHAR", "TIMESTAMP"

DECIMAL_DIGITS = 18
"""Digits of a decimal slot, which then takes eight bytes a value."""

MOST_SCALES = 6
"""Decimal slots a field may have; decimal texts of further scales stay text."""

EXACT_INTEGER = 2**53
EXACT_DIGITS = 15
"""Integers up to the first and decimals of so many digits are the same number as a double."""

_SINGLE: dict[pl.DataType | type[pl.DataType], str] = {pl.Boolean: BOOLEAN, pl.Float64: DOUBLE}
_WHOLE_AS_LABEL = 1e15  # up to here a whole float reads as an integer in labels
_DECIMAL_TEXT = r"^-?[0-9]{1,29}(\.[0-9]{1,9})?$"
_MOMENT_HEAD = re.compile(r"\d{4}-\d\d-\d\d")
_ZONE = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
_SECONDS = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
USUAL_MOMENT = f"{_DAY}T{_SECONDS}{_ZONE}"
_MOMENT_FORMS = (
    (USUAL_MOMENT, "%Y-%m-%dT%H:%M:%S%.f%#z"),
    (f"{_DAY} {_SECONDS}{_ZONE}", "%Y-%m-%d %H:%M:%S%.f%#z"),
    (f"{_DAY}T{_SECONDS}$", "%Y-%m-%dT%H:%M:%S%.f"),
    (f"{_DAY} {_SECONDS}$", "%Y-%m-%d %H:%M:%S%.f"),
)
_WRITTEN_MOMENT = "%Y-%m-%dT%H:%M:%S%.6fZ"


@dataclass(frozen=True)
class Slot:
    """A column of a live table's base and delta.

    Attributes:
        number: its column is ``s<number>``; from 1, never used again within a generation.
        field: whose values it holds.
        type: SQL type.
        exact: numbers only: every value so far is the same number as a double.
        decimal: text only: every value so far is a decimal number of up to 29 and 9 digits.
        moment: text only: every value so far is an ISO 8601 moment.
    """

    number: int
    field: str
    type: str
    exact: bool = True
    decimal: bool = False
    moment: bool = False

    @property
    def column(self) -> str:
        """Name of its column."""
        return f"s{self.number}"

    @property
    def scale(self) -> int:
        """Digits after the point of a decimal slot; 0 for others."""
        return int(self.type[:-1].partition(",")[2]) if is_decimal(self.type) else 0

    @property
    def is_read_as_text(self) -> bool:
        """Whether its values are text again when rows are read: moments and decimals."""
        return self.type == TIMESTAMP or is_decimal(self.type)


@dataclass(frozen=True)
class Piece:
    """Values of a field that share a slot; null where a row's value is elsewhere."""

    type: str
    values: pl.Series
    exact: bool = True
    decimal: bool = False
    moment: bool = False


def joined(slot: Slot, piece: Piece) -> Slot:
    """A slot with what is said of the values of a piece; the same one where that is nothing new."""
    exact = slot.exact and piece.exact
    decimal = slot.decimal and piece.decimal
    moment = slot.moment and piece.moment
    if (exact, decimal, moment) == (slot.exact, slot.decimal, slot.moment):
        return slot
    return replace(slot, exact=exact, decimal=decimal, moment=moment)


def split(values: pl.Series, column: Column | None, scales: set[str]) -> list[Piece]:
    """The values of a field by slot type; nothing for a field that is all null.

    Args:
        values: Int64, Int128, Float64, Boolean or String.
        column: what is known of the field; None for nothing.
        scales: decimal types that the field has slots for.
    """
    if values.null_count() == len(values):
        return []
    if values.dtype in _SINGLE:
        return [Piece(_SINGLE[values.dtype], values)]
    if values.dtype == pl.Int128:
        return _split_integers(values)
    if values.dtype == pl.String:
        return _split_texts(values, column or Column(name=values.name), scales)
    return [_integers(values.cast(pl.Int64))]


def _split_texts(values: pl.Series, column: Column, scales: set[str]) -> list[Piece]:
    if column.type in ("integer", "number"):
        return _split_numbers(values, scales)
    if column.role is Role.TIMESTAMP:
        moments, rest = read_moments(values)
        return [*_unless_null(TIMESTAMP, moments), *_texts(rest)]
    return _texts(values)


def _integers(values: pl.Series) -> Piece:
    exact = values.is_between(-EXACT_INTEGER, EXACT_INTEGER).all()
    return Piece(BIGINT, values, exact=bool(exact))


def _split_integers(values: pl.Series) -> list[Piece]:
    """128-bit integers: those of 64 bits, and the others as text, which is how they travel."""
    small = values.cast(pl.Int64, strict=False)
    pieces = [_integers(small)] if small.null_count() < len(small) else []
    large = _where(values, small.is_null())
    return [*pieces, *_unless_null(HUGEINT, large.cast(pl.String), exact=False)]


def _split_numbers(values: pl.Series, scales: set[str]) -> list[Piece]:
    """Numeric text: what reads back with the same digits as a number, and the rest as text."""
    pieces: list[Piece] = []
    taken = set(scales)
    rest = values
    for scale in _scales_of(values):
        type_ = f"DECIMAL({DECIMAL_DIGITS},{scale})" if scale else BIGINT
        if scale and type_ not in taken and len(taken) >= MOST_SCALES:
            continue
        numbers = rest.cast(pl.Decimal(DECIMAL_DIGITS, scale) if scale else pl.Int64, strict=False)
        same = pl.Series(true_where(numbers.cast(pl.String) == rest))
        if not same.any():
            continue
        fitting = _where(numbers, same)
        pieces.append(_decimals(type_, fitting, scale) if scale else _integers(fitting))
        taken |= {type_} if scale else set()
        rest = _where(rest, ~same)
        if rest.null_count() == len(rest):
            break
    return [*pieces, *_texts(rest)]


def _scales_of(values: pl.Series) -> Iterator[int]:
    """Numbers of digits after the point: that of the first value, then all, frequent ones first."""
    present = values.drop_nulls()
    _, _, digits = present[0].partition(".")
    if len(digits) <= DECIMAL_DIGITS:
        yield len(digits)
    scales = present.str.extract(r"^-?[0-9]+\.?([0-9]*)$").str.len_bytes().drop_nulls()
    counted = scales.value_counts(sort=True).get_column(scales.name)
    yield from (scale for scale in counted.to_list() if scale <= DECIMAL_DIGITS)


def _decimals(type_: str, values: pl.Series, scale: int) -> Piece:
    limit = decimal_limit(scale)
    exact = limit > 0 and (values.cast(pl.Float64).abs() < limit).all()
    return Piece(type_, values, exact=bool(exact))


def decimal_limit(scale: int) -> int:
    """Decimals of a scale are the same number as a double below this; 0: none is known to be."""
    return int(10 ** (EXACT_DIGITS - scale)) if scale <= EXACT_DIGITS else 0


def alike(texts: pa.LargeStringArray) -> bool:
    """Whether all texts are moments in UTC of `USUAL_MOMENT` with as many digits as the first.

    So most programs write them; it takes a tenth of the time of looking at each text.

    >>> alike(pa.array(["2026-01-01T00:00:00Z", "2026-01-31T10:20:30Z"], pa.large_string()))
    True
    >>> alike(pa.array(["2026-01-01T00:00:00Z", "2026-01-01 00:00:00Z"], pa.large_string()))
    False
    """
    if not len(texts) or texts.null_count:
        return False
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[texts.offset :][: len(texts) + 1]
    width = int(offsets[1] - offsets[0])
    form = _FORMS_ALIKE.get(width)
    if form is None or (np.diff(offsets) != width).any():
        return False
    data = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    whole = len(texts) // _SIDE_BY_SIDE * _SIDE_BY_SIDE * width
    least, most = form
    return all(
        bool((part.min(axis=0).reshape(-1, width) >= least).all())
        and bool((part.max(axis=0).reshape(-1, width) <= most).all())
        for part in (
            data[:whole].reshape(-1, _SIDE_BY_SIDE * width),
            data[whole:].reshape(-1, width),
        )
        if len(part)
    )


def _bounds(form: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The least and the largest byte at each place; 0 stands for any digit."""
    bounds = (form.encode(), form.replace("0", "9").encode())
    least, most = (np.frombuffer(each, dtype=np.uint8) for each in bounds)
    return least, most


_SIDE_BY_SIDE = 64  # texts that are compared at once: numpy is slow at short rows
_ALIKE = ["0000-00-00T00:00:00Z"]
_ALIKE += [f"0000-00-00T00:00:00.{'0' * digits}Z" for digits in range(1, 7)]
_FORMS_ALIKE = {len(form): _bounds(form) for form in _ALIKE}


def read_moments(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """ISO 8601 texts as Datetime[us] in UTC (no offset means UTC), and the texts that are none.

    Days alone, fractions finer than a microsecond and dates that do not exist are none.
    """
    pattern, _ = _MOMENT_FORMS[0]
    usual = pc.match_substring_regex(texts_of(values), pattern)
    micros = moments_in(values) if pc.all(usual).as_py() else None
    if micros is not None:
        found = pl.Series(values.name, micros).cast(pl.Datetime("us"))
        if values.null_count():
            found = _where(found, pl.Series(np.asarray(usual.is_valid())))
        return found, nulls(values.name, pl.String(), len(values))
    moments = nulls(values.name, pl.Datetime("us"), len(values))
    rest = values
    for pattern, form in _MOMENT_FORMS:
        read = _where(rest, rest.str.contains(pattern)).str.to_datetime(
            form, time_unit="us", strict=False
        )
        read = read.dt.replace_time_zone(None) if "z" in form else read
        if read.null_count() < len(read):
            moments = moments.zip_with(moments.is_not_null(), read)
            rest = _where(rest, read.is_null())
        if rest.null_count() == len(rest):
            break
    return moments, rest


def _texts(values: pl.Series) -> list[Piece]:
    """Text, with whether all of it could be read as something better."""
    if values.null_count() == len(values):
        return []
    first = values.drop_nulls()[0]
    decimal = bool(re.match(_DECIMAL_TEXT, first)) and values.str.contains(_DECIMAL_TEXT).all()
    moment = bool(_MOMENT_HEAD.match(first)) and _all_moments(values)
    return [Piece(VARCHAR, values, exact=False, decimal=bool(decimal), moment=moment)]


def may_be_more(text: str) -> bool:
    """Whether texts of which this is the first may all be decimals or moments.

    >>> may_be_more("1.5"), may_be_more("2026-01-01 or so"), may_be_more("paid")
    (True, True, False)
    """
    return bool(re.match(_DECIMAL_TEXT, text) or _MOMENT_HEAD.match(text))


def _all_moments(values: pl.Series) -> bool:
    _, rest = read_moments(values)
    rest = rest.drop_nulls()
    return bool(rest.str.to_date("%Y-%m-%d", strict=False).is_not_null().all())


def _unless_null(type_: str, values: pl.Series, *, exact: bool = True) -> list[Piece]:
    return [Piece(type_, values, exact=exact)] if values.null_count() < len(values) else []


def _where(values: pl.Series, mask: pl.Series) -> pl.Series:
    """The values where the mask is true, else null."""
    return values.zip_with(mask, nulls(values.name, values.dtype, len(values)))


def is_decimal(type_: str) -> bool:
    """Whether a slot type is one of decimals."""
    return type_.startswith("DECIMAL")


def join_slots(stored: pl.DataFrame, slots: Sequence[Slot], fields: Sequence[str]) -> pl.DataFrame:
    """Rows by field again, from columns by slot (HUGEINT as text).

    A value is what it was: the same number, the same text as a label; a moment is ISO 8601 text of
    the same moment. Fields of several types become the one type that holds all, text in doubt.
    """
    made: dict[str, pl.Series] = {}
    for field in fields:
        parts = [
            (slot, stored[slot.column])
            for slot in slots
            if slot.field == field and slot.column in stored.columns
        ]
        held = [(slot, part) for slot, part in parts if part.null_count() < len(part)]
        made[field] = _joined_values(held, stored.height)
    return pl.DataFrame(made)


def _joined_values(parts: list[tuple[Slot, pl.Series]], height: int) -> pl.Series:
    if not parts:
        return pl.Series([None], dtype=pl.String).new_from_index(0, height)
    types = {slot.type for slot, _ in parts}
    if len(parts) == 1:
        return _read_back(*parts[0])
    if types == {BIGINT, HUGEINT}:
        return _first_of([part.cast(pl.Int128) for _, part in parts])
    if types == {BIGINT, DOUBLE} and all(
        part.is_between(-_WHOLE_AS_LABEL, _WHOLE_AS_LABEL).all()
        for slot, part in parts
        if slot.type == BIGINT
    ):
        return _first_of([part.cast(pl.Float64) for _, part in parts])
    return _first_of([as_text(*part) for part in parts])


def _read_back(slot: Slot, values: pl.Series) -> pl.Series:
    if slot.type == HUGEINT:
        return values.cast(pl.Int128)
    if slot.is_read_as_text:
        return as_text(slot, values)
    return values


def as_text(slot: Slot, values: pl.Series) -> pl.Series:
    """Values of a slot as text, as they came; text stays as it is."""
    if values.dtype == pl.String:
        return values
    if slot.type == TIMESTAMP:
        return values.dt.strftime(_WRITTEN_MOMENT)
    texts = values.cast(pl.String)
    if slot.type == DOUBLE:
        small = values.abs() < _WHOLE_AS_LABEL
        return texts.zip_with(~small, texts.str.replace(r"\.0$", "")) if small.any() else texts
    return texts


def _first_of(parts: Sequence[pl.Series]) -> pl.Series:
    result = parts[0]
    for part in parts[1:]:
        result = result.zip_with(result.is_not_null(), part)
    return result
