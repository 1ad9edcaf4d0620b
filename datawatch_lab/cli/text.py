"""How numbers, times and foreign text look in a terminal."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BYTES = ("B", "kB", "MB", "GB", "TB")


def clean(text: str, limit: int = 0) -> str:
    r"""Text from data made safe for a terminal: control characters show as escapes.

    Args:
        text: anything.
        limit: cut it to this many characters, the last then ``…``; 0 for no limit.

    >>> clean("a\x1b[31mb")
    'a\\x1b[31mb'
    >>> clean("abcdef", 4)
    'abc…'
    """
    shown = _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
    return f"{shown[: limit - 1]}…" if limit and len(shown) > limit else shown


def count(value: int | None) -> str:
    """A whole number with thousands separators; ``–`` for none.

    >>> count(1234567), count(None)
    ('1,234,567', '–')
    """
    return "–" if value is None else f"{value:,}"


def size(number: float) -> str:
    """Bytes, in decimal units.

    >>> size(999), size(1_234_567)
    ('999 B', '1.2 MB')
    """
    for unit in _BYTES:
        if number < 1_000 or unit == _BYTES[-1]:
            break
        number /= 1_000
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


def seconds(span: float) -> str:
    """A span as people say it, from microseconds to days.

    >>> seconds(0.0123), seconds(1.5), seconds(90), seconds(-3600)
    ('12.3 ms', '1.5 s', '1 min 30 s', '-1 h')
    """
    if span < 0:
        return f"-{seconds(-span)}"
    if span < 1:
        return f"{span * 1_000:.3g} ms" if span >= 0.001 or span == 0 else f"{span * 1e6:.3g} µs"
    if span < 60:
        return f"{span:.3g} s"
    whole = round(span)
    for name, width, smaller, part in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= width:
            rest = whole % width // part
            return f"{whole // width} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def value(number: float | None, unit: str = "") -> str:
    """A value with its unit: at most four digits that matter, whole numbers in full.

    >>> value(1234567.0, "1"), value(0.12345, "ratio"), value(0.25, "s"), value(None)
    ('1,234,567', '12.35 %', '250 ms', '–')
    >>> value(3.14159, "1/min"), value(129.5, "EUR")
    ('3.142 /min', '129.5 EUR')
    """
    if number is None or math.isnan(number):
        return "–"
    if unit == "ratio":
        return f"{_plain(number * 100)} %"
    if unit == "s":
        return seconds(number)
    shown = _plain(number)
    if unit in ("", "1"):
        return shown
    return f"{shown} {unit.removeprefix('1')}"


def _plain(number: float) -> str:
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    if abs(number) >= 1_000:
        return f"{number:,.0f}" if abs(number) >= 100_000 else f"{number:,.1f}"
    return f"{number:.4g}"


def moment(text: str | None) -> str:
    """An ISO 8601 time of the API, short, in UTC; ``–`` for none.

    >>> moment("2026-01-31T12:00:05.250000Z")
    '2026-01-31 12:00:05'
    """
    return "–" if text is None else text[:19].replace("T", " ")


def since(text: str | None, now: datetime) -> str:
    """How long ago a time of the API was.

    >>> since("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, 1, 30, tzinfo=UTC))
    '1 min 30 s ago'
    """
    if text is None:
        return "–"
    span = now - datetime.fromisoformat(text)
    if span < timedelta(0):
        return f"in {seconds(-span.total_seconds())}"
    return "now" if span < timedelta(seconds=1) else f"{seconds(span.total_seconds())} ago"


def plural(number: int, noun: str) -> str:
    """A counted noun.

    >>> plural(1, "event"), plural(1200, "event")
    ('1 event', '1,200 events')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def utc_now() -> datetime:
    """The present, for relative times in a terminal."""
    return datetime.now(UTC)
