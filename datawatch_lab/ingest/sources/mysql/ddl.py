"""What a statement of DDL is about: its tables, and whether it altered rows without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from datawatch_lab.ingest.sources.mysql.catalogue import TableName

Act = Literal["create", "alter", "drop", "truncate", "rename", "database"]

_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_TABLE = rf"{_NAME}(?:\s*\.\s*{_NAME})?"
_QUOTED = r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\""
_COMMENT = re.compile(rf"({_QUOTED})|/\*M?!\d*(.*?)\*/|/\*.*?\*/|(?:--[ \t]|#)[^\n]*", re.DOTALL)
"""Quoted text, which stays; what only some versions run, of which the inside stays; comments."""
_KINDS_OF_INDEX = r"(?:UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?"
_INDEX = rf"(?:CREATE|DROP)\s+(?:OR\s+REPLACE\s+)?{_KINDS_OF_INDEX}INDEX"
_FORMS: tuple[tuple[Act, str, str], ...] = (
    ("create", r"CREATE(?:\s+OR\s+REPLACE)?\s+TABLE(?:\s+IF\s+NOT\s+EXISTS)?", _TABLE),
    ("alter", r"ALTER(?:\s+ONLINE)?(?:\s+IGNORE)?\s+TABLE(?:\s+IF\s+EXISTS)?", _TABLE),
    ("drop", r"DROP\s+TABLE(?:\s+IF\s+EXISTS)?", rf"{_TABLE}(?:\s*,\s*{_TABLE})*"),
    ("truncate", r"TRUNCATE(?:\s+TABLE)?", _TABLE),
    ("rename", r"RENAME\s+TABLES?(?:\s+IF\s+EXISTS)?", r".*"),
    ("database", r"DROP\s+(?:DATABASE|SCHEMA)(?:\s+IF\s+EXISTS)?", _NAME),
    ("alter", rf"{_INDEX}(?:\s+IF\s+(?:NOT\s+)?EXISTS)?\s+{_NAME}\s+ON", _TABLE),
)
_HEADS = tuple(
    (act, re.compile(rf"\s*{head}\s+({rest})", re.IGNORECASE | re.DOTALL))
    for act, head, rest in _FORMS
)
_PAIR = re.compile(rf"({_TABLE})\s+TO\s+({_TABLE})", re.IGNORECASE)
_RENAMED = re.compile(rf"\bRENAME\s+(?:TO\s+|AS\s+)?({_TABLE})\s*(?:,|$)", re.IGNORECASE)
_SILENT = re.compile(
    r"\b(?:ADD\s+COLUMN|CHANGE|MODIFY|DROP\s+COLUMN|RENAME\s+COLUMN|CONVERT\s+TO|ALTER\s+COLUMN)\b"
    r"|\bADD\s+(?!\s*(?:UNIQUE|INDEX|KEY|CONSTRAINT|PRIMARY|FOREIGN|FULLTEXT|SPATIAL|CHECK|PERIOD|"
    r"SYSTEM|PARTITION)\b)|\bDROP\s+(?!\s*(?:INDEX|KEY|CONSTRAINT|PRIMARY|FOREIGN|CHECK|PERIOD|"
    r"SYSTEM)\b)|\b(?:EXCHANGE|TRUNCATE|IMPORT|DISCARD|DROP)\s+(?:PARTITION|TABLESPACE)\b",
    re.IGNORECASE,
)
_TEXT = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """A statement of DDL.

    Attributes:
        act: what it does; ``database`` drops a whole one.
        tables: that it is about.
        gone: of those, the ones that are not there any more afterwards.
        made: names that are there afterwards, and were not.
        silent: it may have altered rows of its tables without an event for each.
    """

    act: Act
    tables: tuple[TableName, ...]
    gone: tuple[TableName, ...] = ()
    made: tuple[TableName, ...] = ()
    silent: bool = False

    @property
    def word(self) -> str:
        """Its first word."""
        return "DROP" if self.act == "database" else self.act.upper()


def read(text: str, schema: str) -> Statement | None:
    """What a statement is about; None for one that is about no table.

    Args:
        text: of the statement.
        schema: the database that names without one are of.

    >>> read("ALTER TABLE `shop`.orders ADD COLUMN a int", "").silent
    True
    >>> read("alter table orders add index (a)", "shop")
    Statement(act='alter', tables=(('shop', 'orders'),), gone=(), made=(), silent=False)
    """
    plain = _COMMENT.sub(lambda found: found[1] or f" {found[2] or ''} ", text)
    plain = plain.strip().rstrip(";")
    for act, head in _HEADS:
        found = head.match(plain)
        if found is None:
            continue
        if act == "database":
            return Statement(act, ((_bare(found[1]), ""),))
        if act == "rename":
            return _renames(list(_PAIR.finditer(found[1])), schema)
        named = tuple(_split(found[1], schema))
        if act in ("drop", "create"):
            return Statement(act, named, *((named, ()) if act == "drop" else ((), named)))
        rest = _TEXT.sub("''", plain[found.end() :])
        moved = _RENAMED.search(rest) if act == "alter" else None
        if moved and moved[1].upper() not in ("COLUMN", "INDEX", "KEY"):
            return Statement("rename", named, named, tuple(_split(moved[1], schema)))
        return Statement(act, named, silent=act == "alter" and bool(_SILENT.search(rest)))
    return None


def _renames(pairs: list[re.Match[str]], schema: str) -> Statement:
    old = [name for pair in pairs for name in _split(pair[1], schema)]
    new = [name for pair in pairs for name in _split(pair[2], schema)]
    gone = tuple(name for name in old if name not in new)
    return Statement("rename", (*old, *(n for n in new if n not in old)), gone, tuple(new))


def _split(text: str, schema: str) -> Iterator[TableName]:
    for found in re.finditer(_TABLE, text):
        parts = [_bare(each) for each in re.findall(_NAME, found[0])]
        yield (parts[0], parts[1]) if len(parts) > 1 else (schema, parts[0])


def _bare(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
