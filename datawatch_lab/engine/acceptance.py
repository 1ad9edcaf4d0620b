"""Quick answers: a few ordinary events are journaled, answered for, and stored right after.

A sender of single events need not wait for a transaction of the store. What it is told then must
hold, so only events whose fate is certain beforehand go this way: well-formed changes of known
tables and fields, not seen before, of about now. Everything else waits for its commit.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.clock import Clock
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine.classify import APPLIED
from datawatch_lab.engine.journal import LIMIT_BYTES, Journal
from datawatch_lab.engine.receipts import OUTCOMES, OneApplied, Receipt
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.singles import packed_single
from datawatch_lab.engine.submission import Single, Submission
from datawatch_lab.engine.transfer import pack, unpack
from datawatch_lab.ingest.single import PlainEvent

MOST_EVENTS = 20
"""A batch of more is worth a commit of its own."""

_CHANGES = ("c", "u", "d")
_NAMES = ("line", "offset", "schema", "table", "op", "ts", "event_id", "origin")
_TOLD = ("line", "offset", "event_id", "table")
_HALF = 8
_PATIENCE_SECONDS = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)

Identity = tuple[int, int]


class _Store(NamedTuple):
    """What is asked of the engine; all of it in memory."""

    registry: Callable[[], TableRegistry]
    maybe_seen: Callable[[np.ndarray], bool]
    has_room: Callable[[], bool]
    queue: Callable[[Submission | Single], Future[Receipt]]


class Acceptance:
    """Answers for events of which it is certain that they will be applied.

    Args:
        journal: where they are kept until they are stored.
        registry: gives the tables that are known now.
        maybe_seen: whether any of some identities (their lower halves) may be known.
        has_room: whether the engine takes more.
        queue: hands a submission to the writer, in order.
        settings, clock: of the engine.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        registry: Callable[[], TableRegistry],
        maybe_seen: Callable[[np.ndarray], bool],
        has_room: Callable[[], bool],
        queue: Callable[[Submission | Single], Future[Receipt]],
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._store = _Store(registry, maybe_seen, has_room, queue)
        self._settings = settings
        self._clock = clock
        self._pending: set[Identity] = set()
        self._changed = threading.Condition()

    def take(self, batch: DecodedBatch) -> Receipt | None:
        """Journal a batch and answer for it; None for one that must wait for its commit.

        Raises:
            WorkspaceError: the journal cannot be written to; nothing was taken in.
        """
        if batch.bad.num_rows or batch.offset or not 0 < batch.events.num_rows <= MOST_EVENTS:
            return None
        if self._journal.size > LIMIT_BYTES:  # until the store has all of it and it is emptied
            return None
        now = self._clock.now()
        events = batch.events.select(_NAMES).to_pylist()
        identities = self._certain(batch, events, now)
        if identities is None:
            return None
        answered = self._keep(
            identities,
            lambda: packed(batch, now),
            lambda number: Submission(batch, now, journal=number),
        )
        return _receipt(events) if answered else None

    def take_plain(self, event: PlainEvent) -> OneApplied | None:
        """The same for an event that came alone; it is decoded with others on its way to the store.

        Raises:
            WorkspaceError: the journal cannot be written to; nothing was taken in.
        """
        now = self._clock.now()
        table = self._store.registry().find(event.schema, event.table)
        if table is None or self._journal.size > LIMIT_BYTES:
            return None
        at = now if event.micros is None else _EPOCH + event.micros * _MICRO
        if not self._is_of_now(at, now):
            return None
        if not event.fields.issubset([column.name for column in table.columns]):
            return None
        given = "" if event.id else uuid.uuid4().hex
        id_ = event.id or given
        identity = identity_of(event.origin, f"{table.schema}.{table.table}", id_)
        answered = self._keep(
            [identity],
            lambda: packed_single(event.item, event.offset, given, now),
            lambda number: Single(event.item, event.offset, given, now, number),
        )
        if not answered:
            return None
        return OneApplied(id_, event.table, event.offset)

    def _keep(
        self,
        identities: Sequence[Identity],
        record: Callable[[], bytes],
        made: Callable[[int], Submission | Single],
    ) -> bool:
        """Journal what has these identities; false, and nothing done, where it must be submitted.

        Args:
            identities: of all its events.
            record: gives its record.
            made: what is handed to the writer, given the number of the record.
        """
        if not self._store.has_room() or not self._reserve(identities):
            return False
        try:
            self._journal.append(
                record(), lambda number: self._enqueue(made(number), identities)
            ).result()
        except BaseException:
            self._release(identities)
            raise
        return True

    def _is_of_now(self, at: datetime, now: datetime) -> bool:
        """Whether an event of that time is surely neither late nor ahead of the clock."""
        ahead = self._settings.future_tolerance
        # a watermark is never further ahead than this, so what is younger cannot be late
        return now + ahead - self._settings.allowed_lateness < at <= now + ahead

    def _certain(
        self, batch: DecodedBatch, events: Sequence[dict[str, Any]], now: datetime
    ) -> list[Identity] | None:
        """Identities of the events if each is sure to be applied."""
        registry = self._store.registry()
        found = []
        for event in events:
            table = registry.find(event["schema"], event["table"])
            if table is None or event["op"] not in _CHANGES:
                return None
            if not self._is_of_now(event["ts"] or now, now):
                return None
            key = f"{table.schema}.{table.table}"
            found.append(identity_of(event["origin"], key, event["event_id"]))
        for (schema, name), rows in batch.rows.items():
            table = registry.find(schema, name)
            known = {column.name for column in table.columns} if table else set()
            if not known.issuperset(rows.after.columns.columns):
                return None
        return found

    def _reserve(self, identities: Sequence[Identity]) -> bool:
        """Claim identities that nobody has; false when one is taken.

        It waits for others that have one to be stored, so that what is submitted next finds it.
        """
        unique = set(identities)
        halves = np.array([lo for _, lo in identities], dtype=np.uint64)
        with self._changed:
            if self._pending & unique:
                self._changed.wait_for(lambda: not self._pending & unique, _PATIENCE_SECONDS)
                return False
            if len(unique) < len(identities) or self._store.maybe_seen(halves):
                return False
            self._pending |= unique
        return True

    def _release(self, identities: Sequence[Identity]) -> None:
        with self._changed:
            self._pending.difference_update(identities)
            self._changed.notify_all()

    def _enqueue(self, taken: Submission | Single, identities: Sequence[Identity]) -> None:
        stored = self._store.queue(taken)
        stored.add_done_callback(lambda _: self._release(identities))


def identity_of(origin: str, key: str, event_id: str) -> Identity:
    """(hi, lo) of one event, as `core.storage.Store.identify` gives them for many."""
    text = f"{origin}\x1f{key}\x1f{event_id}".encode()
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    return int.from_bytes(digest[_HALF:], "little"), int.from_bytes(digest[:_HALF], "little")


def packed(batch: DecodedBatch, received: datetime) -> bytes:
    """A batch and when it was taken in, as a record of the journal."""
    micros = (received - _EPOCH) // _MICRO
    return micros.to_bytes(_HALF, "little", signed=True) + pack(batch)


def unpacked(payload: bytes) -> tuple[DecodedBatch, datetime]:
    """What `packed` made a record of."""
    micros = int.from_bytes(payload[:_HALF], "little", signed=True)
    return unpack(payload[_HALF:]), _EPOCH + micros * _MICRO


def _receipt(events: Sequence[dict[str, Any]]) -> Receipt:
    told = {name: [event[name] for event in events] for name in _TOLD}
    outcomes = pl.DataFrame(told | {"outcome": APPLIED, "reason": ""}, schema=OUTCOMES)
    counts = LedgerCounts(received=len(events), applied=len(events))
    return Receipt(counts, outcomes, 0)
