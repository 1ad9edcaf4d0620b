"""The words of questions about metrics: when, split by what, only which rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.metrics import write_filters

Time = str | datetime
Span = str | float | timedelta
Where = str | Mapping[str, object]
By = str | Sequence[str]


def time_range(
    last: Span | None,
    start: Time | None,
    end: Time | None,
    newest: Callable[[], str | None] = lambda: None,
) -> tuple[str | None, str | None]:
    """``from`` and ``to`` as the service takes them; None for what the data suggests.

    Args:
        last: a duration back from ``end``, or from now, or from where history ends.
        start: ISO 8601, relative, or a datetime.
        end: the same.
        newest: where history ends; None when data comes now.

    Raises:
        InputError: both ``last`` and ``start`` say where it begins, or ``last`` is no duration.

    >>> time_range("1h", None, None)
    ('now-1h', None)
    """
    if last is None:
        return _moment(start), _moment(end)
    if start is not None:
        raise InputError(f"both last={last!r} and start={start!r} say where it begins; give one.")
    span = parse_duration(last)
    if span <= timedelta(0):
        raise InputError(f"last={last!r} is not above 0.")
    ending = newest() if end is None else None
    if ending is not None:
        until = datetime.fromisoformat(ending) + timedelta(seconds=1)
        return _moment(until - span), _moment(until)
    if end is None:
        return f"now-{format_duration(span)}", None
    if isinstance(end, datetime):
        return _moment(end - span), _moment(end)
    return _before(end, span), end


def _before(end: str, span: timedelta) -> str:
    """The moment a span before one that is given as text."""
    bare = end.strip()
    if bare[:1] in ("-", "+"):
        bare = f"now{bare}"
    if bare[:3].isalpha():
        if not bare.isalpha():
            raise InputError(f"last with end={end!r} is not clear.", hint="Give start and end.")
        return f"{bare}-{format_duration(span)}"
    try:
        return _moment(datetime.fromisoformat(bare) - span) or ""
    except ValueError:
        raise InputError(
            f"end={end!r} is not a time.", hint="Write ISO 8601, now, today, or give start and end."
        ) from None


def _moment(at: Time | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def filter_text(where: Where | None) -> str | None:
    """Filters as the service takes them.

    Raises:
        InputError: a label has a =, which none can have.

    >>> filter_text({"status": "paid", "country": "DE"})
    'status=paid,country=DE'
    """
    if where is None or isinstance(where, str):
        return where or None
    for label in where:
        if "=" in label:
            raise InputError(f"where: {label!r} is no label.")
    return write_filters(f"{label}={value}" for label, value in where.items())


def group_text(by: By | None) -> str | None:
    """Labels to group by as the service takes them.

    >>> group_text(["status", "country"])
    'status,country'
    """
    return by if by is None or isinstance(by, str) else ",".join(by) or None


def history_end(workspace: Workspace) -> str | None:
    """The newest event where a workspace holds history only; None where data comes now."""
    status = workspace.status()
    return status.last_event if status.status == "history" else None


def question(
    workspace: Workspace,
    *,
    last: Span | None = None,
    start: Time | None = None,
    end: Time | None = None,
    aggregation: str | None = None,
    by: By | None = None,
    where: Where | None = None,
    backend: str | None = None,
) -> dict[str, str | None]:
    """The parts of a question in the service's words."""
    begin, finish = time_range(last, start, end, lambda: history_end(workspace))
    return {
        **({"backend": backend} if backend else {}),
        "start": begin,
        "end": finish,
        "aggregation": aggregation,
        "group_by": group_text(by),
        "filters": filter_text(where),
    }
