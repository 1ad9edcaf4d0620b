"""Units guessed from field names; display only, nothing is converted."""

from __future__ import annotations

from datawatch_lab.metrics.naming import tokens

_BY_TOKEN = {
    "ms": "ms",
    "msec": "ms",
    "millis": "ms",
    "milliseconds": "ms",
    "us": "us",
    "micros": "us",
    "ns": "ns",
    "nanos": "ns",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "min": "min",
    "mins": "min",
    "minutes": "min",
    "hours": "h",
    "hrs": "h",
    "days": "d",
    "bytes": "bytes",
    "kb": "kB",
    "mb": "MB",
    "gb": "GB",
    "kg": "kg",
    "grams": "g",
    "km": "km",
    "cm": "cm",
    "mm": "mm",
    "percent": "percent",
    "percentage": "percent",
    "pct": "percent",
    "prozent": "percent",
    "ratio": "ratio",
    "fraction": "ratio",
    "usd": "USD",
    "eur": "EUR",
    "gbp": "GBP",
    "chf": "CHF",
    "cents": "cents",
    "celsius": "°C",
    "quantity": "1",
    "qty": "1",
    "count": "1",
    "menge": "1",
    "anzahl": "1",
    "cantidad": "1",
}
_LAST_ONLY = frozenset({"s", "us", "min", "ns"})  # short words that mean a unit only as a suffix


def unit_of(field: str) -> str:
    """The unit that a field's name tells; ``''`` when it tells none.

    >>> unit_of("duration_ms"), unit_of("memoryMb"), unit_of("amount"), unit_of("min_price")
    ('ms', 'MB', '', '')
    """
    words = tokens(field)
    for place, word in enumerate(reversed(words)):
        unit = _BY_TOKEN.get(word)
        if unit and (word not in _LAST_ONLY or (place == 0 and len(words) > 1)):
            return unit
    return ""
