"""Durations (``30d``, ``5m``) and times, absolute or relative (``-1h``, ``now``, ``today``)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import isnan
from zoneinfo import ZoneInfo

from datawatch_lab.core.errors import TimeError

_UNIT_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3_600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "y": 31_536_000.0,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|[smhdwy])")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:ms|min|[smhdwy])\s*)+")
_EPOCH = re.compile(r"\d{9,16}(?:\.\d+)?")


def parse_duration(text: str | float | timedelta) -> timedelta:
    """Read a duration; a bare number is seconds.

    Raises:
        TimeError: it is none; the message shows the form.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    >>> parse_duration("30d").days
    30
    """
    if isinstance(text, timedelta):
        return text
    try:
        return timedelta(seconds=_seconds(text))
    except OverflowError:
        raise TimeError(f"{text!r} is longer than can be counted.") from None


def _seconds(text: str | float) -> float:
    if isinstance(text, int | float):
        if isnan(text):
            raise TimeError("a duration must be a number, not NaN.")
        return float(text)
    bare = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", bare):
        return float(bare)
    if not _DURATION.fullmatch(bare):
        raise TimeError(
            f"{text!r} is not a duration.",
            hint="Write a number and a unit, such as 30s, 5m, 1h30m, 7d, 1y.",
        )
    return sum(float(n) * _UNIT_SECONDS[unit] for n, unit in _PART.findall(bare))


def format_duration(span: timedelta) -> str:
    """The shortest exact form, e.g. ``1h30m``; ``0s`` for nothing.

    >>> format_duration(timedelta(seconds=5400)), format_duration(timedelta(days=30))
    ('1h30m', '30d')
    """
    micros = round(span / timedelta(microseconds=1))
    if micros < 0:
        return "-" + format_duration(-span)
    parts = []
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000)):
        count, micros = divmod(micros, size)
        if count:
            parts.append(f"{count}{unit}")
    if micros:
        parts.append(f"{micros / 1_000_000:g}s")
    return "".join(parts) or "0s"


def parse_time(text: str | datetime | float, now: datetime, tz: str = "UTC") -> datetime:
    """Read a moment, absolute (ISO 8601, epoch seconds/milliseconds) or relative to ``now``.

    Relative forms: ``now``, ``today``, ``yesterday``, ``-1h``, ``now-7d``, ``today+2h``.
    ``today`` and naive times are those of the time zone ``tz``.

    Returns:
        A timezone-aware moment in UTC.

    Raises:
        TimeError: it cannot be read; the message shows the forms.

    >>> now = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    >>> parse_time("-1h", now).isoformat()
    '2026-01-02T11:00:00+00:00'
    >>> parse_time("today", now).isoformat()
    '2026-01-02T00:00:00+00:00'
    """
    zone = ZoneInfo(tz)
    try:
        if isinstance(text, datetime):
            return (text if text.tzinfo else text.replace(tzinfo=zone)).astimezone(UTC)
        if isinstance(text, int | float):
            return _from_epoch(float(text))
        bare = text.strip()
        anchored = re.fullmatch(r"(now|today|yesterday)?\s*(?:([+-])\s*(.+))?", bare, re.IGNORECASE)
        if bare and anchored:
            base = _anchor((anchored[1] or "now").lower(), now, zone)
            if not anchored[2]:
                return base.astimezone(UTC)
            span = parse_duration(anchored[3])
            return (base - span if anchored[2] == "-" else base + span).astimezone(UTC)
        if _EPOCH.fullmatch(bare):
            return _from_epoch(float(bare))
        moment = datetime.fromisoformat(bare)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, TimeError):
            raise
        raise TimeError(
            f"{str(text)!r} is not a time.",
            hint="Write ISO 8601 (2026-01-31T12:00:00Z), or relative: -1h, now, today, now-7d.",
        ) from None


def shifted(moment: datetime, span: timedelta) -> datetime:
    """A moment so much later, or earlier for a negative span.

    Raises:
        TimeError: no calendar goes as far.

    >>> shifted(datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=-1)).isoformat()
    '2025-12-31T00:00:00+00:00'
    """
    try:
        return moment + span
    except OverflowError:
        way = "before" if span < timedelta(0) else "after"
        far = f"{format_duration(abs(span))} {way} {moment.isoformat()}"
        raise TimeError(f"{far} is outside of the years 1 to 9999.") from None


def _anchor(word: str, now: datetime, zone: ZoneInfo) -> datetime:
    if word == "now":
        return now
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if word == "today" else (midnight - timedelta(days=1))


def _from_epoch(value: float) -> datetime:
    """Epoch seconds, milliseconds or microseconds, told apart by size."""
    for scale, limit in ((1.0, 1e11), (1e3, 1e14), (1e6, 1e17)):
        if abs(value) < limit:
            return datetime.fromtimestamp(value / scale, UTC)
    raise TimeError(f"{value!r} is not an epoch time.")
