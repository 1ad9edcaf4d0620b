"""Schema changes as signals: how many of a class there were in a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from datawatch_lab.core.schema_changes import SchemaChange
from datawatch_lab.core.values import Aggregation
from datawatch_lab.engine.alerting.grid import Ask, Grid, Labels, Row
from datawatch_lab.engine.schema.log import SchemaLog, names_of
from datawatch_lab.engine.schema.references import table_named
from datawatch_lab.engine.signals.base import Signal, counted, described, is_wanted, labels_of

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.values import Values
    from datawatch_lab.engine.engine import Engine

_LABELS = ("kind", "table")
_PATIENCE_SECONDS = 5.0
_SHOWN = 5


def _read(impacts: Sequence[str], values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    times: dict[Labels, list[datetime]] = {} if ask.group_by else {(): []}
    for change, has in _changes(values.engine, ask, impacts, grid.start, grid.end):
        times.setdefault(labels_of(ask, has), []).append(change.at)
    return {labels: counted(each, grid) for labels, each in times.items()}


def _changes(
    engine: Engine, ask: Ask, impacts: Sequence[str], start: datetime, end: datetime
) -> Iterator[tuple[SchemaChange, Mapping[str, Sequence[str]]]]:
    """Changes of some classes in [start, end] that pass the filters, with their labels."""
    for change in engine.beside(SchemaLog).between(start, end):
        if change.impact not in impacts:
            continue
        has = {"table": _names(engine, change), "kind": (change.step.kind.value,)}
        if is_wanted(ask, has):
            yield change, has


def _names(engine: Engine, change: SchemaChange) -> tuple[str, ...]:
    """Names of the tables that a change is about: the workspace's first, then the source's."""
    found: dict[str, None] = {}
    for name in names_of(change):
        info = table_named(engine, name)
        found |= dict.fromkeys((info.name, name) if info is not None else (name,))
    return tuple(found)


def _settle(engine: Engine) -> None:
    engine.beside(SchemaLog).wait(engine.last_seq, _PATIENCE_SECONDS)


def _words(
    impacts: Sequence[str],
    engine: Engine,
    ask: Ask,
    labels: Labels,
    start: datetime,
    end: datetime,
) -> str:
    narrowed = Ask(ask.metric, "", (*ask.filters, *labels), ask.group_by)
    found = [
        change for change, _ in _changes(engine, narrowed, impacts, start, end) if change.at < end
    ]
    said = [
        f"{'.'.join(filter(None, (each.step.table, each.step.name)))} "
        f"{each.step.kind.value} ({each.impact}: {each.reason})"
        for each in found[:_SHOWN]
    ]
    more = len(found) - _SHOWN
    return "; ".join([*said, *([f"and {more} more"] if more > 0 else [])])


def _signal(name: str, impacts: Sequence[str], description: str) -> Signal:
    return Signal(
        described(f"schema.{name}", "1", _LABELS, description, Aggregation.SUM),
        partial(_read, impacts),
        settle=_settle,
        words=partial(_words, impacts),
        absent=0.0,
    )


SIGNALS = (
    _signal("changes", ("breaking", "risky", "safe"), "Changes of schemas."),
    _signal("breaking", ("breaking",), "Changes that break what reads a table."),
    _signal("risky", ("breaking", "risky"), "Changes that break what reads a table, or may."),
)
