"""Late data and retention: corrected values, how far tables are closed, what is still kept."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.sizes import format_size
from datawatch_lab.core.values import Aggregation
from datawatch_lab.engine import Engine, corrected
from datawatch_lab.engine.retention import kept_by_level
from datawatch_lab.service.access.masking import hidden_labels, masked_labels
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation


class CorrectionItem(msgspec.Struct, frozen=True):
    """A closed bucket that changed after all.

    Attributes:
        time: start of the bucket, ISO 8601.
        labels: of the series.
        first: its value before the first correction; None for nothing.
        value: its value now.
        rows: rows that corrected it.
        corrected_at, last_corrected_at: when it was first and last corrected.
    """

    time: str
    labels: dict[str, str]
    first: float | None
    value: float | None
    rows: int
    corrected_at: str
    last_corrected_at: str


class CorrectionsAnswer(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Corrected buckets of a metric in order of time, over the range that was asked for."""

    metric: str
    aggregation: str
    start: str
    end: str
    step: str
    unit: str
    points: list[CorrectionItem]


class CorrectionsAsk(
    msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}
):
    """Which corrections.

    Attributes:
        name: of the metric.
        start, end: ``from`` and ``to``, as in a query.
        step: 1m, 5m, 1h or 1d.
        aggregation: as in a query.
        group_by: a label; one series per value.
    """

    name: str
    start: str | None = None
    end: str | None = None
    step: str = "1m"
    aggregation: str | None = None
    group_by: str | None = None


@operation("GET", f"{API}/metrics/{{name}}/corrections")
def corrections(engine: Engine, ask: CorrectionsAsk) -> CorrectionsAnswer:
    """Closed buckets that late events changed: the value they had first and the value now."""
    hidden = hidden_labels(engine, ask.name)
    found = corrected.corrected(
        engine,
        ask.name,
        start=ask.start,
        end=ask.end,
        step=ask.step,
        aggregation=_aggregation(ask.aggregation),
        group_by=tuple(filter(None, (ask.group_by or "").split(","))),
    )
    points = [
        CorrectionItem(
            iso(each.time) or "",
            masked_labels(each.labels, hidden),
            each.first,
            each.value,
            each.rows,
            iso(each.corrected_at) or "",
            iso(each.last_corrected_at) or "",
        )
        for each in found.points
    ]
    return CorrectionsAnswer(
        ask.name,
        found.aggregation,
        iso(found.start) or "",
        iso(found.end) or "",
        found.step,
        found.unit,
        points,
    )


def _aggregation(name: str | None) -> Aggregation | None:
    if name is None:
        return None
    try:
        return Aggregation(name.lower())
    except ValueError:
        options = ", ".join(each.value for each in Aggregation)
        raise InputError(f"no aggregation {name!r}. Aggregations: {options}.") from None


class WatermarkItem(msgspec.Struct, frozen=True):
    """How far a source is with a table.

    Attributes:
        source: its name; a back-fill stands under a name of its own.
        table: workspace name; '' for marks of transactions.
        watermark: newest event time, ISO 8601.
        closed_until: minutes of the table that start before this are closed; None for none yet.
        lag_seconds: how far the watermark is behind the clock.
        backfill: a back-fill holds nothing back and closes nothing.
    """

    source: str
    table: str
    watermark: str
    closed_until: str | None
    lag_seconds: float
    backfill: bool


@operation("GET", f"{API}/watermarks")
def watermarks(engine: Engine, ask: Nothing) -> list[WatermarkItem]:
    """How far each source is with each table, and until when the table's minutes are closed."""
    del ask
    now = engine.clock.now()
    return [
        WatermarkItem(
            each.source,
            each.table,
            iso(each.watermark) or "",
            iso(each.closed_until),
            (now - each.watermark).total_seconds(),
            each.backfill,
        )
        for each in corrected.watermarks(engine)
    ]


class RetentionAnswer(msgspec.Struct, frozen=True):
    """What is kept, and since when there is something.

    Attributes:
        levels: how long each level is kept, counted from the newest event of a table.
        sketches: how long minutes keep their sketches.
        raw, raw_size: how long raw changes are kept from receipt, and how many bytes.
        archive: folder that takes what is dropped, or None.
        log_since: receipt of the oldest change in the log: time travel and back-fill are possible
            from here on; None while the log is empty.
        log_event: time of that change.
    """

    levels: dict[str, str]
    sketches: str
    raw: str
    raw_size: str
    archive: str | None
    log_since: str | None
    log_event: str | None


@operation("GET", f"{API}/retention")
def retention(engine: Engine, ask: Nothing) -> RetentionAnswer:
    """How long what is kept, and from when on time travel and back-fill are possible."""
    del ask
    settings = engine.settings
    since = engine.store.retention.log_since()
    return RetentionAnswer(
        {level: format_duration(span) for level, span in kept_by_level(settings).items()},
        format_duration(settings.sketches_kept),
        format_duration(settings.raw_kept),
        format_size(settings.raw_bytes),
        settings.archive or None,
        iso(since[0]) if since else None,
        iso(since[1]) if since else None,
    )
