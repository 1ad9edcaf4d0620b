"""From the text of DDL statements to clauses: what each says, before it is compared with anything.

sqlglot splits a text into tokens and reads definitions of columns and tables; the grammar of the
statements around them is here, since it leaves much of that as text. What is not understood becomes
a clause ``unparsed``, so that nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from datawatch_lab.core.schema_changes import IndexShape, TableShape, qualified
from datawatch_lab.schema.alter import alter_table, column_names
from datawatch_lab.schema.columns import definitions, unnamed
from datawatch_lab.schema.tokens import Clause, NameTable, Reader, Unreadable, tokenized
from datawatch_lab.schema.types import Dialect


@dataclass(frozen=True)
class Statement:
    """One statement of a text and what it says; no clauses when it is no DDL."""

    text: str
    clauses: tuple[Clause, ...]


def naming(dialect: Dialect, schema: str = "", table: str = "") -> NameTable:
    """How tables are named by a statement that was told with an event of a table.

    Args:
        dialect: of MySQL, a name without a database means one of the event's.
        schema: of the event.
        table: of the event.
    """

    def name(parts: tuple[str, ...]) -> str:
        if len(parts) > 1:
            return qualified(parts[-2], parts[-1])
        if dialect == "mysql" or parts[-1] == table:
            return qualified(schema, parts[-1])
        return parts[-1]

    return name


def read_ddl(text: str, dialect: Dialect, name_table: NameTable | None = None) -> list[Statement]:
    """The statements of a text in order, each with what it says."""
    name_table = name_table or naming(dialect)
    try:
        tokens = tokenized(text, dialect)
    except Unreadable as error:
        return [Statement(text.strip(), (Clause("unparsed", facts=str(error)),))]
    whole = Reader(text, tokens, dialect, name_table)
    made = []
    start = 0
    ends = [i for i, token in enumerate(tokens) if token.kind == "word" and token.text == ";"]
    for end in [*ends, len(tokens)]:
        if end <= start - 1:
            continue
        reader = whole.part(start, end)
        if _has_body(reader):  # its semicolons are its own
            reader, end = whole.part(start, len(tokens)), len(tokens)  # noqa: PLW2901
        if not reader.ended:
            made.append(_statement(reader))
        start = end + 1
    return made


_OF_MYSQL = re.compile(
    r"`|\b(?:MODIFY|CHANGE\s+COLUMN|AUTO_INCREMENT|UNSIGNED)\b|\bENGINE\s*=|^\s*RENAME\s+TABLE\b",
    re.IGNORECASE,
)


def guess_dialect(text: str) -> Dialect:
    """The dialect that a text is in, by what only one of them has, else by which reads it.

    >>> guess_dialect("ALTER TABLE `a` ADD b int"), guess_dialect('ALTER TABLE "a" ADD b int')
    ('mysql', 'postgres')
    """
    if _OF_MYSQL.search(text):
        return "mysql"
    faults = {
        dialect: sum(
            clause.verb == "unparsed" for each in read_ddl(text, dialect) for clause in each.clauses
        )
        for dialect in _DIALECTS
    }
    return "mysql" if faults["mysql"] < faults["postgres"] else "postgres"


_DIALECTS: tuple[Dialect, ...] = ("postgres", "mysql")

_ROUTINES = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"})


def _has_body(reader: Reader) -> bool:
    if reader.dialect == "postgres" or not reader.looks("CREATE"):
        return False
    head = [reader.word_at(i) for i in range(8)]
    return any(word in _ROUTINES for word in head) and "TABLE" not in head[:3]


def _statement(reader: Reader) -> Statement:
    text = reader.rest()
    try:
        return Statement(text, tuple(_clauses(reader)))
    except Unreadable as error:
        return Statement(text, (Clause("unparsed", facts=str(error)),))
    except RecursionError:
        return Statement(text, (Clause("unparsed", facts="it is nested too deeply"),))


_FIRST_WORDS = """
SELECT INSERT UPDATE DELETE WITH GRANT REVOKE TRUNCATE BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE
SET RESET SHOW USE ANALYZE VACUUM REINDEX CLUSTER REFRESH LOCK UNLOCK FLUSH OPTIMIZE EXPLAIN COPY
NOTIFY LISTEN UNLISTEN REPLACE CALL MERGE VALUES END ABORT DECLARE FETCH PREPARE EXECUTE DEALLOCATE
DISCARD LOAD KILL CHECKPOINT DESCRIBE REPAIR CHECK XA ( REASSIGN
"""
_NO_DDL = frozenset(_FIRST_WORDS.split())
"""First words of statements that change no schema by themselves."""


def _clauses(reader: Reader) -> Iterator[Clause]:
    first = reader.word_at(0)
    if first in _NO_DDL:
        return
    verb = _VERBS.get(first)
    if verb is None:
        raise Unreadable(f"statements that begin with {reader.rest()[:20]!r} are not understood")
    reader.at = 1
    yield from verb(reader)


# ---------------------------------------------------------------------------- CREATE


def _create(reader: Reader) -> Iterator[Clause]:
    reader.take("OR", "REPLACE")
    reader.take_any("GLOBAL", "LOCAL")
    temporary = reader.take_any("TEMPORARY", "TEMP")
    reader.take_any("UNLOGGED", "FOREIGN")
    unique = reader.take("UNIQUE")
    reader.take_any("FULLTEXT", "SPATIAL")
    if reader.take("TABLE"):
        if not temporary:
            yield _create_table(reader)
    elif reader.take("INDEX"):
        yield _create_index(reader, unique=unique)
    elif reader.take("TYPE"):
        yield _create_type(reader)
    else:
        yield Clause("other", facts=f"CREATE {reader.rest()[:200]}")


def _create_table(reader: Reader) -> Clause:
    lenient = reader.take("IF", "NOT", "EXISTS")
    table = reader.table()
    if reader.take("LIKE"):
        return Clause("add_table", table, facts=reader.table(), lenient=lenient)
    if reader.take("PARTITION", "OF"):
        return Clause("other", table, facts=f"CREATE TABLE {table} PARTITION OF {reader.rest()}")
    if reader.looks("(") and reader.word_at(reader.at + 1) == "LIKE":
        inner = reader.group()
        inner.need("LIKE")
        return Clause("add_table", table, facts=inner.table(), lenient=lenient)
    if reader.looks("(") and reader.word_at(reader.at + 1) not in ("SELECT", "WITH"):
        inner = reader.group()
        if not inner.ended and not reader.looks("AS"):
            parts = definitions(inner.rest(), table, reader.dialect, reader.name_table)
            return Clause("add_table", table, facts=parts.shape(), lenient=lenient)
    return Clause("add_table", table, facts=TableShape(partial=True), lenient=lenient)


def _create_index(reader: Reader, *, unique: bool) -> Clause:
    reader.take("CONCURRENTLY")
    lenient = reader.take("IF", "NOT", "EXISTS")
    name = "" if reader.looks("ON") else reader.names()[-1]
    if reader.dialect == "mysql" and reader.take("USING"):
        reader.name()
    reader.need("ON")
    reader.take("ONLY")
    table = reader.table()
    if reader.take("USING"):
        reader.name()
    columns = column_names(reader.group())
    made = name or unnamed(table, columns, "idx", reader.dialect)
    shape = IndexShape(name=made, columns=columns, unique=unique)
    return Clause("add_index", table, made, shape, lenient)


def _create_type(reader: Reader) -> Clause:
    name = _type_name(reader)
    if not reader.take("AS", "ENUM"):
        return Clause("other", facts=f"CREATE TYPE {name} {reader.rest()[:200]}")
    values = tuple(item.string() for item in reader.group().items())
    return Clause("add_type", name=name, facts=values)


def _beside(name: str, other: str) -> str:
    """A name in the schema of another one."""
    schema = name.rpartition(".")[0]
    return qualified(schema, other) if schema else other


def _type_name(reader: Reader) -> str:
    parts = reader.names()
    return qualified(parts[-2], parts[-1]) if len(parts) > 1 else parts[-1]


# ---------------------------------------------------------------------------- DROP, RENAME, ALTER


def _drop(reader: Reader) -> Iterator[Clause]:
    if reader.take("TEMPORARY"):
        return
    reader.take("FOREIGN")
    what = reader.take_any("TABLE", "INDEX", "TYPE")
    if not what:
        yield Clause("other", facts=f"DROP {reader.rest()[:200]}")
        return
    reader.take("CONCURRENTLY")
    lenient = reader.take("IF", "EXISTS")
    for item in reader.part(reader.at, reader.end_of("CASCADE", "RESTRICT")).items():
        if what == "TABLE":
            yield Clause("drop_table", item.table(), lenient=lenient)
        elif what == "TYPE":
            yield Clause("drop_type", name=_type_name(item), lenient=lenient)
        else:
            name = item.names()[-1]
            table = item.table() if item.take("ON") else ""
            yield Clause("drop_index", table, name, lenient=lenient)


def _rename(reader: Reader) -> Iterator[Clause]:
    reader.take_any("TABLE", "TABLES")
    for item in reader.items():
        table = item.table()
        item.need("TO")
        yield Clause("rename_table", table, facts=item.table())


def _alter(reader: Reader) -> Iterator[Clause]:
    reader.take("FOREIGN")
    if reader.take("TABLE"):
        yield from alter_table(reader)
    elif reader.take("INDEX"):
        yield _alter_index(reader)
    elif reader.take("TYPE"):
        yield _alter_type(reader)
    else:
        yield Clause("other", facts=f"ALTER {reader.rest()[:200]}")


def _alter_index(reader: Reader) -> Clause:
    lenient = reader.take("IF", "EXISTS")
    name = reader.names()[-1]
    if reader.take("RENAME", "TO"):
        return Clause("rename_index", "", name, reader.name(), lenient)
    return Clause("other", facts=f"ALTER INDEX {name} {reader.rest()[:200]}")


def _alter_type(reader: Reader) -> Clause:
    name = _type_name(reader)
    if reader.take("ADD", "VALUE"):
        lenient = reader.take("IF", "NOT", "EXISTS")
        value = reader.string()
        side = reader.take_any("BEFORE", "AFTER")
        return Clause(
            "add_value", "", name, (value, side, reader.string() if side else ""), lenient
        )
    if reader.take("RENAME", "VALUE"):
        value = reader.string()
        reader.need("TO")
        return Clause("rename_value", "", name, (value, reader.string()))
    if reader.take("RENAME", "TO"):
        return Clause("rename_type", "", name, _beside(name, reader.name()))
    if reader.take("SET", "SCHEMA"):
        return Clause("rename_type", "", name, qualified(reader.name(), name.rpartition(".")[2]))
    return Clause("other", facts=f"ALTER TYPE {name} {reader.rest()[:200]}")


def _comment(reader: Reader) -> Iterator[Clause]:
    reader.need("ON")
    text = f"COMMENT ON {reader.rest()[:200]}"
    if reader.take("TABLE"):
        yield Clause("other", reader.table(), facts=text)
    elif reader.take("COLUMN"):
        yield Clause("other", reader.name_table(reader.names()[:-1]), facts=text)
    else:
        yield Clause("other", facts=text)


def _security(reader: Reader) -> Iterator[Clause]:
    yield Clause("other", facts=f"SECURITY {reader.rest()[:200]}")


_VERBS: dict[str, Callable[[Reader], Iterator[Clause]]] = {
    "CREATE": _create,
    "DROP": _drop,
    "RENAME": _rename,
    "ALTER": _alter,
    "COMMENT": _comment,
    "SECURITY": _security,
}
