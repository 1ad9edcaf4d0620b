"""Types of columns: one spelling for each, and what becomes of values from one to another."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import sqlglot
from sqlglot import exp

Dialect = Literal["postgres", "mysql"]

Fate = Literal["same", "wider", "narrower", "another"]
"""What becomes of values: nothing; each fits; some may not; they are of another nature."""

_ALIASES = {
    "integer": "int",
    "serial": "int",
    "bigserial": "bigint",
    "smallserial": "smallint",
    "double precision": "double",
    "float8": "double",
    "float4": "real",
    "character varying": "varchar",
    "character": "char",
    "bpchar": "char",
    "numeric": "decimal",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "bool": "boolean",
    "int2": "smallint",
    "int4": "int",
    "int8": "bigint",
}
_DISPLAY_WIDTH = re.compile(
    r"\b(?!tinyint\s*\(\s*1\s*\))((?:tiny|small|medium|big)?int(?:eger)?|year)\s*\(\s*\d+\s*\)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4_096)
def canonical(text: str, dialect: Dialect = "postgres") -> str:
    """A type in the one spelling that is compared; unknown ones in lower case as they are.

    >>> canonical("character varying(20)"), canonical("INT8"), canonical("numeric(10,2)")
    ('varchar(20)', 'bigint', 'decimal(10, 2)')
    """
    plain = _DISPLAY_WIDTH.sub(r"\1", " ".join(text.split()))
    try:
        made = exp.DataType.build(plain, dialect=dialect, udt=True)
    except sqlglot.ParseError:
        return plain.lower()
    return spelled(made, dialect)


def spelled(kind: exp.DataType, dialect: Dialect) -> str:
    """A parsed type in that spelling; an enum without its values.

    Of MySQL, ``float`` is ``real`` and ``tinyint(1)`` is ``boolean``, as they are meant.
    """
    if kind.this == exp.DType.ENUM:
        return "enum"
    if kind.this == exp.DType.USERDEFINED:
        name = kind.args.get("kind")
        return _name(str(name.sql() if isinstance(name, exp.Expression) else name))
    text = kind.sql(dialect=dialect).lower()
    if dialect == "mysql":
        text = re.sub(r"^float\b", "real", text)
        text = "boolean" if text in ("tinyint(1)", "bool") else text
        text = re.sub(r"^u(tinyint|smallint|mediumint|int|bigint)\b", r"\1 unsigned", text)
    suffix = "[]" if text.endswith("[]") else ""
    base, parameters = parts(text.removesuffix("[]"))
    base = _ALIASES.get(base, base)
    if base.removesuffix(" unsigned") in _WHOLE:
        parameters = ()  # a display width
    return base + (f"({', '.join(parameters)})" if parameters else "") + suffix


_QUOTED = re.compile(r'"((?:[^"]|"")*)"|[^"]+')


def _name(text: str) -> str:
    """The name of a type of the database's own, without the schema where names go by default.

    >>> _name('public."Order State"'), _name("public.Mood[]"), _name("sales.channel")
    ('Order State', 'mood[]', 'sales.channel')
    """
    made = _QUOTED.sub(
        lambda part: part[0].lower() if part[1] is None else part[1].replace('""', '"'), text
    )
    return made.removeprefix("public.")


def parts(text: str) -> tuple[str, tuple[str, ...]]:
    """The name of a type and its parameters.

    >>> parts("decimal(10, 2)"), parts("timestamp(3) with time zone")
    (('decimal', ('10', '2')), ('timestamp with time zone', ('3',)))
    """
    found = re.fullmatch(r"([^()]*?)\s*\(([^()]*)\)\s*([^()]*)", text)
    if found is None:
        return text, ()
    name = " ".join(filter(None, (found[1], found[3])))
    return name, tuple(each.strip() for each in found[2].split(","))


# "integer", "number" and "text" are also what values in JSON are.
_WHOLE = {"tinyint": 3, "smallint": 5, "mediumint": 7, "int": 10, "bigint": 19, "integer": 19}
_TEXTS = {"char": 0, "varchar": 0, "tinytext": 1, "text": 2, "mediumtext": 3, "longtext": 4}
_FLOATS = {"real": 0, "float": 1, "double": 1}
_TIMES = {"date": 0, "datetime": 1, "timestamp": 1, "timestamptz": 2}
_FAMILIES = {
    "whole": _WHOLE,
    "text": {**_TEXTS, "enum": 0, "citext": 2},
    "float": _FLOATS,
    "exact": {"decimal": 0, "number": 0},
    "time": _TIMES,
    "json": {"json": 0, "jsonb": 0},
    "boolean": {"boolean": 0},
    "uuid": {"uuid": 0},
}
_NUMBERS = ("whole", "float", "exact")


def family(text: str) -> str:
    """What kind of values a type has: whole, exact, float, text, time …; itself when not known.

    >>> family("bigint unsigned"), family("varchar(20)"), family("mood")
    ('whole', 'text', 'mood')
    """
    name = parts(text)[0].removesuffix(" unsigned")
    return next((each for each, names in _FAMILIES.items() if name in names), name)


def is_precision(was: str, now: str) -> bool:
    """Whether two types differ in their parameters alone."""
    return was != now and parts(was)[0] == parts(now)[0]


def fate(was: str, now: str) -> Fate:  # noqa: PLR0911 — one for each family
    """What becomes of the values of a column whose type changes.

    >>> fate("int", "bigint"), fate("decimal(10, 2)", "decimal(10, 4)"), fate("text", "int")
    ('wider', 'narrower', 'another')
    """
    if was == now:
        return "same"
    old, new = family(was), family(now)
    if old in _NUMBERS and new in _NUMBERS:
        return _numbers(was, now, old, new)
    if old != new:
        return "wider" if (old, new) in (("uuid", "text"), ("json", "text")) else "another"
    if old == "text":
        return _texts(was, now)
    if old in ("time", "json", "boolean"):
        names = _FAMILIES[old]
        before, after = (names[parts(each)[0]] for each in (was, now))
        if before == after:
            return _no_less(parts(was)[1], parts(now)[1])
        return "wider" if after > before else "narrower"
    if parts(was)[0] == parts(now)[0]:
        return _no_less(parts(was)[1], parts(now)[1])
    return "another"


def _no_less(was: tuple[str, ...], now: tuple[str, ...]) -> Fate:
    if not now:
        return "wider"
    if not was or not all(each.isdigit() for each in (*was, *now)):
        return "narrower"
    grown = all(int(b) >= int(a) for a, b in zip(was, now, strict=False))
    return "wider" if grown else "narrower"


def _texts(was: str, now: str) -> Fate:
    """Of texts: a limit that grows or goes is wider; an enum holds listed values only."""
    (old, limits), (new, limited) = parts(was), parts(now)
    if new == "enum":
        return "narrower"
    if old == "enum":
        return "wider"
    if limited:
        return _no_less(limits, limited)
    if new in ("char", "varchar"):
        return "wider" if old in ("char", "varchar") else "narrower"
    return "wider" if _TEXTS.get(new, 2) >= _TEXTS.get(old, 2) else "narrower"


def _numbers(was: str, now: str, old: str, new: str) -> Fate:
    if new == "float":
        if old == "float":
            before, after = (_FLOATS[parts(each)[0]] for each in (was, now))
            return "wider" if after >= before else "narrower"
        small = old == "whole" and _WHOLE[_plain(was)] <= _WHOLE["int"]
        return "wider" if small and parts(now)[0] != "real" else "narrower"
    if old == "float":
        return "narrower"
    (low, whole, scale), (lower, wider, finer) = _room(was), _room(now)
    return "wider" if lower <= low and wider >= whole and finer >= scale else "narrower"


def _plain(text: str) -> str:
    return parts(text)[0].removesuffix(" unsigned")


def _room(text: str) -> tuple[int, float, float]:
    """Whether negative values fit (-1 or 0), digits before the point, and after it."""
    name, given = parts(text)
    if _plain(text) in _WHOLE:
        unsigned = name.endswith("unsigned")
        return (0 if unsigned else -1), _WHOLE[_plain(text)] + unsigned / 2, 0
    if not given or not all(each.isdigit() for each in given):
        return -1, float("inf"), float("inf")
    scale = int(given[1]) if len(given) > 1 else 0
    return -1, int(given[0]) - scale, scale
