"""Whether data still comes, in words: a silent source says since when, it does not look frozen."""

from __future__ import annotations

from datetime import datetime, timedelta

from datawatch_lab.core.watching import WatchState
from datawatch_lab.service.answers import Status

_HISTORY_AGE = timedelta(hours=24)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with ``Z``; microseconds only when there are any.

    >>> from datetime import UTC
    >>> iso(datetime(2026, 1, 1, 12, 0, tzinfo=UTC))
    '2026-01-01T12:00:00Z'
    """
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def ago(span: timedelta) -> str:
    """A span as people say it, in its largest unit or two.

    >>> ago(timedelta(seconds=42)), ago(timedelta(minutes=90)), ago(timedelta(days=3, hours=2))
    ('42 s', '1 h 30 min', '3 d 2 h')
    """
    seconds = max(0, int(span.total_seconds()))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def freshness(
    last_received: datetime | None,
    last_event: datetime | None,
    now: datetime,
    stale_after: timedelta,
    others: datetime | None = None,
) -> tuple[Status, str]:
    """The status of what last arrived, and a sentence.

    A table that had nothing for a while is *quiet* as long as others still receive.

    Args:
        last_received: when something last arrived.
        last_event: newest event time.
        now: the present.
        stale_after: silence longer than this is said.
        others: when anything last arrived in the workspace.
    """
    if last_received is None or last_event is None:
        return "empty", "no data yet"
    if last_received - last_event > _HISTORY_AGE:
        return "history", f"history up to {last_event:%Y-%m-%d %H:%M} UTC"
    silence = now - last_received
    if silence > stale_after and others is not None and now - others <= stale_after:
        return "quiet", f"quiet for {ago(silence)}"
    if silence > stale_after:
        since = (
            f"{last_received:%H:%M:%S}"
            if silence < _HISTORY_AGE
            else f"{last_received:%Y-%m-%d %H:%M}"
        )
        return "silent", f"no data since {since} UTC ({ago(silence)})"
    return "live", "live"


def with_watch(
    found: tuple[Status, str], watch: WatchState | None, now: datetime
) -> tuple[Status, str]:
    """The status of a source, where it is a watched database.

    One that is connected and has nothing new is *quiet*, not silent; one that is not connected is
    silent and says why.
    """
    if watch is None or watch.state == "stopped":
        return found
    if watch.state == "streaming":
        return ("quiet", "connected, nothing new") if found[0] in ("silent", "history") else found
    if watch.state in ("failed", "reconnecting"):
        since = ago(now - datetime.fromisoformat(watch.since))
        return "silent", f"{watch.state} for {since}: {watch.message}"
    return "live", watch.message
