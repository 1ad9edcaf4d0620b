"""The level in a condition of an alert: read, and put anew, without touching the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from datawatch_lab.core.durations import format_duration, parse_duration

_MORE = re.compile(r"\b(?:and|or|not|change|band|predicted|no\s+data)\b|&&|\|\|", re.IGNORECASE)
_LEVEL = re.compile(
    r"(?P<op>>=|<=|==|!=|>|<|=)\s*"
    r"(?P<amount>(?P<percent>[+-]?\d[\d_]*(?:\.\d+)?)\s*%"
    r"|(?P<span>(?:\d+(?:\.\d+)?\s*(?:ms|min|[smhdwy])(?![A-Za-z_])\s*)+)"
    r"|(?P<number>[+-]?(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?))"
    r"(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_OVER = re.compile(r"\bover\s+((?:\d+(?:\.\d+)?\s*(?:min|[smhdw])\s*)+)", re.IGNORECASE)


@dataclass(frozen=True)
class Level:
    """The number that a condition compares with.

    Attributes:
        value: in the unit of the metric; of a ``relative`` one, a share of what it refers to.
        side: ``above`` or ``below``: where the condition holds.
        relative: it is a percentage of a baseline or an earlier hour.
        kind: ``number``, ``percent`` or ``span``.
    """

    value: float
    side: str
    relative: bool
    kind: str


def level_of(condition: str) -> Level | None:
    """The level of a condition that is one comparison; None for all others.

    >>> level_of("> 200% of baseline")
    Level(value=2.0, side='above', relative=True, kind='percent')
    >>> level_of("outside band") is None
    True
    """
    found = None if _MORE.search(condition) else _LEVEL.search(condition)
    if found is None or found["op"] in ("=", "==", "!=") or _LEVEL.search(found["rest"]):
        return None
    side = "above" if ">" in found["op"] else "below"
    rest = _OVER.sub("", found["rest"]).strip()
    if found["percent"] is not None:
        if rest and not rest.casefold().startswith("of"):
            return None
        share = float(found["percent"].replace("_", "")) / 100
        return Level(share, side, bool(rest), "percent")
    if rest:
        return None
    if found["span"] is not None:
        return Level(parse_duration(found["span"]).total_seconds(), side, False, "span")
    return Level(float(found["number"].replace("_", "")), side, False, "number")


def with_level(condition: str, value: float) -> str:
    """The condition with another level, in the way it was written.

    Args:
        condition: one that `level_of` reads.
        value: as `Level.value` has it.

    >>> with_level("> 200% of baseline over 15m", 1.5)
    '> 150% of baseline over 15m'
    """
    known, found = level_of(condition), _LEVEL.search(condition)
    if known is None or found is None:
        return condition
    if known.kind == "percent":
        said = f"{_plain(value * 100)}%"
    elif known.kind == "span":
        said = format_duration(timedelta(seconds=max(1, round(value))))
    else:
        said = _plain(value)
    tail = found["amount"][len(found["amount"].rstrip()) :]
    return f"{condition[: found.start('amount')]}{said}{tail}{found['rest']}"


def _plain(value: float) -> str:
    """All its digits and no exponent.

    >>> _plain(1234567.0), _plain(0.000123), _plain(-3.0), _plain(1.1 * 100)
    ('1234567', '0.000123', '-3', '110')
    """
    return f"{Decimal(f'{value:.15g}'):f}"


def over_of(condition: str) -> timedelta | None:
    """Over how long a condition takes its metric, where it says so.

    >>> over_of("> 5 over 15m")
    datetime.timedelta(seconds=900)
    """
    found = _OVER.search(condition)
    return None if found is None else parse_duration(found[1].strip())
