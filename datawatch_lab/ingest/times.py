"""Event times, column-wise: ISO 8601 with any offset, and epoch numbers; to the microsecond."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.ingest.texts import FEW

UTC = pl.Datetime("us", "UTC")

Stamp = str | int | float | None
"""A timestamp as an envelope has it."""

_PARTS = (
    r"^\s*([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]+([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:[.,][0-9]+)?)?)?"
    r"\s*(?:([Zz]|UTC)|([+-][0-9]{2})(?::?([0-9]{2}))?)?\s*$"
)
_EPOCH = r"^\s*-?[0-9]{9,19}(?:\.[0-9]+)?\s*$"
_USUAL = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}(?::[0-9]{2})?)"
)
_EPOCH_START, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC_ZONE), timedelta(microseconds=1)
_MOST = 2**62
_FIRST, _LAST = -30_610_224_000_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the first and the last moment that an event may have, in UTC.

A calendar of ours has the years 1 to 9999. What looks back from an event, such as retention, needs
some before it; and the first of the year 1 is what programs write that know no time.
"""

YEARS = "the years 1000 to 9999 in UTC"
"""The same in words."""

_FORM = "0000-00-00T00:00:00.000000"
_DIGIT = 1
_SIZES = (19, *range(21, 27))
_ZERO_OFFSETS = ("Z", "+00", "+00:00")
_SECONDS_BELOW, _MILLIS_BELOW, _MICROS_BELOW = 1e11, 1e14, 1e17


def parse_times(stamps: Sequence[Stamp]) -> pl.Series:
    """Moments in UTC, Datetime[us]; null where the stamp is None or cannot be read.

    A stamp without an offset is UTC; more than six digits of a second are cut. A number below 1e11
    is seconds since 1970, below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds. What
    is outside of `YEARS` is no moment.
    """
    if len(stamps) <= FEW and (few := _of_few(stamps)) is not None:
        return few
    return _in_years(_read(stamps))


def moments_of_texts(texts: pl.Series) -> pl.Series:
    """The same for a column of texts."""
    return _in_years(_from_text(texts))


def moments_of_wholes(numbers: pl.Series) -> pl.Series:
    """The same for whole numbers, Int64, of at most 18 digits."""
    return _in_years(_from_whole(numbers))


def _in_years(times: pl.Series) -> pl.Series:
    micros = times.to_physical()
    least, most = micros.min(), micros.max()  # nulls count for nothing
    if least is None or (least >= _FIRST and most <= _LAST):  # type: ignore[operator]
        return times
    return times.set(~micros.is_between(_FIRST, _LAST).fill_null(value=True), None)


def are_beyond(stamps: Sequence[Stamp]) -> pl.Series:
    """Which stamps are times, but outside of `YEARS`; Boolean, never null."""
    return _read(stamps).is_not_null() & parse_times(stamps).is_null()


def _read(stamps: Sequence[Stamp]) -> pl.Series:
    """Moments of any year; null where the stamp is None or cannot be read."""
    kinds = set(map(type, stamps)) - {type(None)}
    if kinds <= {str}:
        return _from_text(pl.Series(stamps, dtype=pl.String))
    if kinds == {int} and _no_wider(stamps):
        return _from_whole(pl.Series(stamps, dtype=pl.Int64))
    texts = pl.Series([s if isinstance(s, str) else None for s in stamps], dtype=pl.String)
    whole = [s if isinstance(s, int) and abs(s) < 2**63 else None for s in stamps]
    broken = [s if isinstance(s, float) else None for s in stamps]
    numbers = pl.Series(whole, dtype=pl.Int64), pl.Series(broken, dtype=pl.Float64)
    return _first_of(_from_text(texts), _from_whole(numbers[0]), _from_fraction(numbers[1]))


def _of_few(stamps: Sequence[Stamp]) -> pl.Series | None:
    """The same for a few stamps of the usual form; None if one is of another."""
    micros = [None if stamp is None else usual_micros(stamp) for stamp in stamps]
    if micros.count(None) > list(stamps).count(None):
        return None
    return pl.Series(micros, dtype=pl.Int64).cast(UTC)


