"""What may stand at the cursor in a cell of SQL: schemas, tables, metrics, columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datawatch_lab.notebook.names import Names

OPTIONS = ("--out", "--plot", "--polars", "--limit", "--unmasked")
"""Options of the line ``%%datawatch``."""

MOST = 1_000
"""Words that are offered at most; nobody reads more, and IPython shows 500."""

_SCHEMAS = ("live", "changes", "metrics")
_META = (
    *("_seq", "_event_id", "_op", "_ts", "_received", "_source", "_position", "_txid"),
    *("_tx_order", "_before"),
)
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_FRAGMENT = re.compile(r'[\w."]*$')
_AFTER_FROM = re.compile(
    r"\b(?:from|join|pivot|unpivot|describe|table)\s+(?:[^()]*,\s*)?[\w.\"]*$", re.IGNORECASE
)
_CLAUSES = re.compile(r"\b(?:select|where|group|order|having|on|using|limit)\b", re.IGNORECASE)
_COMPARED = re.compile(
    r"(?:(?P<alias>\w+)\.)?(?P<column>\"[^\"]+\"|\w+)\s*"
    r"(?:=|<>|!=|\bi?like\b|\b(?:not\s+)?in\s*\((?:\s*'[^']*'\s*,)*)\s*'(?P<text>[^'\n]*)$",
    re.IGNORECASE,
)
"""A string that is not closed yet, and the column that it is compared with."""
_NAMED = re.compile(
    r'\b(?:from|join|pivot|unpivot|table|,)\s+(?:(live|changes|metrics)\.)?("[^"]+"|\w+)'
    r"(?:\s+(?:as\s+)?(?!on\b|using\b|where\b|group\b|order\b|join\b|select\b|limit\b)(\w+))?",
    re.IGNORECASE,
)


def suggest(before: str, whole: str, names: Names) -> tuple[str, list[str]]:
    """The fragment at the cursor and what may stand in its place, best first.

    Args:
        before: text of the cell up to the cursor, without its first line.
        whole: all of it; columns come from the tables that it names, after the cursor too.
        names: of the workspace.
    """
    compared = _COMPARED.search(before)
    if compared is not None:
        return compared["text"], _values(compared, whole, names)
    found = _FRAGMENT.search(before)
    fragment = found[0] if found else ""
    head, dot, _ = fragment.rpartition(".")
    if dot:
        words: Iterable[str] = (f"{head}.{each}" for each in _below(head, whole, names))
    elif _wants_table(before):
        words = (*(f"{each}." for each in _SCHEMAS), *map(quoted, names.tables()))
    else:
        words = (*_columns(whole, names), *(f"{each}." for each in _SCHEMAS))
    return fragment, beginning(fragment, words)


def beginning(fragment: str, words: Iterable[str]) -> list[str]:
    """The words that begin with a fragment, whatever the case; `MOST` at most.

    >>> beginning("or", ["Orders", "payments", "orders"])
    ['Orders', 'orders']
    """
    low = fragment.casefold()
    kept = (each for each in words if each.casefold().startswith(low))
    return list(dict.fromkeys(islice(kept, MOST)))


def _values(compared: re.Match[str], whole: str, names: Names) -> list[str]:
    """Values of the column that the string at the cursor is compared with."""
    alias, column = compared["alias"] or "", compared["column"].strip('"')
    for schema, name, called in _named(whole):
        if schema == "metrics" or alias.casefold() not in ("", called.casefold(), name.casefold()):
            continue
        found = names.values_of_column(name, column)
        if found:
            return beginning(compared["text"], (each.replace("'", "''") for each in found))
    return []


def quoted(name: str) -> str:
    """A name as it is written in SQL.

    >>> quoted("orders"), quoted("unit price")
    ('orders', '"unit price"')
    """
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _wants_table(before: str) -> bool:
    """Whether the cursor stands where a table is named."""
    found = None
    for found in _AFTER_FROM.finditer(before):  # noqa: B007 — the last one counts
        pass
    if found is None:
        return False
    return _CLAUSES.search(found[0]) is None


def _below(head: str, whole: str, names: Names) -> Iterator[str]:
    """What may follow ``head.``: names of a schema, or columns of a table."""
    low = head.casefold()
    if low == "metrics":
        yield from map(quoted, names.metrics())
    elif low in ("live", "changes"):
        yield from map(quoted, names.tables())
    else:
        for schema, name, alias in _named(whole):
            if low in (alias.casefold(), name.casefold(), f"{schema}.{name}".casefold()):
                yield from _columns_of(schema, name, names)


def _columns(whole: str, names: Names) -> Iterator[str]:
    """Columns of all tables that a text names."""
    for schema, name, _ in _named(whole):
        yield from _columns_of(schema, name, names)


def _named(whole: str) -> Iterator[tuple[str, str, str]]:
    """Schema, name and alias of what stands after FROM and the like."""
    for schema, name, alias in _NAMED.findall(whole):
        bare = name.strip('"')
        yield (schema.casefold() or "live", bare, alias or bare)


def _columns_of(schema: str, name: str, names: Names) -> Iterator[str]:
    if schema == "metrics":
        if name in names.metrics():
            yield from ("time", *map(quoted, names.labels(name)), "value")
        return
    columns = names.columns(name)
    yield from map(quoted, columns)
    if columns and schema == "changes":
        yield from _META
