"""Rules that the data suggests, each with a reason and its pass rate on what was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from datawatch_lab.core.quality import Rule, checked
from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.quality import formats
from datawatch_lab.quality.images import Images, matches

LEAST_ROWS = 50
"""Rows that suggestions rest on, at least."""

_MOSTLY = 0.95  # of the values keep to a format or a sign before it is suggested
_RARE = 0.005  # a value that is rarer than this is not taken into a domain
_DOMAIN = 20
_FEW_ROWS_A_VALUE = 10
_UNSIGNED = ("amount", "price", "total", "cost", "fee", "quantity", "qty", "count", "stock", "age")


@dataclass(frozen=True)
class Suggestion:
    """A rule that the data suggests.

    Attributes:
        rule: what it would be.
        reason: one sentence.
        pass_rate: share of the rows looked at that pass, in [0, 1].
        rows: that were looked at.
    """

    rule: Rule
    reason: str
    pass_rate: float
    rows: int


def propose(table: TableInfo, images: Images) -> Iterator[tuple[Rule, str]]:
    """Rules and reasons for one table, from a sample of its rows; none for a small sample."""
    if len(images) < LEAST_ROWS:
        return
    for column in table.columns:
        if images.has(column.name):
            yield from _of_column(table, column, images)
    if len(table.key) == 1:
        rule = Rule(table.name, "unique", field=table.key[0])
        yield rule, f"{table.key[0]} is the key of {table.name}"
    elif table.key:
        yield Rule(table.name, "unique", fields=table.key), "together they are the key"


def _of_column(table: TableInfo, column: Column, images: Images) -> Iterator[tuple[Rule, str]]:
    name = column.name
    present, filled = int(images.present(name).sum()), int(images.filled(name).sum())
    if present < LEAST_ROWS:
        return
    share = filled / present
    if share >= _MOSTLY:
        limit = "" if share == 1 else f"{np.floor(share * 1000) / 10:g}%"
        seen = f"{share:.1%} of {present:,} rows have a value"
        yield Rule(table.name, "not_null", field=name, threshold=limit), seen
    if not filled:
        return
    if column.role is Role.NUMERIC:
        yield from _of_number(table, name, images)
    elif column.role is Role.STATUS:
        yield from _of_status(table, name, images)
    elif column.role in (Role.TEXT, Role.ID):
        yield from _of_text(table, name, images)


def _of_number(table: TableInfo, name: str, images: Images) -> Iterator[tuple[Rule, str]]:
    values, valid = images.numbers(name)
    mine = values[valid & images.filled(name)]
    if len(mine) < LEAST_ROWS:
        return
    above, least = float((mine > 0).mean()), float((mine >= 0).mean())
    named = any(word in name.lower() for word in _UNSIGNED)
    if above >= (_MOSTLY if named else 1.0):
        yield Rule(table.name, "positive", field=name), f"{above:.1%} of its values are above 0"
    elif least >= (_MOSTLY if named else 1.0):
        yield (
            Rule(table.name, "non_negative", field=name),
            f"{least:.1%} of its values are 0 or more",
        )


def _of_status(table: TableInfo, name: str, images: Images) -> Iterator[tuple[Rule, str]]:
    counts = images.texts(name).drop_nulls().value_counts(sort=True)
    rows = int(counts["count"].sum())
    if rows < _FEW_ROWS_A_VALUE * min(counts.height, _DOMAIN):
        return
    usual = counts.filter(counts["count"] >= max(_RARE * rows, 2))
    if not 1 <= usual.height <= _DOMAIN:
        return
    values = tuple(sorted(usual[name].to_list()))
    left = counts.height - usual.height
    note = f"; {left} rarer ones are left out" if left else ""
    reason = f"{len(values)} values cover {usual['count'].sum() / rows:.1%} of {rows:,} rows{note}"
    yield Rule(table.name, "in_set", field=name, values=values), reason


_FORMATS: Mapping[str, tuple[str, str]] = {
    "email_format": (formats.EMAIL, "e-mail addresses"),
    "uuid_format": (formats.UUID, "UUIDs"),
    "url_format": (formats.URL, "URLs"),
}


def _of_text(table: TableInfo, name: str, images: Images) -> Iterator[tuple[Rule, str]]:
    texts = images.texts(name).drop_nulls()
    if len(texts) < LEAST_ROWS:
        return
    for kind, (pattern, words) in _FORMATS.items():
        share = float(matches(texts, pattern).mean())
        if share >= _MOSTLY:
            yield Rule(table.name, kind, field=name), f"{share:.1%} of its values are {words}"


def likely_parents(
    table: TableInfo, tables: Mapping[str, TableInfo]
) -> Iterator[tuple[str, str, str]]:
    """(column, table, key) of columns whose name says that they point to another table's key."""
    for column in table.columns:
        bare = column.name.lower()
        if not bare.endswith("_id") or column.name in table.key[:1]:
            continue
        stem = bare.removesuffix("_id")
        for name in (stem, f"{stem}s", f"{stem}es", f"{stem.removesuffix('y')}ies"):
            parent = tables.get(name)
            if parent is not None and len(parent.key) == 1 and parent.name != table.name:
                yield column.name, parent.name, parent.key[0]
                break


def accepted(rule: Rule) -> Rule:
    """A suggestion as it is kept."""
    return checked(rule)
