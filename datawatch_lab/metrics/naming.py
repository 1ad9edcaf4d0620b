"""Names of fields as words: snake, camel, kebab, Hungarian and run-together names alike."""

from __future__ import annotations

import re
import unicodedata

_BOUNDARY = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HUNGARIAN = frozenset(
    {"str", "int", "dbl", "dec", "dt", "bln", "bool", "txt", "lng", "chr", "fld"}
)
_TRANSLITERATE = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
)


def tokens(name: str) -> tuple[str, ...]:
    """Lower-case words of a name; accents and a Hungarian prefix are taken off.

    >>> tokens("customerID"), tokens("strFirstName"), tokens("geändert_am")
    (('customer', 'id'), ('first', 'name'), ('geaendert', 'am'))
    """
    plain = unicodedata.normalize("NFKD", name.translate(_TRANSLITERATE))
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    words = tuple(part.lower() for part in _BOUNDARY.split(plain) if part)
    if len(words) > 1 and words[0] in _HUNGARIAN:
        return words[1:]
    return words or (name.lower(),)
