"""Time ranges as notebook users say them: ``last="1h"``, or a start and an end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.handle import Workspace

Moment = str | datetime | None


def asked_range(
    workspace: Workspace, last: str | timedelta | None, start: Moment, end: Moment
) -> dict[str, str | None]:
    """``start`` and ``end`` of a question.

    Args:
        workspace: says where history ends.
        last: a duration before now, or before the end of the data when that is history.
        start: ISO 8601, relative, or a datetime.
        end: the same; now without one.

    Returns:
        Texts, or None for both: then the engine takes a range that suits the data.

    Raises:
        InputError: both ``last`` and ``start`` are given.
    """
    if last is None:
        return {"start": _text(start), "end": _text(end)}
    if start is not None:
        raise InputError("give either last= or start=, not both.")
    span = parse_duration(last)
    if end is None:
        status = workspace.status()
        if status.status == "history" and status.last_event is not None:
            newest = datetime.fromisoformat(status.last_event) + timedelta(seconds=1)
            return {"start": iso(newest - span), "end": iso(newest)}
        return {"start": f"-{span.total_seconds():f}s", "end": "now"}
    if isinstance(end, str):
        end = datetime.fromisoformat(end)
    return {"start": _text(end - span), "end": _text(end)}


def _text(moment: Moment) -> str | None:
    return moment if moment is None or isinstance(moment, str) else iso(moment)


def question(
    workspace: Workspace,
    *,
    last: str | timedelta | None,
    start: Moment,
    end: Moment,
    aggregation: str | None,
    by: str | None,
    where: dict[str, str] | None,
) -> dict[str, Any]:
    """The arguments of `Workspace.query` and `Workspace.range`."""
    filters = ",".join(f"{label}={value}" for label, value in (where or {}).items())
    return {
        **asked_range(workspace, last, start, end),
        "aggregation": aggregation,
        "group_by": by,
        "filters": filters or None,
    }
