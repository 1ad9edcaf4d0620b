"""How the values of tiles read: a format of the document, the metric's unit, fixed decimals.

``src/format.ts`` writes the same texts; a test compares both over one table.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views import format as words

_CURRENCY = re.compile(r"[A-Z]{3}")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


class Fmt(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a number is written.

    Attributes:
        f: a format of `core.dashboards.NUMBER_FORMATS`.
        u: unit; three capitals are a currency.
        d: digits after the point; None for as many as are worth it.
    """

    f: str = "auto"
    u: str = ""
    d: int | None = None


def fmt_of(tile: Tile, unit: str) -> Fmt:
    """The format of a tile's values.

    Args:
        tile: its options say format, decimals and a unit of their own.
        unit: of the values.
    """
    options = options_of(tile)
    own: Any = options.get("unit") or ""
    return Fmt(str(options.get("format") or "auto"), str(own or unit), options.get("decimals"))


def shown(value: float | None, fmt: Fmt, *, short: bool = False) -> str:  # noqa: PLR0911 — one a format
    """A value as people read it, with its unit.

    >>> words.plain(shown(0.124, Fmt("percent"))), words.plain(shown(12.5, Fmt(u="EUR")))
    ('12.4 %', '€12.50')
    >>> words.plain(shown(2.0, Fmt("per hour", "1/min"))), shown(None, Fmt())
    ('120 /h', '–')
    """
    if value is None or not math.isfinite(value):
        return words.NOTHING
    if fmt.d is not None:
        return _exact(value, fmt, fmt.d)
    currency = fmt.u if _CURRENCY.fullmatch(fmt.u) else ""
    number = words.compact if short else words.number
    match fmt.f:
        case "integer":
            text = words.compact(math.floor(value + 0.5)) if short else words.count(value)
            return _marked(text, "" if currency else fmt.u)
        case "percent":
            return words.percent(value / 100 if fmt.u == "percent" else value)
        case "currency":
            return words.money(value, currency, short=short)
        case "per hour":
            return f"{number(value * _hourly(fmt.u))}{words.NBSP}/h"
        case "duration":
            return words.duration(value * _SECONDS.get(fmt.u, 1.0))
        case "bytes":
            return words.size(value)
    return words.value(value, fmt.u, currency=currency, short=short)


def _exact(value: float, fmt: Fmt, places: int) -> str:
    minus = words.MINUS if value < 0 else ""
    if fmt.f == "percent" or (fmt.f == "auto" and fmt.u == "ratio"):
        scaled = value if fmt.u == "percent" else value * 100
        return f"{_fixed(scaled, places)}{words.NBSP}%"
    if fmt.f == "per hour":
        return f"{_fixed(value * _hourly(fmt.u), places)}{words.NBSP}/h"
    if _CURRENCY.fullmatch(fmt.u):
        return minus + words.money(0, fmt.u).removesuffix("0.00") + _fixed(abs(value), places)
    return _marked(_fixed(value, places), fmt.u)


def _fixed(value: float, places: int) -> str:
    text = f"{abs(value):,.{places}f}"
    return text if value >= 0 or not re.search("[1-9]", text) else words.MINUS + text


def _hourly(unit: str) -> float:
    return {"1/min": 60.0, "1/s": 3600.0}.get(unit, 1.0)


def _marked(text: str, unit: str) -> str:
    mark = words.unit_mark(unit)
    return f"{text}{words.NBSP}{mark}" if mark else text
