"""How numbers, durations, sizes and times read, everywhere: pages, axes, tooltips, notebooks.

Three or four digits carry a value; a unit stands beside every number that has one. Text from data
passes through `escape` before it becomes HTML.
"""

from __future__ import annotations

import html
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

NOTHING = "–"
"""Stands for a value that is not known."""

NBSP = "\u00a0"
MINUS = "\u2212"

_COMPACT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_SIZES = ("B", "kB", "MB", "GB", "TB")
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}
_STEPS = ((86_400, "day"), (3_600, "h"), (60, "min"), (1, "s"))


def escape(text: object) -> str:
    """Text from data as HTML text, also safe inside quoted attributes.

    >>> escape('<img onerror="x">')
    '&lt;img onerror=&quot;x&quot;&gt;'
    """
    return html.escape(str(text), quote=True)


def plain(text: str) -> str:
    """Text with ordinary spaces, for places that do not know the other kind."""
    return text.replace(NBSP, " ")


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _decimals(size: float) -> int:
    """Decimals that leave three to four digits; at most four."""
    if size >= 999.95 or size == 0:
        return 0
    return 1 if size >= 10 else min(4, 2 - math.floor(math.log10(size)))


def _grouped(value: float, decimals: int, *, trim: bool = True) -> str:
    text = f"{abs(value):,.{decimals}f}"
    if trim and "." in text:
        text = text.rstrip("0").rstrip(".")
    zero = not any(digit in text for digit in "123456789")
    return text if value >= 0 or zero else MINUS + text


def number(value: float | None) -> str:
    """A number with thousands separators and three to four digits.

    >>> number(1234567), number(12.3456), number(0.01234), number(8), number(None)
    ('1,234,567', '12.3', '0.0123', '8', '–')
    """
    if value is None or _missing(value):
        return NOTHING
    return _grouped(value, _decimals(abs(value)))


def count(value: float | None) -> str:
    """A whole number with thousands separators.

    >>> count(57385)
    '57,385'
    """
    return NOTHING if value is None or _missing(value) else _grouped(value, 0)


def compact(value: float | None) -> str:
    """A number in at most four digits and a letter, for axes and narrow places.

    >>> plain(compact(950))
    '950'
    >>> plain(compact(12_300))
    '12.3 K'
    >>> plain(compact(4_570_000))
    '4.57 M'
    >>> plain(compact(-2_000_000_000))
    '−2 B'
    """
    if value is None or _missing(value):
        return NOTHING
    for size, letter in _COMPACT:
        # 999,950 would round to "1,000 K".
        if abs(value) >= size * (0.9995 if size > 1e3 else 1.0):
            return f"{_grouped(value / size, _decimals(abs(value / size)))}{NBSP}{letter}"
    return number(value)


def money(value: float | None, currency: str = "", *, short: bool = False) -> str:
    """An amount; with its currency only where that is known.

    >>> plain(money(48291.4, "EUR"))
    '€48,291'
    >>> plain(money(12.5, "CHF"))
    'CHF 12.50'
    >>> plain(money(1_234_567, "USD", short=True))
    '$1.23 M'
    >>> plain(money(200, "EUR", short=True))
    '€200'
    >>> plain(money(3.5))
    '3.50'
    """
    if value is None or _missing(value):
        return NOTHING
    size = abs(value)
    if short and size >= 1e3:
        text = compact(size)
    else:
        whole = size >= 1_000 or (short and size == int(size))
        text = _grouped(size, 0 if whole else 2, trim=False)
    symbol = _SYMBOLS.get(currency, f"{currency}{NBSP}" if currency else "")
    return f"{MINUS if value < 0 else ''}{symbol}{text}"


_NEARLY, _WHOLE = 99.95, 100 - 1e-9
"""In percent: what would be rounded up to 100, and what is 100 but for the digits of a float."""


def percent(fraction: float | None) -> str:
    """A fraction as a percentage.

    >>> plain(percent(0.124))
    '12.4 %'
    >>> plain(percent(0.00123))
    '0.12 %'
    >>> plain(percent(3.12))
    '312 %'

    Only what is all says 100 %:

    >>> plain(percent(0.99996))
    '99.99 %'
    """
    if fraction is None or _missing(fraction):
        return NOTHING
    size = abs(fraction) * 100
    if _NEARLY <= size < _WHOLE:
        short = math.floor(size * 100) / 100
        return f"{_grouped(math.copysign(short, fraction), 2)}{NBSP}%"
    return f"{_grouped(fraction * 100, 2 if size < 1 else 1 if size < 100 else 0)}{NBSP}%"


def duration(seconds: float | None) -> str:
    """A span of time in its largest unit or two.

    >>> plain(duration(0.0124))
    '12 ms'
    >>> plain(duration(1.239))
    '1.24 s'
    >>> plain(duration(75))
    '1 min 15 s'
    >>> plain(duration(12_000))
    '3 h 20 min'
    >>> plain(duration(200_000))
    '2 d 7 h'
    """
    if seconds is None or _missing(seconds):
        return NOTHING
    size, sign = abs(seconds), MINUS if seconds < 0 else ""
    if size < 0.001 and size > 0:
        return f"{sign}{_grouped(size * 1e6, 0)}{NBSP}µs"
    if size < 0.9995:
        return f"{sign}{_grouped(size * 1e3, 1 if size < 0.01 else 0)}{NBSP}ms" if size else "0 s"
    if size < 59.95:
        return f"{sign}{_grouped(size, 2 if size < 9.995 else 1)}{NBSP}s"
    return sign + _two_units(round(size))


