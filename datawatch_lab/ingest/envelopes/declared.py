"""Type names of databases to the types of columns here."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = {
    "integer": "integer int int2 int4 int8 smallint bigint tinyint mediumint serial bigserial"
    " smallserial oid year",
    "number": "numeric decimal number real double float float4 float8 dec fixed money",
    "boolean": "boolean bool",
    "json": "json jsonb hstore array map struct",
}
_TYPES = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_FIRST_WORD = re.compile(r"[a-z_0-9]+")


def declared_type(name: str) -> str:
    """A column type for a type name of SQL, with or without arguments.

    >>> [declared_type(name) for name in ("NUMERIC(10,2)", "int unsigned", "bool", "text[]")]
    ['number', 'integer', 'boolean', 'json']
    >>> declared_type("timestamp with time zone"), declared_type("double precision")
    ('text', 'number')
    """
    low = name.lower().strip()
    if low.endswith("[]") or low.startswith("_"):
        return "json"
    word = _FIRST_WORD.match(low)
    return _TYPES.get(word[0], "text") if word else "text"


def declared_types(columns: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Column types by name, from (name, SQL type) pairs."""
    return {name: declared_type(kind) for name, kind in columns}
