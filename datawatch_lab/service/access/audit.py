"""The audit log: every change, who made it, what was there before and after; append-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from datawatch_lab.core.clock import Clock
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.who import Who
from datawatch_lab.service.access.file import AccessFile, stamp
from datawatch_lab.service.access.redaction import as_text, redacted

_MOST = 10_000
_LAST_ID = 2**63


class AuditEntry(msgspec.Struct, frozen=True):
    """A change that somebody made or tried.

    Attributes:
        at: when it began, ISO 8601.
        who, role, via: the name, what they might do, and how they came; see `core.who.Who`.
        address: of the other side; '' on this machine.
        request: id of the request, as in the server's log.
        operation: its name.
        target: what it was done to, such as ``orders/email``.
        asked: its input, without secrets.
        before, after: what was there; None for nothing.
        outcome: ``done``, ``failed``, or ``started`` when the process ended in the middle.
        reason: of a failure.
    """

    id: int
    at: str
    who: str
    role: str
    via: str
    address: str
    request: str
    operation: str
    target: str
    asked: Any
    before: Any
    after: Any
    outcome: str
    reason: str


@dataclass(frozen=True)
class Wanted:
    """Which entries.

    Attributes:
        who, operation, target, outcome: exactly these; '' for any.
        since, until: by when they began; ``until`` is excluded.
        before: only ids below this one, for the next page; 0 for the newest.
        limit: at most this many.
    """

    who: str = ""
    operation: str = ""
    target: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int = 0
    limit: int = 100


class AuditLog:
    """Writes entries and reads them back."""

    def __init__(self, file: AccessFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    @contextmanager
    def noted(
        self, who: Who, operation: str, target: str, asked: object, before: object = None
    ) -> Iterator[list[object]]:
        """Note a change that this block makes; what it puts into the list is there afterwards.

        Raises:
            WorkspaceError: it cannot be noted; then the block does not run.
        """
        id_ = self.begin(who, operation, target, asked, before)
        after: list[object] = []
        try:
            yield after
        except BaseException as error:
            self.failed(id_, f"{type(error).__name__}: {error}")
            raise
        self.done(id_, after[-1] if after else None)

    def begin(self, who: Who, operation: str, target: str, asked: object, before: object) -> int:
        """Note durably that a change begins; gives the entry's id.

        Raises:
            WorkspaceError: it cannot be noted; then it must not be made.
        """
        with self._file.writing() as con:
            found = con.execute(
                "INSERT INTO audit (at, who, role, via, address, request, operation, target, "
                "asked, before, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'started')",
                (
                    stamp(self._clock.now()),
                    who.name,
                    who.role,
                    who.via,
                    who.address,
                    who.request,
                    operation,
                    target,
                    as_text(asked) or "{}",
                    as_text(before),
                ),
            )
            return int(found.lastrowid or 0)

    def done(self, id_: int, after: object) -> None:
        """The change was made."""
        self._end(id_, "done", as_text(after), "")

    def failed(self, id_: int, reason: str) -> None:
        """The change was not made."""
        self._end(id_, "failed", None, str(redacted(reason)))

    def _end(self, id_: int, outcome: str, after: str | None, reason: str) -> None:
        self._file.write(
            "UPDATE audit SET outcome = ?, after = ?, reason = ? WHERE id = ?",
            outcome,
            after,
            reason,
            id_,
        )

    def entries(self, wanted: Wanted) -> list[AuditEntry]:
        """Entries, newest first.

        Raises:
            InputError: the limit is none, or ``before`` no id.
        """
        if not 1 <= wanted.limit <= _MOST:
            raise InputError(f"limit is {wanted.limit}; it must be from 1 to {_MOST:,}.")
        if not 0 <= wanted.before < _LAST_ID:
            raise InputError(f"before is {wanted.before}; it must be the id of an entry.")
        conditions, values = ["1"], []
        for column in ("who", "operation", "target", "outcome"):
            if value := getattr(wanted, column):
                conditions.append(f"{column} = ?")
                values.append(value)
        for condition, moment in (("at >= ?", wanted.since), ("at < ?", wanted.until)):
            if moment is not None:
                conditions.append(condition)
                values.append(stamp(moment))
        if wanted.before:
            conditions.append("id < ?")
            values.append(wanted.before)
        rows = self._file.rows(
            f"SELECT {', '.join(AuditEntry.__struct_fields__)} FROM audit "  # noqa: S608 — ours
            f"WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?",
            *values,
            wanted.limit,
        )
        return [_entry(row) for row in rows]


_JSON = [
    number
    for number, name in enumerate(AuditEntry.__struct_fields__)
    if name in ("asked", "before", "after")
]


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    values = list(row)
    for number in _JSON:
        if values[number] is not None:
            values[number] = msgspec.json.decode(values[number])
    return AuditEntry(*values)
