"""One picture of a workspace over a range: computed once, shown to all who look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from datawatch_lab.core.durations import format_duration
from datawatch_lab.service.answers import (
    LedgerAnswer,
    QueryAnswer,
    StatusAnswer,
    TableAnswer,
)
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.choose import OverviewSpec
from datawatch_lab.views.format import parse_iso
from datawatch_lab.views.ranges import Window

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Points of one line or one set of bars.

    Attributes:
        times: start of each bucket, ms since 1970 UTC.
        values: NaN where nothing is known.
        step: width of a bucket, ms.
        open: place of the bucket that is not over yet, or None.
    """

    times: Floats
    values: Floats
    step: float
    open: int | None = None


EMPTY = Series(np.empty(0), np.empty(0), 60_000.0)


@dataclass(frozen=True)
class Figure:
    """A value over the range, and over the period before."""

    now: float | None
    before: float | None = None


@dataclass(frozen=True)
class Data:
    """The numbers of a page.

    Attributes:
        figures: by name: ``created`` (per minute), ``amount``, ``events``, ``lag`` (seconds).
        series: by name: ``created``, ``amount``, ``events``, ``lag_p50``, ``lag_p95``.
        statuses: rows now by status, largest first.
        currency: code, only when all amounts of the range have the same; "mixed" when they differ.
    """

    window: Window
    spec: OverviewSpec
    figures: Mapping[str, Figure] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    statuses: tuple[tuple[str, float], ...] = ()
    currency: str = ""

    @property
    def has_lag(self) -> bool:
        """Whether any lag is known in the range."""
        return bool(np.isfinite(self.series.get("lag_p95", EMPTY).values).any())


@dataclass(frozen=True)
class Snapshot:
    """What a page shows.

    Attributes:
        serial: grows with each snapshot of a feed.
        key: of the range.
        now: when it was made.
        state: that of the workspace, or ``missing`` (no workspace), ``locked`` (another process has
            it), ``lost`` (it answered before and does not now).
        message: the state in words.
        name: of the workspace, for people.
        window: what the axes span; `Data.window` is what the numbers were asked for.
        fresh: False when the numbers could not be brought up to date.
    """

    serial: int
    key: str
    now: datetime
    state: str
    message: str
    name: str = ""
    status: StatusAnswer | None = None
    window: Window | None = None
    data: Data | None = None
    tables: tuple[TableAnswer, ...] = ()
    ledger: LedgerAnswer | None = None
    fresh: bool = True

    @property
    def timezone(self) -> str:
        """In which times are told."""
        return self.status.timezone if self.status else "UTC"


def silent_since(status: StatusAnswer | None) -> datetime | None:
    """When the last event was received, while the workspace is silent; None otherwise."""
    if status is None or status.status != "silent":
        return None
    heard = [parse_iso(each.last_received) for each in status.sources]
    return max((each for each in heard if each), default=None)


def read_data(
    workspace: Workspace,
    spec: OverviewSpec,
    window: Window,
    silent: datetime | None,
    earlier: Data | None = None,
) -> Data:
    """Ask for the numbers of a page.

    Args:
        workspace: asked.
        spec: what the page shows.
        window: over which time.
        silent: since when nothing has come; lines end there instead of going on at 0.
        earlier: numbers of the same bucket of time: what hardly changes is taken from them.
    """
    series: dict[str, Series] = {}
    figures: dict[str, Figure] = {}
    asked = (
        ("created", spec.created, None, window.line),
        ("amount", spec.amount, "sum", window.bars),
        ("events", spec.events, "sum", window.line),
        ("lag_p50", spec.lag, "p50", window.line),
        ("lag_p95", spec.lag, "p95", window.line),
    )
    for name, metric, aggregation, step in asked:
        if metric is None:
            continue
        series[name] = _points(workspace, metric, aggregation, step, window, silent)
        if name != "lag_p50":
            short = name.removesuffix("_p95")
            figures[short] = _figure(
                workspace,
                metric,
                aggregation,
                window,
                earlier.figures.get(short) if earlier else None,
            )
    return Data(
        window,
        spec,
        figures,
        series,
        _statuses(workspace, spec, window),
        earlier.currency if earlier else _currency(workspace, spec, window),
    )


def _points(
    workspace: Workspace,
    metric: str,
    aggregation: str | None,
    step: timedelta,
    window: Window,
    silent: datetime | None,
) -> Series:
    answer = workspace.range(
        metric,
        start=iso(window.start),
        end=iso(window.end),
        aggregation=aggregation,
        step=format_duration(step),
    )
    return series_of(answer, silent)


def series_of(answer: QueryAnswer, silent: datetime | None = None) -> Series:
    """The first series of an answer as arrays."""
    if not answer.series or answer.step is None:
        return EMPTY
    points = answer.series[0].points
    times = np.array([at.removesuffix("Z") for at, _ in points], dtype="datetime64[ms]")
    starts = times.astype(np.float64)
    values = np.array([np.nan if value is None else value for _, value in points], dtype=np.float64)
    last = None if answer.open is None else len(points) - 1
    if silent is not None:
        heard = starts <= silent.timestamp() * 1e3
        values[~heard] = np.nan
        # The bucket in which the source fell silent is as unfinished as an open one.
        last = int(heard.sum()) - 1 if heard.any() else None
    step = starts[1] - starts[0] if len(starts) > 1 else 60_000.0
    return Series(starts, values, float(step), last)


def _figure(
    workspace: Workspace,
    metric: str,
    aggregation: str | None,
    window: Window,
    earlier: Figure | None,
) -> Figure:
    now = _value(workspace, metric, aggregation, window.start, window.end)
    if window.before is None:
        return Figure(now)
    if earlier is not None:
        return Figure(now, earlier.before)
    return Figure(now, _value(workspace, metric, aggregation, window.before, window.start))


def _value(
    workspace: Workspace, metric: str, aggregation: str | None, start: datetime, end: datetime
) -> float | None:
    answer = workspace.query(metric, start=iso(start), end=iso(end), aggregation=aggregation)
    return answer.series[0].points[0][1] if answer.series and answer.series[0].points else None


def _statuses(
    workspace: Workspace, spec: OverviewSpec, window: Window
) -> tuple[tuple[str, float], ...]:
    if spec.by_status is None:
        return ()
    answer = workspace.query(
        spec.by_status, start=iso(window.end - timedelta(seconds=1)), end=iso(window.end)
    )
    rows = [
        (each.labels.get(spec.status_field, ""), each.points[0][1])
        for each in answer.series
        if each.points
    ]
    # A state that no row is in any more says nothing about now.
    return tuple(
        sorted(((name, value) for name, value in rows if value), key=lambda row: (-row[1], row[0]))
    )


def _currency(workspace: Workspace, spec: OverviewSpec, window: Window) -> str:
    if spec.amount is None or spec.currency_label is None:
        return ""
    answer = workspace.query(
        spec.amount,
        start=iso(window.start),
        end=iso(window.end),
        aggregation="count",
        group_by=spec.currency_label,
    )
    present = {
        each.labels.get(spec.currency_label, "")
        for each in answer.series
        if each.points and each.points[0][1]
    }
    return next(iter(present)) if len(present) == 1 else "mixed" if present else ""
