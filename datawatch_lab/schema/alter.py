"""The clauses of ALTER TABLE, of PostgreSQL and of MySQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from datawatch_lab.core.schema_changes import CheckShape, ForeignKeyShape, IndexShape
from datawatch_lab.schema.columns import Parts, definitions, unnamed
from datawatch_lab.schema.tokens import Clause, Reader, Unreadable
from datawatch_lab.schema.types import canonical

_ONLY_HOW = ("ALGORITHM", "LOCK")
"""Clauses that say how it is to be done, not what."""

_OTHER = (
    *("OWNER", "SET", "RESET", "CLUSTER", "ENABLE", "DISABLE", "FORCE", "NO", "INHERIT", "ATTACH"),
    *("DETACH", "VALIDATE", "REPLICA", "OF", "NOT", "ENGINE", "AUTO_INCREMENT", "COMMENT"),
    *("CONVERT", "DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "ROW_FORMAT", "ORDER", "DISCARD"),
    *("IMPORT", "WITH", "WITHOUT", "KEY_BLOCK_SIZE", "MAX_ROWS", "MIN_ROWS", "CHECKSUM"),
    *("TABLESPACE", "PARTITION", "REORGANIZE", "COALESCE", "ANALYZE", "OPTIMIZE", "REBUILD"),
    *("REPAIR", "EXCHANGE", "REMOVE", "STATS_PERSISTENT", "COMPRESSION", "ENCRYPTION"),
)
"""First words of clauses that are known and change no shape."""


def alter_table(reader: Reader) -> Iterator[Clause]:
    """What follows ``ALTER TABLE``.

    Raises:
        Unreadable: no table is named.
    """
    lenient = reader.take("IF", "EXISTS")
    reader.take("ONLY")
    table = reader.table()
    reader.take("*")
    for item in reader.items():
        start = item.at
        try:
            yield from _clause(item, table, lenient=lenient)
        except Unreadable as error:
            item.at = start
            yield Clause("unparsed", table, facts=f"{error} (in {item.rest()[:80]!r})")


def _clause(item: Reader, table: str, *, lenient: bool) -> Iterator[Clause]:
    verb = item.take_any("ADD", "DROP", "RENAME", "ALTER", "MODIFY", "CHANGE")
    if verb:
        for each in _VERBS[verb](item, table):
            yield Clause(each.verb, each.table, each.name, each.facts, each.lenient or lenient)
    elif item.take("SET", "SCHEMA"):
        plain = table.rpartition(".")[2]
        yield Clause("rename_table", table, facts=item.name_table((item.name(), plain)))
    elif item.word_at(0) in _ONLY_HOW:
        return
    elif item.word_at(0) in _OTHER:
        yield Clause("other", table, facts=item.rest()[:200])
    else:
        raise Unreadable("this clause of ALTER TABLE is not known")


# ---------------------------------------------------------------------------- ADD


def _add(item: Reader, table: str) -> Iterator[Clause]:
    if item.word_at(item.at) in ("PARTITION", "EXCLUDE", "PERIOD", "SYSTEM"):
        yield Clause("other", table, facts=f"ADD {item.rest()[:200]}")
        return
    name = ""
    if item.take("CONSTRAINT"):
        named = item.word_at(item.at) in ("PRIMARY", "UNIQUE", "FOREIGN", "CHECK")
        name = "" if named else item.name()
        if item.take("EXCLUDE"):
            yield Clause("other", table, facts=f"ADD CONSTRAINT {name} EXCLUDE")
            return
    constraint = _constraint(item, table, name)
    if constraint is not None:
        yield constraint
        return
    if name:
        raise Unreadable("PRIMARY KEY, UNIQUE, FOREIGN KEY or CHECK was expected")
    item.take("COLUMN")
    lenient = item.take("IF", "NOT", "EXISTS")
    if item.looks("("):
        for each in item.group().items():
            yield from _column(each, table, lenient=lenient)
    else:
        yield from _column(item, table, lenient=lenient)


def _constraint(  # noqa: PLR0911 — one for each kind
    item: Reader, table: str, name: str
) -> Clause | None:
    """A key, index, foreign key or check; None when it is a column."""
    if item.take("PRIMARY", "KEY"):
        _to_group(item)
        return Clause("add_key", table, facts=column_names(item.group()))
    if item.take("FOREIGN", "KEY"):
        return _foreign_key(item, table, name)
    if item.take("CHECK"):
        inner = item.group()
        made = name or f"{table.rpartition('.')[2]}_check"
        return Clause("add_check", table, made, CheckShape(name=made, expression=inner.rest()))
    special = item.word_at(item.at + 1) in ("INDEX", "KEY", "(") or _named_index(item)
    if item.take("UNIQUE"):
        return _index(item, table, name, unique=True)
    if special and item.take_any("FULLTEXT", "SPATIAL"):
        return _index(item, table, name, unique=False)
    if item.looks("INDEX") or (item.looks("KEY") and (special or item.word_at(1) == "KEY")):
        return _index(item, table, name, unique=False)
    return None


def _named_index(item: Reader) -> bool:
    """Whether a name and a list follow the word here: an index rather than a column."""
    return item.word_at(item.at + 2) in ("(", "USING")


def _to_group(item: Reader) -> None:
    item.at = item.end_of("(")


def _index(item: Reader, table: str, name: str, *, unique: bool) -> Clause:
    item.take_any("INDEX", "KEY")
    if item.take("USING", "INDEX"):
        return Clause("other", table, facts=f"ADD CONSTRAINT {name} USING INDEX {item.rest()}")
    item.take("NULLS", "NOT", "DISTINCT")
    item.take("IF", "NOT", "EXISTS")
    if not item.looks("(") and not item.looks("USING"):
        name = item.name()
    _to_group(item)
    columns = column_names(item.group())
    suffix = "key" if unique else "idx"
    made = name or unnamed(table, columns, suffix, item.dialect)
    return Clause("add_index", table, made, IndexShape(name=made, columns=columns, unique=unique))


def _foreign_key(item: Reader, table: str, name: str) -> Clause:
    if not item.looks("("):
        name = name or item.name()
    columns = column_names(item.group())
    item.need("REFERENCES")
    references = item.table()
    referenced = column_names(item.group()) if item.looks("(") else ()
    made = name or "_".join((table.rpartition(".")[2], *columns, "fkey"))
    shape = ForeignKeyShape(
        name=made, columns=columns, references=references, referenced=referenced
    )
    return Clause("add_foreign_key", table, made, shape)


def column_names(group: Reader) -> tuple[str, ...]:
    """The columns of a list such as ``(a DESC, b(10), lower(c))``; expressions as their text."""
    found = []
    for item in group.items():
        text = item.rest()
        follows = item.word_at(1)
        digits = follows == "(" and item.word_at(2).isdigit()  # a prefix, of MySQL
        if follows in ("", "ASC", "DESC", "NULLS", "COLLATE") or digits or follows.endswith("_OPS"):
            found.append(item.name())
        else:
            found.append(text)
    return tuple(found)


def _column(item: Reader, table: str, *, lenient: bool) -> Iterator[Clause]:
    """A column to be added, with its constraints as clauses of their own."""
    behind = _placed(item)
    parts = _defined(item, table)
    column = parts.columns[0]
    facts = (column, behind)
    yield Clause("add_column", table, column.name, facts, lenient)
    yield from _extras(parts, table, lenient=lenient)


def _extras(parts: Parts, table: str, *, lenient: bool) -> Iterator[Clause]:
    if parts.key:
        yield Clause("add_key", table, facts=parts.key, lenient=lenient)
    for index in parts.indexes:
        yield Clause("add_index", table, index.name, index, lenient)
    for check in parts.checks:
        yield Clause("add_check", table, check.name, check, lenient)
    for key in parts.foreign_keys:
        yield Clause("add_foreign_key", table, key.name, key, lenient)


def _placed(item: Reader) -> str | None:
    """FIRST ('') or AFTER a column, at the end, cut off; None when nothing is said."""
    at = item.end_of("AFTER")
    tail = item.part(at, 1 << 30)
    if tail.take("AFTER"):
        behind = tail.name()
        if tail.ended:
            _cut(item, at)
            return behind
    last = item.end_of("FIRST")
    if last and item.part(last, 1 << 30).rest().upper() == "FIRST":
        _cut(item, last)
        return ""
    return None


def _cut(item: Reader, end: int) -> None:
    item._tokens = item._tokens[:end]  # noqa: SLF001 — a reader of fewer tokens


def _defined(item: Reader, table: str) -> Parts:
    parts = definitions(item.rest(), table, item.dialect, item.name_table)
    if len(parts.columns) != 1:
        raise Unreadable("the definition of one column was expected")
    return parts


# ---------------------------------------------------------------------------- DROP and RENAME


def _drop(item: Reader, table: str) -> Iterator[Clause]:
    if item.take("PRIMARY", "KEY"):
        yield Clause("drop_key", table)
        return
    if item.take("PARTITION"):
        yield Clause("other", table, facts=f"DROP PARTITION {item.rest()[:200]}")
        return
    verb = "drop_foreign_key" if item.take("FOREIGN", "KEY") else _dropped(item)
    lenient = item.take("IF", "EXISTS")
    name = item.name()
    item.take_any("CASCADE", "RESTRICT")
    if not item.ended:
        raise Unreadable(f"{item.rest()[:40]!r} was not expected")
    yield Clause(verb, table, name, lenient=lenient)


def _dropped(item: Reader) -> str:
    """What is dropped, by the word before its name."""
    words = {
        "COLUMN": "drop_column",
        "CONSTRAINT": "drop_constraint",
        "INDEX": "drop_index",
        "KEY": "drop_index",
        "CHECK": "drop_check",
    }
    alone = not item.part(item.at + 1, 1 << 30).rest()
    if alone or item.word_at(item.at + 1) in ("CASCADE", "RESTRICT"):
        return "drop_column"
    found = item.take_any(*words)
    return words.get(found, "drop_column")


def _rename(item: Reader, table: str) -> Iterator[Clause]:
    if item.take_any("TO", "AS"):
        yield Clause("rename_table", table, facts=_beside(item, table))
    elif item.take_any("INDEX", "KEY", "CONSTRAINT"):
        name = item.name()
        item.need("TO")
        yield Clause("rename_index", table, name, item.name())
    else:
        item.take("COLUMN")
        start = item.at
        name = item.name()
        if item.take("TO"):
            yield Clause("rename_column", table, name, item.name())
        else:
            item.at = start
            yield Clause("rename_table", table, facts=_beside(item, table))


def _beside(item: Reader, table: str) -> str:
    """The new name of a table; without a schema it stays in the one it is in."""
    parts = item.names()
    schema = table.rpartition(".")[0]
    if len(parts) == 1 and schema:
        return f"{schema}.{parts[0]}"
    return parts[0] if len(parts) == 1 else item.name_table(parts)


# ---------------------------------------------------------------------- columns that are there


def _alter(item: Reader, table: str) -> Iterator[Clause]:
    if item.looks("CONSTRAINT") or item.looks("INDEX") or item.looks("CHECK"):
        yield Clause("other", table, facts=f"ALTER {item.rest()[:200]}")
        return
    item.take("COLUMN")
    name = item.name()
    if item.take("TYPE") or item.take("SET", "DATA", "TYPE"):
        end = item.end_of("USING", "COLLATE")
        yield Clause("set_type", table, name, canonical(item.between(item.at, end), item.dialect))
    elif item.take("SET", "NOT", "NULL"):
        yield Clause("set_nullable", table, name, facts=False)
    elif item.take("DROP", "NOT", "NULL"):
        yield Clause("set_nullable", table, name, facts=True)
    elif item.take("SET", "DEFAULT"):
        yield Clause("set_default", table, name, _default(item, table))
    elif item.take("DROP", "DEFAULT"):
        yield Clause("set_default", table, name)
    elif item.take("DROP", "EXPRESSION") or item.take("DROP", "IDENTITY"):
        yield Clause("set_generated", table, name, facts=False)
    elif item.take("ADD", "GENERATED"):
        yield Clause("set_generated", table, name, facts=True)
    elif item.word_at(item.at) in ("SET", "RESET", "RESTART", "OPTIONS"):
        yield Clause("other", table, facts=f"ALTER COLUMN {name} {item.rest()[:200]}")
    else:
        raise Unreadable("this change of a column is not known")


def _default(item: Reader, table: str) -> str | None:
    """The default in the spelling that a definition gives it."""
    parts = definitions(f"c int DEFAULT {item.rest()}", table, item.dialect, item.name_table)
    return parts.columns[0].default


def _modify(item: Reader, table: str) -> Iterator[Clause]:
    item.take("COLUMN")
    lenient = item.take("IF", "EXISTS")
    _placed(item)
    parts = _defined(item, table)
    column = parts.columns[0]
    yield Clause("set_column", table, column.name, column, lenient)
    yield from _extras(parts, table, lenient=lenient)


def _change(item: Reader, table: str) -> Iterator[Clause]:
    item.take("COLUMN")
    lenient = item.take("IF", "EXISTS")
    name = item.name()
    _placed(item)
    parts = _defined(item, table)
    column = parts.columns[0]
    if column.name != name:
        yield Clause("rename_column", table, name, column.name, lenient)
    yield Clause("set_column", table, column.name, column, lenient)
    yield from _extras(parts, table, lenient=lenient)


_VERBS: dict[str, Callable[[Reader, str], Iterator[Clause]]] = {
    "ADD": _add,
    "DROP": _drop,
    "RENAME": _rename,
    "ALTER": _alter,
    "MODIFY": _modify,
    "CHANGE": _change,
}
