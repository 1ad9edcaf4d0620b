"""What is marked on charts and badged on tiles: anomalies, alerts, schema changes, notes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from datawatch_lab.core.dashboards import Tile
from datawatch_lab.views.board.message import Badge
from datawatch_lab.views.board.values import Points, finite, millis
from datawatch_lab.views.board.view import View
from datawatch_lab.views.clock import told

_MOST = 40


class Mark(msgspec.Struct, frozen=True):
    """A moment or a span on a chart.

    Attributes:
        at, until: ms since 1970 UTC; ``until`` is None for a moment.
        kind: anomaly, alert, schema or note.
        text: what happened.
        value: of an anomaly; the mark is drawn at it where the chart shows that metric.
    """

    at: int
    until: int | None
    kind: str
    text: str
    value: float | None = None


def marks_of(view: View, tile: Tile) -> list[Mark]:
    """What happened to the metrics and tables of a tile while it looks, oldest first."""
    layers = view.dashboard.annotations
    metrics = {each.metric for each in tile.all_queries if each.metric}
    found = [view.table_of(each) for each in tile.all_queries]
    tables = {each.name for each in found if each is not None}
    marks: list[Mark] = []
    if "anomalies" in layers:
        marks += [_anomaly(each) for each in _anomalies(view, metrics)]
    if "alerts" in layers:
        alerts = (each for each in view.happened.alerts if each.metric in metrics and each.fired)
        marks += [_alert(each) for each in alerts]
    if "schema" in layers:
        changes = (each for each in view.happened.schema if each.table in tables and each.at)
        marks += [Mark(millis(each.at), None, "schema", each.title) for each in changes]
    if "notes" in layers:
        marks += [
            Mark(_ms(each.at), _ms(each.until) if each.until else None, "note", each.text)
            for each in view.notes(tile)
        ]
    where = view.window(tile)
    start, end = _ms(where.start), _ms(where.end)
    inside = [each for each in marks if each.at <= end and (each.until or each.at) >= start]
    return sorted(inside, key=lambda each: each.at)[-_MOST:]


def badge_of(view: View, tile: Tile) -> Badge | None:
    """The anomalies that go on in a tile's metrics, one an incident; None for none."""
    metrics = {each.metric for each in tile.all_queries if each.metric}
    active = [each for each in _anomalies(view, metrics) if each.active]
    if not active:
        return None
    count = len({each.incident or each.id for each in active})
    what = "anomaly" if count == 1 else "anomalies"
    return Badge(count, f"{count} {what}: {told(active[0].description)}")


def placed(marks: list[Mark], points: Points) -> list[Mark]:
    """Marks of anomalies on the line, where it is one line; else they stand at the top."""
    if len(points.lines) == 1:
        return marks
    return [msgspec.structs.replace(each, value=None) for each in marks]


def _anomalies(view: View, metrics: set[str]) -> list[Any]:
    return [
        each
        for each in view.happened.anomalies
        if each.metric_name in metrics and not each.withdrawn and not each.past
    ]


def _anomaly(found: Any) -> Mark:
    value = None if found.labels else finite(found.value)
    return Mark(millis(found.peak_at), None, "anomaly", told(found.description), value)


def _alert(found: Any) -> Mark:
    until = millis(found.resolved) if found.resolved else None
    return Mark(millis(found.fired), until, "alert", f"Alert: {found.rule}")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
