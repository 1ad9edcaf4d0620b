"""Why something was flagged: the series around it, what moved with it, schema changes, rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.episodes import Bucket
from datawatch_lab.core.anomalies import Anomaly, Contributor
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.schema_changes import SchemaChange
from datawatch_lab.core.schema_words import titled
from datawatch_lab.engine.detection.slots import Slot, Slots
from datawatch_lab.engine.detection.stage import Detection
from datawatch_lab.engine.detection.values import values
from datawatch_lab.engine.detection.words import BAND
from datawatch_lab.engine.schema.log import SchemaLog, names_of
from datawatch_lab.metrics.spans import EPOCH
from datawatch_lab.store.sql import quote_identifier, quote_text

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

_BEFORE = 60
_AFTER = 10
_MOST_BUCKETS = 600
_MOST_SLOTS = 400
_MOST_TOGETHER = 5
_ALIKE = 0.6
_MOVED = 4.0
_ROWS = 5
_MOST_TEXT = 200
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Point:
    """A bucket of the series; the band is known for strange ones."""

    at: datetime
    value: float | None
    low: float | None
    high: float | None
    strange: bool


@dataclass(frozen=True)
class Explanation:
    """What explains an anomaly.

    Attributes:
        points: of the series around it.
        together: metrics that moved too, most alike first.
        schema_change: when, table and words of the nearest; None for none within a day before.
        rows: of the strangest bucket, column → text.
        sentences: the same in words.
    """

    points: list[Point]
    together: list[Contributor]
    schema_change: tuple[datetime, str, str] | None
    rows: list[dict[str, str | None]]
    sentences: list[str]


def explain(
    engine: Engine, anomaly: Anomaly, *, masked: bool, told: Anomaly | None = None
) -> Explanation:
    """Look up what explains an anomaly.

    Args:
        engine: of the workspace.
        anomaly: the one.
        masked: hide sensitive values in rows.
        told: the anomaly as it may be told in words; as it is when None.
    """
    width = timedelta(seconds=anomaly.step)
    start = anomaly.started_at - _BEFORE * width
    end = min(anomaly.until + _AFTER * width, start + _MOST_BUCKETS * width)
    slots = _slots(engine, anomaly)
    mine = next((n for n, each in enumerate(slots) if _is_of(each, anomaly)), None)
    matrix = values(engine, slots, start, end, width, first=False)
    change = _schema_change(engine, anomaly)
    together = [] if mine is None else _together(slots, matrix, mine, anomaly, start, width)
    return Explanation(
        points=[] if mine is None else _points(engine, anomaly, matrix[mine], start, width),
        together=together,
        schema_change=change,
        rows=_rows(engine, anomaly, masked=masked),
        sentences=_sentences(told or anomaly, together, change),
    )


def _is_of(slot: Slot, anomaly: Anomaly) -> bool:
    return slot.metric == anomaly.metric_name and dict(slot.labels) == anomaly.labels


def _slots(engine: Engine, anomaly: Anomaly) -> list[Slot]:
    """The series itself, and whole metrics: those of its table first."""
    slots = engine.beside(Slots)
    tables = sorted(engine.tables(), key=lambda each: each.name != anomaly.table)
    every = [slot for table in tables for slot in slots.of(table)]
    mine = [each for each in every if _is_of(each, anomaly)]
    others = [each for each in every if not each.labels and not _is_of(each, anomaly)]
    return [*mine, *others][:_MOST_SLOTS]


def _points(
    engine: Engine, anomaly: Anomaly, row: Floats, start: datetime, width: timedelta
) -> list[Point]:
    episode = engine.beside(Detection).episode(anomaly.id)
    bands = {each.start: each for each in episode.buckets} if episode else {}
    found = []
    for place, value in enumerate(row.tolist()):
        at = start + place * width
        bucket = bands.get(int((at - EPOCH).total_seconds()))
        low, high = (
            (anomaly.expected.min, anomaly.expected.max) if bucket is None else _band(bucket)
        )
        inside = anomaly.started_at <= at < anomaly.until
        strange = bucket is not None or (not bands and inside)
        found.append(
            Point(
                at,
                None if np.isnan(value) else value,
                low if strange else None,
                high if strange else None,
                strange,
            )
        )
    return found


def _band(bucket: Bucket) -> tuple[float, float]:
    return bucket.expected - BAND * bucket.sigma, bucket.expected + BAND * bucket.sigma


def _together(
    slots: Sequence[Slot],
    matrix: Floats,
    mine: int,
    anomaly: Anomaly,
    start: datetime,
    width: timedelta,
) -> list[Contributor]:
    """Whole metrics that left what was usual before at the same time, and how alike they moved."""
    peak = (anomaly.peak_at - start) // width
    if not 0 <= peak < matrix.shape[1]:
        return []
    before = np.where(np.isnan(matrix[:, :_BEFORE]), 0.0, matrix[:, :_BEFORE])
    usual = np.median(before, axis=1)
    spread = 1.4826 * np.median(np.abs(before - usual[:, None]), axis=1)
    spread = np.maximum(spread, np.maximum(0.05 * np.abs(usual), 1e-9))
    away = np.clip((np.nan_to_num(matrix) - usual[:, None]) / spread[:, None], -50.0, 50.0)
    norms = np.sqrt((away**2).sum(axis=1))
    alike = away @ away[mine] / np.maximum(norms * norms[mine], 1e-12)
    found = []
    for place in np.argsort(-np.abs(alike)).tolist():
        slot = slots[place]
        moved = np.abs(away[place, max(peak - 1, 0) : peak + 2]).max(initial=0.0) >= _MOVED
        if place == mine or slot.metric == anomaly.metric_name or abs(alike[place]) < _ALIKE:
            continue
        if moved:
            actual = matrix[place, peak]
            found.append(
                Contributor(
                    kind="metric",
                    name=slot.metric,
                    share=round(float(alike[place]), 3),
                    actual=None if np.isnan(actual) else float(actual),
                    expected=float(usual[place]),
                )
            )
    return found[:_MOST_TOGETHER]


def _schema_change(engine: Engine, anomaly: Anomaly) -> tuple[datetime, str, str] | None:
    """The newest change of its table from a day before on, before it ended."""
    if not anomaly.table:
        return None
    changes = engine.beside(SchemaLog).between(anomaly.started_at - _DAY, anomaly.until)
    mine = [each for each in changes if anomaly.table in (*names_of(each), *_short(each))]
    if not mine:
        return None
    nearest = min(mine, key=lambda each: abs(each.at - anomaly.started_at))
    return nearest.at, anomaly.table, titled(nearest.step, anomaly.table)


def _short(change: SchemaChange) -> tuple[str, ...]:
    """Names without their schema."""
    return tuple(each.rpartition(".")[2] for each in names_of(change))


def _rows(engine: Engine, anomaly: Anomaly, *, masked: bool) -> list[dict[str, str | None]]:
    """A few rows of the strangest bucket; none where there are none, or they cannot be read."""
    table = next((each for each in engine.tables() if each.name == anomaly.table), None)
    if table is None:
        return []
    begin, end = anomaly.peak_at, anomaly.peak_at + timedelta(seconds=anomaly.step)
    where = [f"_ts >= TIMESTAMPTZ '{begin.isoformat()}'", f"_ts < TIMESTAMPTZ '{end.isoformat()}'"]
    for name, value in anomaly.labels.items():
        if table.column(name) is not None:
            where.append(f"CAST({quote_identifier(name)} AS VARCHAR) = {quote_text(value)}")
    source = f"changes.{quote_identifier(table.name)}"
    text = f"SELECT * FROM {source} WHERE {' AND '.join(where)} ORDER BY _seq LIMIT {_ROWS}"  # noqa: S608 — it passes the gate, names and values are quoted
    try:
        found = engine.sql(text, limit=_ROWS, masked=masked)
    except DataWatchError as error:
        log.info("no sample rows of %s: %s", anomaly.metric_name, error)
        return []
    return [
        {name: None if value is None else str(value)[:_MOST_TEXT] for name, value in row.items()}
        for row in found.table.to_pylist()
    ]


def _sentences(
    anomaly: Anomaly,
    together: Sequence[Contributor],
    change: tuple[datetime, str, str] | None,
) -> list[str]:
    found = [anomaly.description]
    parts = [each for each in anomaly.contributors if each.kind == "label"]
    if parts:
        words = ", ".join(f"{p.name} {p.value} {p.share:.0%}" for p in parts)
        found.append(f"Of the deviation, these explain: {words}.")
    if together:
        found.append("Moved with it: " + ", ".join(each.name for each in together) + ".")
    if change is not None:
        found.append(f"Schema change at {change[0]:%Y-%m-%d %H:%M} UTC: {change[2]}.")
    if anomaly.revised:
        found.append("Late data changed one of its buckets after it was found.")
    return found
