"""Ledger and quarantine: what became of everything received."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import QuarantineRow
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.service.access.masking import MASK, masked_reason
from datawatch_lab.service.answers import (
    Counts,
    Fixed,
    LedgerAnswer,
    QuarantineAnswer,
    QuarantineItem,
    ReplayAnswer,
)
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation


@operation("GET", f"{API}/ledger")
def ledger(engine: Engine, ask: Nothing) -> LedgerAnswer:
    """The four counts in total, by table and by source; they always add up to what was received."""
    del ask
    cells = engine.store.ledger()
    total = sum(cells.values(), LedgerCounts())
    return LedgerAnswer(
        total.received,
        total.applied,
        total.duplicate,
        total.late,
        total.quarantined,
        _by((table, counts) for (_, table), counts in cells.items()),
        _by((source, counts) for (source, _), counts in cells.items()),
    )


def _by(cells: Iterable[tuple[str, LedgerCounts]]) -> dict[str, Counts]:
    sums: dict[str, LedgerCounts] = {}
    for name, counts in cells:
        sums[name] = sums.get(name, LedgerCounts()) + counts
    return {
        name: Counts(c.received, c.applied, c.duplicate, c.late, c.quarantined)
        for name, c in sorted(sums.items())
        if c != LedgerCounts()
    }


class QuarantineAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows.

    Attributes:
        limit: at most this many.
        state: ``waiting`` or ``replayed``.
    """

    limit: int = 100
    state: str = "waiting"


@operation("GET", f"{API}/quarantine")
def quarantine(engine: Engine, ask: QuarantineAsk) -> QuarantineAnswer:
    """Events that were set aside, oldest first, with line, reason and, for editors, their bytes."""
    if ask.limit < 1:
        raise InputError(f"limit is {ask.limit}; it must be at least 1.")
    if ask.state not in ("waiting", "replayed"):
        raise InputError(f"no state {ask.state!r}. States: waiting, replayed.")
    rows = engine.store.quarantine(limit=ask.limit, state=ask.state)
    return QuarantineAnswer([_item(row) for row in rows], engine.quarantined(ask.state))


def _item(row: QuarantineRow) -> QuarantineItem:
    """A row as it may be shown: its bytes may hold any field, so a viewer sees none of them."""
    shows = current_who().sees_sensitive
    return QuarantineItem(
        id=row.id,
        source=row.source,
        table=row.table,
        kind=row.kind,
        reason=row.reason if shows else masked_reason(row.reason),
        line=row.line,
        offset=row.offset,
        raw=row.raw.decode("utf-8", "backslashreplace") if shows else MASK,
        received=iso(row.received) or "",
        state=row.state,
    )


class ReplayAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows to try again, and how they were corrected.

    Attributes:
        ids: rows to try as they are; with no ``ids`` and no ``fixed``, all that wait.
        fixed: corrected events.
    """

    ids: list[int] = []
    fixed: list[Fixed] = []


@operation("POST", f"{API}/quarantine/replay", role="editor")
def replay(engine: Engine, ask: ReplayAsk) -> ReplayAnswer:
    """Take quarantined events in again, corrected or as they are."""
    corrected = {each.id: _corrected(each) for each in ask.fixed}
    result = engine.replay(tuple(ask.ids), corrected)
    return ReplayAnswer(
        tried=result.tried,
        applied=result.applied,
        duplicate=result.duplicate,
        remaining=engine.quarantined("waiting"),
        failed=[
            msgspec.structs.replace(_item(row), reason=reason) for row, reason in result.failed
        ],
    )


def _corrected(fixed: Fixed) -> bytes:
    if fixed.event is not None:
        return msgspec.json.encode(fixed.event)
    if fixed.raw is not None:
        return fixed.raw.encode()
    raise InputError(f"row {fixed.id}: give its corrected text as 'raw' or it as 'event'.")
