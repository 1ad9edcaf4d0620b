"""Types of PostgreSQL: what their text means, and what a column of them is declared as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How the text of a value becomes JSON."""

    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    BOOLEAN = "boolean"
    TEXT = "text"
    PLAIN = "plain"  # text that holds nothing which JSON escapes
    BYTES = "bytes"  # \x and hexadecimal digits
    TIMESTAMP = "timestamp"
    JSON = "json"
    ARRAY = "array"
    HSTORE = "hstore"

    @property
    def declared(self) -> str:
        """A type as `core.values.Column.type` names types."""
        return _DECLARED.get(self, "text")


_DECLARED = {
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.MONEY: "number",
    Kind.BOOLEAN: "boolean",
    **dict.fromkeys((Kind.JSON, Kind.ARRAY, Kind.HSTORE), "json"),
}


@dataclass(frozen=True)
class PgType:
    """A type.

    Attributes:
        name: as people know it, without schema and modifier.
        kind: how its text is read.
        element: of an array, else None.
        delimiter: between elements of an array.
    """

    name: str
    kind: Kind
    element: PgType | None = None
    delimiter: str = ","


@dataclass(frozen=True)
class TypeRow:
    """A row of ``pg_type``; see the page of that name in the PostgreSQL manual.

    Attributes:
        type: ``b`` base, ``c`` composite, ``d`` domain, ``e`` enum, ``r`` range …
        category: ``A`` for arrays.
        element, base: oids, 0 for none.
    """

    oid: int
    name: str
    type: str = "b"
    category: str = "U"
    element: int = 0
    base: int = 0
    delimiter: str = ","


_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), Kind.INTEGER),
    **dict.fromkeys(("float4", "float8", "numeric"), Kind.NUMBER),
    **dict.fromkeys(("json", "jsonb"), Kind.JSON),
    **dict.fromkeys(("timestamp", "timestamptz"), Kind.TIMESTAMP),
    **dict.fromkeys(
        (
            "uuid",
            "date",
            "time",
            "timetz",
            "interval",
            "inet",
            "cidr",
            "macaddr",
            "macaddr8",
            "bit",
            "varbit",
            "int4range",
            "int8range",
            "numrange",
            "daterange",
            "point",
            "pg_lsn",
        ),
        Kind.PLAIN,
    ),
    "bool": Kind.BOOLEAN,
    "bytea": Kind.BYTES,
    "money": Kind.MONEY,
    "hstore": Kind.HSTORE,
}

_SPOKEN = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "bpchar": "character",
    "varchar": "character varying",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
}

_BUILT_IN = {
    16: ("bool", 1000), 17: ("bytea", 1001), 19: ("name", 1003), 20: ("int8", 1016),
    21: ("int2", 1005), 23: ("int4", 1007), 25: ("text", 1009), 26: ("oid", 1028),
    114: ("json", 199), 700: ("float4", 1021), 701: ("float8", 1022), 790: ("money", 791),
    869: ("inet", 1041), 1042: ("bpchar", 1014), 1043: ("varchar", 1015), 1082: ("date", 1182),
    1083: ("time", 1183), 1114: ("timestamp", 1115), 1184: ("timestamptz", 1185),
    1186: ("interval", 1187), 1266: ("timetz", 1270), 1700: ("numeric", 1231),
    2950: ("uuid", 2951), 3802: ("jsonb", 3807), 3904: ("int4range", 3905),
}  # fmt: skip
"""Oids that are the same in every server: of a type and of its array."""

UNKNOWN = PgType("unknown", Kind.TEXT)


class Types:
    """The types of a database by oid, from the rows of ``pg_type`` that are known so far."""

    def __init__(self, rows: Iterable[TypeRow] = ()) -> None:
        self._rows: dict[int, TypeRow] = {}
        for oid, (name, array) in _BUILT_IN.items():
            self._rows[oid] = TypeRow(oid, name)
            self._rows[array] = TypeRow(array, f"_{name}", category="A", element=oid)
        self._made: dict[int, PgType] = {}
        self.learn(rows)

    def learn(self, rows: Iterable[TypeRow]) -> None:
        """Take in rows of ``pg_type``; newer ones win."""
        self._rows |= {row.oid: row for row in rows}
        self._made.clear()

    @property
    def oids(self) -> AbstractSet[int]:
        """Those that are known."""
        return self._rows.keys()

    def __getitem__(self, oid: int) -> PgType:
        """The type with that oid; `UNKNOWN`, which reads as text, when it is not known."""
        made = self._made.get(oid)
        if made is None:
            made = self._made[oid] = self._make(oid)
        return made

    def _make(self, oid: int) -> PgType:
        row = self._rows.get(oid)
        if row is None:
            return UNKNOWN
        if row.type == "d":
            base = self[row.base]
            return PgType(row.name, base.kind, base.element, base.delimiter)
        if row.category == "A" and row.element and row.name.startswith("_"):
            element = self[row.element]
            return PgType(f"{element.name}[]", Kind.ARRAY, element, row.delimiter)
        name = _SPOKEN.get(row.name, row.name)
        return PgType(name, _KINDS.get(row.name, Kind.TEXT) if row.type in "br" else Kind.TEXT)


def spelled(type_: PgType, modifier: int) -> str:
    """The type with its modifier, as in a column definition.

    >>> spelled(PgType("numeric", Kind.NUMBER), (12 << 16 | 2) + 4)
    'numeric(12,2)'
    >>> spelled(PgType("character varying", Kind.TEXT), 24)
    'character varying(20)'
    """
    if modifier < 0:
        return type_.name
    if type_.name == "numeric":
        held = modifier - 4
        scale = (held & 0x7FF ^ 0x400) - 0x400
        return f"numeric({held >> 16 & 0xFFFF},{scale})"
    if type_.name in ("character", "character varying"):
        return f"{type_.name}({modifier - 4})"
    if type_.name in ("bit", "varbit"):
        return f"{type_.name}({modifier})"
    head, _, tail = type_.name.partition(" ")
    if head in ("timestamp", "time"):
        return f"{head}({modifier}) {tail}"
    return type_.name
