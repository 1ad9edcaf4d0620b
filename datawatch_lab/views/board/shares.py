"""Values by label: what slices, bars, lists and countries are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from datawatch_lab.core.dashboards import Tile, TileQuery
from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.views.board.values import (
    NUMBERS,
    Value,
    finite,
    name_of,
    title_of,
    told_apart,
)
from datawatch_lab.views.board.view import View

_ADDITIVE = ("sum", "count", "rate")
"""Aggregations whose values of parts add up to that of the whole."""


@dataclass(frozen=True)
class Shares:
    """Values by the label that they are of, largest first.

    Attributes:
        label: name of the label, for filters by a click; '' where there is not one.
        more: values beyond these.
        rest: their sum; None where values do not add up to a whole, as averages and what is
            negative.
        additive: a sum of them is one of something.
        keys: the label's values of the rows, which names are told apart from; () for no label.
        before: values of the time that they are compared with; () for no comparison.
        previous: what that time is called.
    """

    rows: tuple[tuple[str, Value], ...]
    label: str = ""
    unit: str = ""
    more: int = 0
    rest: float | None = 0.0
    additive: bool = True
    keys: tuple[str, ...] = ()
    before: tuple[Value, ...] = ()
    previous: str = ""

    @property
    def picks(self) -> tuple[str, ...] | None:
        """What a click on each row filters by; None where that is its name."""
        is_other = self.keys != tuple(each for each, _ in self.rows)
        return self.keys if self.keys and is_other else None


def shares_of(view: View, tile: Tile, limit: int, *, smallest: bool = False) -> Shares:
    """Values by label of a tile's first query, with those of the time it is compared with."""
    query = tile.all_queries[0]
    if not query.metric:
        rows = [
            (name, name, value) for name, value in _rows_by_name(view.rows(query, tile, 10_000))
        ]
        return _cut(rows, limit, smallest=smallest)
    compare, previous = view.comparison(query.compare, tile)
    answer = view.value(query, tile, compare=compare)
    rows = [_row(each.labels, query, each.points[0][1]) for each in answer.series if each.points]
    label = query.by[0] if len(query.by) == 1 else ""
    found = _cut(rows, limit, smallest=smallest, additive=answer.aggregation in _ADDITIVE)
    found = replace(found, label=label, unit=answer.unit, keys=found.keys if label else ())
    comparison = getattr(answer, "comparison", None)
    if not comparison:
        return found
    then = {
        name: value
        for name, _, value in (
            _row(each.labels, query, each.points[0][1]) for each in comparison.series if each.points
        )
    }
    before = tuple(then.get(name) for name, _ in found.rows)
    return replace(found, before=before, previous=previous)


def _row(labels: Any, query: TileQuery, value: Any) -> tuple[str, str, Value]:
    """The name, the key and the value of a series."""
    values = list(labels.values())
    return name_of(values, "" if values else title_of(query)), "".join(values[:1]), finite(value)


def _cut(
    rows: Sequence[tuple[str, str, Value]], limit: int, *, smallest: bool, additive: bool = True
) -> Shares:
    """The first rows, largest or smallest first, and what is beyond them where it adds up."""
    known = [(name, key, value) for name, key, value in rows if value is not None]
    sign = 1 if smallest else -1
    known.sort(key=lambda row: (sign * row[2], row[0]))
    adds_up = additive and all(value >= 0 for _, _, value in known)
    names = told_apart(name for name, _, _ in known[:limit])
    return Shares(
        tuple((name, row[2]) for name, row in zip(names, known, strict=False)),
        more=max(0, len(known) - limit),
        rest=sum(value for _, _, value in known[limit:]) if adds_up else None,
        additive=additive,
        keys=tuple(key for _, key, _ in known[:limit]),
    )


def _rows_by_name(answer: SqlAnswer) -> list[tuple[str, Value]]:
    kinds = [each.type for each in answer.columns]
    number = next((at for at, kind in enumerate(kinds) if kind in NUMBERS), None)
    name = next((at for at, _ in enumerate(kinds) if at != number), None)
    if number is None:
        return []
    return [
        (str(row[name]) if name is not None else answer.columns[number].name, finite(row[number]))
        for row in answer.rows
    ]
