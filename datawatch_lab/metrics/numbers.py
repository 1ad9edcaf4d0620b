"""Columns as numbers and moments: what a cell of any stored type is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.columns import moments_in, not_null, texts_of

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Words = NDArray[np.uint32]
Exacts = NDArray[np.uint32] | NDArray[np.int64]
"""Exact values times 10^9: where all are small 64-bit integers, shape (n,), else 128-bit integers
in four little-endian uint32 words, shape (n, 4)."""


SCALE = 9
EXACT = pl.Decimal(38, SCALE)
EXACT_BELOW = 1e20
"""Values from here on have no exact form, so that sums of 10^9 others still fit 38 digits."""

_PLAIN_BELOW, _PLAIN_DIGITS = 1e9, 15
_PLAIN_UNIT, _REST_UNIT = 10**6, 10**3
_LAST_DIGIT = ord("9")
_EXACT_INTEGER = 2**53

_MORE_DECIMALS = r"\.[0-9]{9}[0-9]*[1-9]"
_SMALL_EXPONENT = r"[eE]-"
_DAY_SECONDS = 86_400
_EPOCH_DAYS_BELOW = 100_000.0  # days since 1970 up to the year 2243 (Debezium's Date)
_CALENDAR_FROM, _CALENDAR_TO = 19_000_101.0, 21_001_231.0  # 20240131 written as a number


@dataclass(frozen=True)
class Numbers:
    """A column as numbers.

    Attributes:
        values: float64; 0.0 where there is no number.
        valid: where there is a finite number; null, text, NaN and infinities are none.
        words: the exact value times 10^9, see `Exacts`; 0 where there is none.
        exact: where ``words`` is exactly the value.
    """

    values: Floats
    valid: Bools
    words: Exacts
    exact: Bools

    def take(self, keep: Bools) -> Numbers:
        """Those where ``keep`` is true."""
        if keep.all():
            return self
        return Numbers(self.values[keep], self.valid[keep], self.words[keep], self.exact[keep])


def numbers_of(column: pl.Series) -> Numbers:
    """The column as numbers; decimal text counts as a number, booleans as 0 and 1."""
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int64)
    floats = column.cast(pl.Float64, strict=False).to_numpy()  # null becomes NaN
    valid = np.isfinite(floats)
    scaled = _scaled(column, floats if valid.all() else np.where(valid, floats, 0.0))
    if scaled is not None:
        return Numbers(
            floats if valid.all() else np.where(valid, floats, 0.0), valid, scaled, valid
        )
    small = np.abs(floats) < EXACT_BELOW
    source = column if small.all() else column.set(pl.Series(~small), None)
    if source.dtype == pl.Float64:
        source = source.cast(pl.String)  # the shortest digits, which are those of the JSON
    array = source.cast(EXACT, strict=False).rechunk().to_arrow()
    known = _validity(array)
    values = floats if valid.all() else np.where(valid, floats, 0.0)
    return Numbers(values, valid, _words(array, known), known & ~_is_rounded(source))


def _scaled(column: pl.Series, values: Floats) -> NDArray[np.int64] | None:
    """All values times 10^9, if they are below 10^9 and have six decimals at most.

    No two decimals of up to 15 digits are the same double (IEEE 754). So if the double nearest to
    such a decimal is that of a text or a JSON number of up to 15 digits, both are one number.
    """
    if column.dtype == pl.String and not _is_plain(column):
        return None
    if not (np.abs(values) < _PLAIN_BELOW).all():
        return None
    units = np.rint(values * _PLAIN_UNIT)
    if not (units / _PLAIN_UNIT == values).all():
        return None
    return units.astype(np.int64) * _REST_UNIT


def _is_plain(column: pl.Series) -> bool:
    """Whether no text has more than 15 bytes, or a letter (and with it an exponent)."""
    texts = texts_of(column)
    _, offset_buffer, data_buffer = texts.buffers()
    if not len(texts) or data_buffer is None:
        return True
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[
        texts.offset : texts.offset + len(texts) + 1
    ]
    data = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return bool(np.diff(offsets).max() <= _PLAIN_DIGITS and data.max(initial=0) <= _LAST_DIGIT)


def _validity(array: pa.Array) -> Bools:
    if not array.null_count:
        return np.ones(len(array), dtype=np.bool_)
    return np.asarray(array.is_valid())


def _is_rounded(column: pl.Series) -> Bools:
    """Where nine decimals do not hold a text's digits; negative exponents are taken to be so."""
    rounded = np.zeros(len(column), dtype=np.bool_)
    if column.dtype != pl.String or not len(column):
        return rounded
    array = column.to_arrow()
    longest = pc.max(pc.binary_length(array)).as_py()
    if longest is not None and longest > SCALE + 1:
        rounded |= np.asarray(pc.match_substring_regex(array, _MORE_DECIMALS).fill_null(False))
    if pc.any(pc.match_substring(array, "-")).as_py():
        rounded |= np.asarray(pc.match_substring_regex(array, _SMALL_EXPONENT).fill_null(False))
    return rounded


