"""The audit log: who changed what, when, and what was there before and after."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.durations import parse_time
from datawatch_lab.engine import Engine
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.audit import AuditEntry, Wanted
from datawatch_lab.service.operation import API, operation


class AuditAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Which entries.

    Attributes:
        who, operation, target, outcome: exactly these; outcomes are done, failed, started.
        start, end: ``from`` and ``to``: ISO 8601 or relative (-1h, now, today).
        before: only ids below this one, for the next page.
        limit: at most this many, newest first.
    """

    who: str = ""
    operation: str = ""
    target: str = ""
    outcome: str = ""
    start: str | None = None
    end: str | None = None
    before: int = 0
    limit: int = 100


@operation("GET", f"{API}/audit", role="admin")
def audit(engine: Engine, ask: AuditAsk) -> list[AuditEntry]:
    """Changes that were made or tried, newest first; secrets are taken out."""
    now, zone = engine.clock.now(), engine.settings.timezone
    wanted = Wanted(
        who=ask.who,
        operation=ask.operation,
        target=ask.target,
        outcome=ask.outcome,
        since=None if ask.start is None else parse_time(ask.start, now, zone),
        until=None if ask.end is None else parse_time(ask.end, now, zone),
        before=ask.before,
        limit=ask.limit,
    )
    with Access(engine.path, engine.clock) as access:
        return access.audit.entries(wanted)