def usual_micros(stamp: str | float) -> int | None:
    """Microseconds since 1970 of a stamp of the usual form; None for one of another.

    None too for one that is outside of `YEARS`.
    """
    if type(stamp) is int and abs(stamp) < _MOST:
        return _inside(_scaled(stamp))
    if type(stamp) is not str or not _USUAL.fullmatch(stamp):
        return None
    try:
        return _inside((datetime.fromisoformat(stamp) - _EPOCH_START) // _MICROSECOND)
    except ValueError:
        return None


def _inside(micros: int) -> int | None:
    return micros if _FIRST <= micros <= _LAST else None


def _no_wider(numbers: Sequence[Stamp]) -> bool:
    """Whether whole numbers are so small that nothing overflows."""
    given = [number for number in numbers if isinstance(number, int)]
    return -_MOST < min(given) <= max(given) < _MOST


def _scaled(number: int) -> int:
    size = abs(number)
    if size < _SECONDS_BELOW:
        return number * 1_000_000
    if size < _MILLIS_BELOW:
        return number * 1_000
    return number if size < _MICROS_BELOW else number // 1_000


def _of_one_form(texts: pl.Series) -> pl.Series | None:
    """The same for texts that are all as long and as exact as each other, and in UTC.

    None if one is not, or is no moment: another way says what it is.
    """
    array = texts.to_arrow().cast(pa.large_string())
    bounds = np.frombuffer(array.buffers()[1], np.int64)[array.offset :][: len(array) + 1]
    width = int(bounds[1] - bounds[0])
    if array.null_count or (np.diff(bounds) != width).any():
        return None
    form = _form_of(texts[0])
    if form is None:
        return None
    data = np.frombuffer(array.buffers()[2], np.uint8)[int(bounds[0]) : int(bounds[-1])]
    marks = data.reshape(-1, width)
    at = np.flatnonzero(form == _DIGIT)
    digits = marks[:, at] - ord("0")
    others = np.flatnonzero(form != _DIGIT)
    if (digits > 9).any() or (marks[:, others] != form[others]).any():
        return None
    return _moments_of(digits)


def _form_of(text: str) -> np.ndarray | None:
    """Each byte of a text, `_DIGIT` for digits of the moment; None for a form that is not usual."""
    end = next((end for end in _ZERO_OFFSETS if text.endswith(end)), "")
    size = len(text) - len(end)
    if not end or size not in _SIZES or text[10] not in "T ":
        return None
    body = _FORM[:size].replace("T", text[10]).replace("0", chr(_DIGIT))
    return np.frombuffer((body + end).encode(), np.uint8)


def _moments_of(digits: np.ndarray) -> pl.Series | None:
    """Moments out of digits: year, month, day, hours, minutes, seconds and what there is of more.

    None where one of them is none.
    """
    powers = 10.0 ** np.arange(4)[::-1]
    number = digits.astype(np.float64)
    year = (number[:, :4] @ powers).astype(np.int64)
    month, day, hour, minute, second = (
        (number[:, at : at + 2] @ powers[2:]).astype(np.int64) for at in range(4, 14, 2)
    )
    part = (number[:, 14:] @ 10.0 ** np.arange(5, 5 - (digits.shape[1] - 14), -1)).astype(np.int64)
    in_range = (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
    if not in_range.all():
        return None
    months = (year - 1970) * 12 + month - 1
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    after = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    if ((day < 1) | (day > after - first)).any():
        return None
    seconds = (((first + day - 1) * 24 + hour) * 60 + minute) * 60 + second
    return pl.Series(seconds * 1_000_000 + part).cast(UTC)


def _from_text(texts: pl.Series) -> pl.Series:
    if len(texts) and (alike := _of_one_form(texts)) is not None:
        return alike
    moments = texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    if moments.null_count() == texts.null_count():
        return moments
    return _first_of(moments, _from_other_forms(texts))


def _from_other_forms(texts: pl.Series) -> pl.Series:
    part = texts.str.extract_groups(_PARTS).struct.unnest()
    date, clock, second, _zulu, hours, minutes = part.get_columns()
    zone = hours + ":" + minutes.fill_null("00")
    form = (
        date
        + "T"
        + clock.fill_null("00:00")
        + second.str.replace(",", ".", literal=True).fill_null(":00")
        + zone.fill_null("Z")
    )
    moments = form.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    epoch = texts.str.strip_chars().set(~texts.str.contains(_EPOCH), None)
    whole = _from_whole(epoch.cast(pl.Int64, strict=False))
    return _first_of(moments, whole, _from_fraction(epoch.cast(pl.Float64, strict=False)))


def _from_whole(numbers: pl.Series) -> pl.Series:
    size = pl.col("n").abs()
    micros = (
        pl.when(size < int(_SECONDS_BELOW)).then(pl.col("n") * 1_000_000)
        .when(size < int(_MILLIS_BELOW)).then(pl.col("n") * 1_000)
        .when(size < int(_MICROS_BELOW)).then(pl.col("n"))
        .otherwise(pl.col("n") // 1_000)
    )  # fmt: skip
    return _moments(numbers, micros)


def _from_fraction(numbers: pl.Series) -> pl.Series:
    size = pl.col("n").abs()
    micros = (
        pl.when(size < _SECONDS_BELOW).then(pl.col("n") * 1e6)
        .when(size < _MILLIS_BELOW).then(pl.col("n") * 1e3)
        .when(size < _MICROS_BELOW).then(pl.col("n"))
        .otherwise(pl.col("n") / 1e3)
    )  # fmt: skip
    return _moments(numbers, micros.round().cast(pl.Int64, strict=False))


def _moments(numbers: pl.Series, micros: pl.Expr) -> pl.Series:
    return pl.DataFrame({"n": numbers}).select(micros.cast(UTC)).to_series()


def _first_of(*columns: pl.Series) -> pl.Series:
    frame = pl.DataFrame([column.alias(str(at)) for at, column in enumerate(columns)])
    return frame.select(pl.coalesce(pl.all()).cast(UTC)).to_series()
