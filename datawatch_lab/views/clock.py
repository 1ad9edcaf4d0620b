"""Times as the clocks of the workspace's zone show them, in all that one thread makes at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MOMENT = re.compile(r"\b((?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?) UTC(?![+−\w])")
_zone: ContextVar[ZoneInfo | None] = ContextVar("datawatch_zone", default=None)


@contextmanager
def clocks_of(zone: str) -> Iterator[None]:
    """Tell times by the clocks of a zone within a block; by UTC outside of all blocks.

    Args:
        zone: IANA name.
    """
    before = _zone.set(ZoneInfo(zone))
    try:
        yield
    finally:
        _zone.reset(before)


def local(at: datetime) -> datetime:
    """A moment as the clocks of the zone show it.

    >>> with clocks_of("Asia/Kolkata"):
    ...     print(local(datetime(2026, 1, 1, 12, tzinfo=UTC)))
    2026-01-01 17:30:00+05:30
    """
    return at.astimezone(_zone.get() or UTC)


def local_ms(at: float) -> datetime:
    """The same of milliseconds since 1970 UTC."""
    return datetime.fromtimestamp(at / 1e3, _zone.get() or UTC)


def told(sentence: str) -> str:
    """A sentence that was made elsewhere, with its moments of UTC as the clocks of the zone show.

    >>> with clocks_of("Europe/Berlin"):
    ...     print(told("was 0 in the minute from 2026-11-22 23:59 UTC, nothing"))
    was 0 in the minute from 2026-11-23 00:59 UTC+1, nothing

    A time of day alone is one of today.
    """
    return _MOMENT.sub(_moved, sentence)


def _moved(found: re.Match[str]) -> str:
    day, _, clock = found[1].rpartition(" ")
    try:
        at = datetime.fromisoformat(f"{day or datetime.now(UTC).date()} {clock}")
    except ValueError:  # it only looks like one
        return found[0]
    at = at.replace(tzinfo=UTC)
    form = "%H:%M:%S" if clock.count(":") > 1 else "%H:%M"
    return f"{local(at):{'%Y-%m-%d ' if day else ''}{form}} {zone_word(at)}"


def zone_word(at: datetime) -> str:
    """The zone as it stands beside a time: UTC, or how far its clocks are ahead of it then.

    >>> with clocks_of("America/St_Johns"):
    ...     print(zone_word(datetime(2026, 1, 1, tzinfo=UTC)))
    UTC−3:30
    """
    ahead = local(at).utcoffset() or timedelta(0)
    if not ahead:
        return "UTC"
    minutes = round(abs(ahead) / timedelta(minutes=1))
    rest = f":{minutes % 60:02}" if minutes % 60 else ""
    return f"UTC{'−' if ahead < timedelta(0) else '+'}{minutes // 60}{rest}"
