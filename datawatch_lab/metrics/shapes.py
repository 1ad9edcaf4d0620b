"""What a text looks like: one shape for each value of a sample."""

from __future__ import annotations

import re
from collections.abc import Mapping

UUID, DATETIME, DATE, OTHER_DATE, TIME = "uuid", "datetime", "date", "other_date", "time"
INTEGER, DECIMAL, DIGITS = "integer", "decimal", "digits"
EMAIL, IP, URL, PHONE, CARD, TOKEN = "email", "ip", "url", "phone", "card", "token"
JSON, BOOLEAN, HASH, CODE, WORD, WORDS, EMPTY, OTHER = (
    "json",
    "boolean",
    "hash",
    "code",
    "word",
    "words",
    "empty",
    "other",
)

NUMBERS = (INTEGER, DECIMAL)
MOMENTS = (DATETIME, DATE)

_DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?|:60)?"
_OFFSET = r" ?(?:Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?"

_DAY_FIRST = r"[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{2}|[0-9]{4})(?:,? [0-9]{1,2}:[0-9]{2}.{0,9})?"
_SLASHED = r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}(?: [0-9:. APM]+)?"
_NETWORK_4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:/[0-9]{1,2})?"
_NETWORK_6 = r"(?=.*:.*:)[0-9a-f:]{3,39}"
_CARD_GROUPS = r"[0-9]{4}[ -][0-9*xX]{4}[ -][0-9*xX]{4}[ -][0-9]{1,7}"
_CARD_MASKED = r"[0-9*xX]{11,12}[0-9]{4}"
_PHONE_ABROAD = r"\+[0-9][0-9 ().-]{6,18}"
_PHONE_HOME = r"\(?[0-9]{2,5}\)?[ ./-][0-9]{2,4}[ ./-]?[0-9 -]{3,9}(?: ?x[0-9]+)?"
_JWT = r"eyJ[\w-]+\.[\w-]+\.[\w-]*"
_KEY = r"(?:sk|pk|rk|tok|ghp|xox[bp])[_-]\w{12,}"
_BCRYPT = r"\$2[aby]\$.{50,}"
_HEX = r"[0-9a-f]{20,128}|[0-9A-F]{20,128}"
_ULID = r"[0-9A-HJKMNP-TV-Z]{26}"

PLAIN = {
    INTEGER: r"-?(?:0|[1-9][0-9]{0,38})",
    DECIMAL: r"[+-]?(?:[0-9]{1,30}\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]{1,3})?",
    DATETIME: rf"{_DAY}[T ]{_CLOCK}{_OFFSET}",
}
"""Patterns of texts that have no other shape, but that ``digits`` are no decimals."""

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (shape, re.compile(pattern, flags))
    for shape, pattern, flags in (
        (INTEGER, PLAIN[INTEGER], 0),
        (DECIMAL, PLAIN[DECIMAL], 0),
        (UUID, r"\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?", re.IGNORECASE),
        (DATETIME, PLAIN[DATETIME], 0),
        (DATE, _DAY, 0),
        (OTHER_DATE, rf"{_DAY_FIRST}|{_SLASHED}", 0),
        (TIME, rf"{_CLOCK}", 0),
        (EMAIL, r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+", 0),
        (URL, r"(?:[a-z][a-z0-9+.-]{1,10}:)?//\S+|www\.\S+", re.IGNORECASE),
        (IP, rf"{_NETWORK_4}|{_NETWORK_6}", re.IGNORECASE),
        (JSON, r"\{.*\}|\[.*\]", re.DOTALL),
        (BOOLEAN, r"true|false|t|f|yes|no|y|n|ja|nein|si|sí", re.IGNORECASE),
        (CARD, rf"{_CARD_GROUPS}|{_CARD_MASKED}", 0),
        (PHONE, rf"{_PHONE_ABROAD}|{_PHONE_HOME}", 0),
        (TOKEN, rf"{_JWT}|{_KEY}|{_BCRYPT}", 0),
        (HASH, rf"{_HEX}|{_ULID}", 0),
        (CODE, r"(?=.*[0-9])[A-Za-z0-9]+(?:[_./#:-][A-Za-z0-9]+)*", 0),
        (WORD, r"[^\W\d][^\s\d]{0,39}", 0),
        (WORDS, r"\S+(?:\s+\S+)+\s*", re.DOTALL),
    )
)


def shape_of(text: str) -> str:
    """The first shape that the whole text has; ``digits`` for digits that are no plain number.

    >>> [shape_of(text) for text in ("12.50", "00712", "2024-01-31", "ord_8f3a", "paid")]
    ['decimal', 'digits', 'date', 'code', 'word']
    """
    if not text.strip():
        return EMPTY
    if text.isdigit() and len(text) > 1 and text[0] == "0":
        return DIGITS
    for shape, pattern in _PATTERNS:
        if pattern.fullmatch(text):
            return shape
    return OTHER


def shaped(shapes: Mapping[str, int]) -> int:
    """Values that are not empty."""
    return sum(shapes.values()) - shapes.get(EMPTY, 0)


def share(shapes: Mapping[str, int], *wanted: str) -> float:
    """Share of non-empty values that have one of these shapes, in [0, 1]; 0 for none at all."""
    total = shaped(shapes)
    return sum([shapes.get(shape, 0) for shape in wanted]) / total if total else 0.0