def _two_units(seconds: int) -> str:
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for (name, size), (lesser, part) in pairwise(units):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            less = rest // part
            return f"{whole}{NBSP}{name}" + (f" {less}{NBSP}{lesser}" if less else "")
    return f"{seconds}{NBSP}s"


def size(octets: float | None) -> str:
    """Bytes in decimal units.

    >>> plain(size(512))
    '512 B'
    >>> plain(size(95_064_201))
    '95.1 MB'
    """
    if octets is None or _missing(octets):
        return NOTHING
    value, names = float(octets), list(_SIZES)
    while value >= 999.5 and len(names) > 1:
        value, names = value / 1000, names[1:]
    return f"{number(value)}{NBSP}{names[0]}"


def parse_iso(text: str | None) -> datetime | None:
    """A moment of an answer, UTC; None for none."""
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in one unit.

    >>> now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> plain(ago(now - timedelta(seconds=3), now))
    'just now'
    >>> plain(ago(now - timedelta(minutes=90), now))
    '1 h ago'
    """
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    if seconds < 5:
        return "just now"
    for name, unit in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= unit:
            return f"{int(seconds // unit)}{NBSP}{name} ago"
    return f"{int(seconds)}{NBSP}s ago"


def step_name(seconds: float) -> str:
    """The width of a bucket as a title says it.

    >>> plain(step_name(60))
    'minute'
    >>> plain(step_name(300))
    '5 min'
    >>> plain(step_name(86_400))
    'day'
    >>> plain(step_name(21_600))
    '6 h'
    """
    words = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day", 604_800: "week"}
    whole = int(seconds)
    if whole in words:
        return words[whole]
    for unit, name in _STEPS:
        if whole % unit == 0:
            plural = "s" if name == "day" else ""
            return f"{whole // unit}{NBSP}{name}{plural}"
    return duration(seconds)


def value(amount: float | None, unit: str, *, currency: str = "", short: bool = False) -> str:
    """A metric's value with its unit, as the unit wants it.

    >>> plain(value(0.25, "ratio"))
    '25 %'
    >>> plain(value(1.2, "s"))
    '1.2 s'
    >>> plain(value(8.271, "1/min"))
    '8.27 /min'
    >>> plain(value(1842, "1"))
    '1,842'
    """
    if unit in ("ratio", "percent", "%"):
        return percent(amount if unit == "ratio" or amount is None else amount / 100)
    if unit in ("s", "ms", "us"):
        scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6}[unit]
        return duration(None if amount is None else amount * scale)
    if unit in ("bytes", "B"):
        return size(amount)
    if currency:
        return money(amount, currency, short=short)
    text = compact(amount) if short else number(amount)
    mark = unit_mark(unit)
    return f"{text}{NBSP}{mark}" if mark and text != NOTHING else text


def unit_mark(unit: str) -> str:
    """A unit as it stands beside a number; '' for a count.

    >>> unit_mark("1/min"), unit_mark("1"), unit_mark("percent")
    ('/min', '', '%')
    """
    return {"1": "", "": "", "1/min": "/min", "percent": "%"}.get(unit, unit)


def trend(now: float | None, before: float | None, previous: str) -> str:
    """How a value compares with the period before, in words.

    >>> plain(trend(112.0, 100.0, "hour"))
    '▲ 12 % vs previous hour'
    >>> plain(trend(1.0, 0.0, "hour"))
    '▲ from 0 in the previous hour'
    >>> plain(trend(5.0, 5.0, "day"))
    '= same as previous day'
    """
    if now is None or before is None or _missing(now) or _missing(before):
        return ""
    if now == before:
        return f"= same as previous {previous}"
    arrow = "▲" if now > before else "▼"
    if before == 0:
        return f"{arrow} from 0 in the previous {previous}"
    change = (now - before) / abs(before)
    if abs(change) < 0.0005:
        return f"= same as previous {previous}"
    if change > 9.995:
        return f"{arrow} {number(now / before)}× previous {previous}"
    return f"{arrow} {percent(abs(change))} vs previous {previous}"


def moment(at: datetime, span: timedelta) -> str:
    """A time for a tooltip or a sentence: seconds for short spans, the date for long ones.

    It is told as its own zone has it.

    >>> moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), timedelta(hours=1))
    '03:04:05'
    >>> moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), timedelta(days=3))
    '2 Jan 03:04'
    """
    if span <= timedelta(hours=2):
        return f"{at:%H:%M:%S}"
    if span <= timedelta(days=60):
        return f"{at.day} {at:%b %H:%M}"
    return f"{at.day} {at:%b %Y}"
