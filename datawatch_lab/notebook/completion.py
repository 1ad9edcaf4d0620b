"""What may stand at the cursor in a cell of SQL: schemas, tables, metrics, columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datawatch_lab.notebook.objects import Lab

OPTIONS = ("--polars", "--limit", "--unmasked")
"""Options of the line ``%%datawatch``."""

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
_NAMED = re.compile(
    r'\b(?:from|join|pivot|unpivot|table|,)\s+(?:(live|changes|metrics)\.)?("[^"]+"|\w+)'
    r"(?:\s+(?:as\s+)?(?!on\b|using\b|where\b|group\b|order\b|join\b|select\b|limit\b)(\w+))?",
    re.IGNORECASE,
)


def suggest(before: str, whole: str, lab: Lab) -> tuple[str, list[str]]:
    """The fragment at the cursor and what may stand in its place, best first.

    Args:
        before: text of the cell up to the cursor, without its first line.
        whole: all of it; columns come from the tables that it names, after the cursor too.
        lab: the workspace; it is asked once for its names, which it keeps for a while.
    """
    found = _FRAGMENT.search(before)
    fragment = found[0] if found else ""
    head, dot, _ = fragment.rpartition(".")
    if dot:
        words: Iterable[str] = (f"{head}.{each}" for each in _below(head, whole, lab))
    elif _wants_table(before):
        words = (*(f"{each}." for each in _SCHEMAS), *map(quoted, lab.tables))
    else:
        words = (*_columns(whole, lab), *(f"{each}." for each in _SCHEMAS))
    low = fragment.casefold()
    kept = [each for each in words if each.casefold().startswith(low)]
    return fragment, list(dict.fromkeys(kept))


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


def _below(head: str, whole: str, lab: Lab) -> Iterator[str]:
    """What may follow ``head.``: names of a schema, or columns of a table."""
    low = head.casefold()
    if low == "metrics":
        yield from map(quoted, lab.metrics)
    elif low in ("live", "changes"):
        yield from map(quoted, lab.tables)
    else:
        for schema, name, alias in _named(whole):
            if low in (alias.casefold(), name.casefold(), f"{schema}.{name}".casefold()):
                yield from _columns_of(schema, name, lab)


def _columns(whole: str, lab: Lab) -> Iterator[str]:
    """Columns of all tables that a text names."""
    for schema, name, _ in _named(whole):
        yield from _columns_of(schema, name, lab)


def _named(whole: str) -> Iterator[tuple[str, str, str]]:
    """Schema, name and alias of what stands after FROM and the like."""
    for schema, name, alias in _NAMED.findall(whole):
        bare = name.strip('"')
        yield (schema.casefold() or "live", bare, alias or bare)


def _columns_of(schema: str, name: str, lab: Lab) -> Iterator[str]:
    if schema == "metrics":
        metric = lab.metrics.get(name)
        if metric is not None:
            yield from ("time", *map(quoted, metric.labels), "value")
        return
    table = lab.tables.get(name)
    if table is not None:
        yield from map(quoted, table.columns)
        if schema == "changes":
            yield from _META