def decimal_floats(column: pl.Series) -> pl.Series:
    """Decimals as the nearest doubles; null stays.

    A plain cast divides a double by 10^9, which is off by a last digit once the scaled value needs
    more than 53 bits, so those go by their text.
    """
    floats = column.cast(pl.Float64)
    large = np.abs(floats.to_numpy()) >= 2**53 / 10**SCALE  # null is NaN, which is not large
    if not large.any():
        return floats
    by_text = column.filter(pl.Series(large)).cast(pl.String).cast(pl.Float64)
    return floats.scatter(np.flatnonzero(large), by_text)


def _words(array: pa.Array, known: Bools) -> Words:
    """Limbs of a decimal array; zero where null."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.empty((0, 4), dtype=np.uint32)
    flat = np.frombuffer(buffer, dtype="<u4")
    start = 4 * array.offset
    words = flat[start : start + 4 * len(array)].reshape(-1, 4)
    return words if known.all() else np.where(known[:, None], words, np.uint32(0))


def sum_words(words: Exacts, starts: NDArray[np.int64]) -> Exacts:
    """Exact sums of consecutive runs that begin at ``starts``, modulo 2^128; one a run."""
    if len(starts) == len(words):
        return words
    if words.ndim == 1:
        largest = max(-int(words.min(initial=0)), int(words.max(initial=0)))
        if largest * len(words) < 2**63:
            return np.asarray(np.add.reduceat(words, starts), dtype=np.int64)
    sums = np.add.reduceat(as_words(words).astype(np.uint64), starts, axis=0)
    for word in range(3):
        sums[:, word + 1] += sums[:, word] >> np.uint64(32)
    return _narrowed(sums)


def words_as_floats(words: Exacts) -> Floats:
    """The nearest doubles of exact values (integers of 10^-9)."""
    if words.ndim == 1:
        units = words // _REST_UNIT
        if (units * _REST_UNIT == words).all() and (np.abs(units) < _EXACT_INTEGER).all():
            return np.asarray(units / _PLAIN_UNIT)  # both are doubles, so one rounding
    array = decimal_array(words, np.ones(len(words), dtype=np.bool_))
    return decimal_floats(pl.Series(array)).to_numpy()


def negate_words(words: Exacts) -> Exacts:
    """Each exact value with the other sign."""
    if words.ndim == 1:
        return np.asarray(-words, dtype=np.int64)
    sums = (~words).astype(np.uint64)
    sums[:, 0] += np.uint64(1)
    for word in range(3):
        sums[:, word + 1] += sums[:, word] >> np.uint64(32)
    return _narrowed(sums)


def _narrowed(sums: NDArray[np.uint64]) -> Words:
    return sums.astype(np.uint32)


def integer_words(values: NDArray[np.int64]) -> Exacts:
    """Integers below 10^9 in size as exact values."""
    return np.asarray(values * 10**SCALE, dtype=np.int64)


def joined_words(parts: Sequence[Exacts]) -> Exacts:
    """Exact values one after another."""
    if all(part.ndim == 1 for part in parts):
        return np.asarray(np.concatenate(parts), dtype=np.int64)
    return np.concatenate([as_words(part) for part in parts])


def as_words(exacts: Exacts) -> Words:
    """Exact values as 128-bit integers, shape (n, 4)."""
    if exacts.ndim == 2:
        return exacts.astype(np.uint32, copy=False)
    words = np.empty((len(exacts), 4), dtype=np.uint32)
    words[:, :2] = np.ascontiguousarray(exacts, dtype="<i8").view("<u4").reshape(-1, 2)
    words[:, 2:] = np.where(exacts < 0, 0xFFFFFFFF, 0)[:, None]
    return words


def decimal_array(words: Exacts, valid: Bools) -> pa.Array:
    """decimal128(38, 9) from exact values; null where not ``valid``."""
    mask = pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    data = pa.py_buffer(np.ascontiguousarray(as_words(words), dtype="<u4").tobytes())
    return pa.Array.from_buffers(pa.decimal128(38, SCALE), len(words), [mask, data])


def moments_of(column: pl.Series) -> tuple[Floats, Bools]:
    """The column as moments: epoch seconds with µs, and where there is one.

    Text is ISO 8601 (a day counts from its midnight UTC, no offset means UTC). Numbers are epoch
    seconds, ms, µs or ns by their size, a calendar day written as 20240131, or, below 100,000, days
    since 1970.
    """
    if column.dtype == pl.String:
        return _text_moments(column)
    if column.dtype == pl.Boolean:
        return np.zeros(len(column)), np.zeros(len(column), dtype=np.bool_)
    floats = column.cast(pl.Float64, strict=False)
    return _number_moments(floats)


def _number_moments(column: pl.Series) -> tuple[Floats, Bools]:
    values = column.to_numpy()  # null becomes NaN
    valid = np.isfinite(values)
    values = np.where(valid, values, 0.0)
    size = np.abs(values)
    divisor = np.select([size < 1e11, size < 1e14, size < 1e17], [1.0, 1e3, 1e6], 1e9)
    seconds = np.where(size < _EPOCH_DAYS_BELOW, values * _DAY_SECONDS, values / divisor)
    calendar = (values >= _CALENDAR_FROM) & (values <= _CALENDAR_TO) & (values == np.floor(values))
    if calendar.any():
        text = pl.Series(values[calendar].astype(np.int64)).cast(pl.String)
        days = text.str.to_date("%Y%m%d", strict=False).cast(pl.Datetime("us"))
        from_days = days.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6
        seconds[calendar] = np.where(np.isnan(from_days), seconds[calendar], from_days)
    return seconds, valid


def _text_moments(column: pl.Series) -> tuple[Floats, Bools]:
    plain = moments_in(column)
    if plain is not None:
        valid = not_null(column)
        return np.where(valid, plain, 0) / 1e6, valid
    moments = _parse_texts(column)
    micros = moments.to_physical().to_numpy()  # float64 with NaN where there is a null
    if not moments.null_count():
        return micros / 1e6, np.ones(len(column), dtype=np.bool_)
    valid = ~np.isnan(micros)
    seconds = np.where(valid, micros, 0.0) / 1e6
    pattern = r"^-?[0-9]+(\.[0-9]+)?$"
    digits = column.str.contains(pattern).fill_null(value=False).to_numpy() & ~valid
    if digits.any():
        numbers = column.filter(pl.Series(digits)).cast(pl.Float64, strict=False)
        seconds[digits], valid[digits] = _number_moments(numbers)
    return seconds, valid


def _parse_texts(column: pl.Series) -> pl.Series:
    """ISO 8601 texts as Datetime[us, UTC]; null where none.

    The usual spelling is read first and alone; only what it does not fit is looked at again.
    """
    text = column
    parsed = _read(text, "%Y-%m-%dT%H:%M:%S%.f%#z")
    for spelled, pattern in (
        (lambda rest: rest, "%Y-%m-%dT%H:%M:%S%.f"),
        (_normalised, "%Y-%m-%dT%H:%M:%S%.f%#z"),
    ):
        if parsed.null_count() == text.null_count():
            break
        missing = parsed.is_null() & text.is_not_null()
        found = _read(spelled(text.filter(missing)), pattern)
        parsed = parsed.scatter(missing.arg_true(), found)
    return parsed


def _read(text: pl.Series, pattern: str) -> pl.Series:
    moments = text.str.to_datetime(pattern, time_unit="us", strict=False)
    return moments if "z" in pattern else moments.dt.replace_time_zone("UTC")


def _normalised(text: pl.Series) -> pl.Series:
    """Days, blanks instead of ``T``, ``UTC``, no seconds, no offset: as the usual spelling."""
    text = text.str.strip_chars().str.to_uppercase()
    for found, put in (
        (r"^([0-9]{4}-[0-9]{2}-[0-9]{2})$", "${1}T00:00:00Z"),
        (r"^([0-9]{4}-[0-9]{2}-[0-9]{2}) +", "${1}T"),
        (r" ", ""),
        (r"UTC$", "Z"),
        (r"T([0-9]{2}:[0-9]{2})([+\-Z]|$)", "T${1}:00$2"),
        (r"(T[0-9:.]+)$", "${1}Z"),
    ):
        text = text.str.replace(found, put)
    return text
