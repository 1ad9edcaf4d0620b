"""The writer: one thread that gathers submissions into commits; a bounded queue in front of it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TypeVar, cast

from datawatch_lab.core.errors import BusyError, WorkspaceError
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine.parting import is_of_data, store_in_parts
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.singles import submission_of
from datawatch_lab.engine.submission import Single, Submission

Result = TypeVar("Result")

log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 1.0
_TRIES = 3  # of storing what was answered for, when the fault is not the disk's


QUEUE_BYTES = 128 * 1024 * 1024
"""Bytes of input that may wait, however few events they are; decoded they take several times that.
"""

COMMIT_BYTES = 32 * 1024 * 1024
"""Bytes of input from which on a commit takes no further batch."""

USUAL_TABLES = 50
"""Tables up to which a commit takes `Settings.batch_events`; with more of them it takes more.

A table costs a commit some ten milliseconds however few rows it has, so that with hundreds of them
an event costs the less the more of them are stored at once.
"""

WIDE_COMMIT_BYTES = 64 * 1024 * 1024
"""`COMMIT_BYTES` of commits of more than `USUAL_TABLES`."""

SWITCH_SECONDS = 0.0005
"""How long Python leaves a thread waiting for its turn, at most.

The writer steps out of Python some thousand times a commit, for arrays and statements. Where
another thread decodes the next batch meanwhile, it comes back only after a turn, by default 5 ms.
"""

_REST = 3.0  # times as long as the last commit took …
_LONGEST_REST_SECONDS = 0.1  # … but no longer
_GATHER = 0.15  # the same, where senders wait
_LONGEST_GATHER_SECONDS = 0.025
_WORTH_A_COMMIT = 5_000  # events that wait, from which on nothing more is waited for


@dataclass(eq=False)
class _Waiting:
    """A submission, or a job (a function to run between commits), and who waits for it.

    Or a single event, which becomes a submission with others before it is stored.
    """

    submission: Submission | None
    job: Callable[[], object] | None
    done: Future[object] = field(default_factory=Future)
    single: Single | None = None

    @property
    def size(self) -> int:
        if self.single:
            return 1
        return self.submission.batch.received if self.submission else 0

    @property
    def bytes(self) -> int:
        if self.single:
            return len(self.single.item)
        return self.submission.batch.size if self.submission else 0

    @property
    def tables(self) -> int:
        if self.single:
            return 1
        return len(self.submission.batch.rows) if self.submission else 0

    @property
    def presses(self) -> bool:
        """Whether somebody waits for it: what the journal has is answered for."""
        return not self.single and not (self.submission and self.submission.journal)


def _with_singles_joined(taken: Sequence[_Waiting]) -> list[_Waiting]:
    """The same in the same order, single events that follow one another as one submission."""
    joined: list[_Waiting] = []
    for alone, items in groupby(taken, lambda each: each.single is not None):
        if not alone:
            joined.extend(items)
            continue
        run = list(items)
        batch = _Waiting(submission_of([each.single for each in run if each.single]), None)
        for each in run:
            batch.done.add_done_callback(partial(_hand_on, each.done))
        joined.append(batch)
    return joined


def _hand_on(to: Future[object], done: Future[object]) -> None:
    error = done.exception()
    if error is None:
        to.set_result(done.result())
    else:
        to.set_exception(error)


class Writer:
    """Runs commits one after another in its own thread.

    Batches grow with the load: while a commit runs, what arrives is gathered for the next, so a
    single event is stored at once and a flood in few large transactions. A trickle of events that
    the journal has is gathered a little longer: a commit of each would leave the threads that take
    them in too little of the processor. And senders who wait for their commit and then send again
    are gathered too, or each commit would have only those who came during the one before.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Submission]], Sequence[Receipt]],
        upkeep: Callable[[bool], None],
        settings: Settings,
        set_aside: Callable[[Sequence[Submission]], Sequence[Receipt]],
    ) -> None:
        self._commit = commit
        self._set_aside = set_aside
        self.problem = ""
        self._left_to_journal = False
        self._refused: set[str] = set()
        self._upkeep = upkeep
        self._settings = settings
        self._waiting: deque[_Waiting] = deque()
        self._events = 0
        self._bytes = 0
        self._pressing = self._jobs = 0
        self._ended = self._took = 0.0  # the last commit, seconds
        self._senders = 0  # submissions that it had, and that waited when it ended
        self._changed = threading.Condition()
        self._closing = False
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        self._thread = threading.Thread(target=self._run, name="datawatch-writer", daemon=True)
        self._thread.start()

    def submit(
        self, submission: Submission, *, wait: bool = True, timeout: float | None = None
    ) -> Future[Receipt]:
        """Queue a batch; its future ends when it is durable.

        Args:
            submission: the batch.
            wait: block while the queue is full; otherwise a full queue is a `BusyError`.
            timeout: give up waiting after this many seconds, with a `BusyError`.
        """
        item = _Waiting(submission, None)
        with self._changed:
            has_room = self._has_room if wait else (lambda: self._closing or self._room(item))
            if not (self._changed.wait_for(has_room, timeout) if wait else has_room()):
                raise self._busy()
            self._put(item)
        return item.done  # type: ignore[return-value]  # a submission's future holds a receipt

    def refuse_when_full(self) -> None:
        """Say that it is full before work is done for what would be refused.

        Raises:
            BusyError: there is no room for even one event.
        """
        if not self.has_room():
            raise self._busy()

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self._events:,} events wait to be stored ({self._bytes:,} bytes); the limit is "
            f"{self._settings.queue_events:,} ({QUEUE_BYTES:,} bytes).",
            hint="Try again in a second.",
            details={"retry_after": _RETRY_AFTER_SECONDS},
        )

    def readmit(self, source: str) -> None:
        """Take batches of a source again: its reader begins anew from the stored offset."""
        self._refused.discard(source)

    def put(self, submission: Submission | Single) -> Future[Receipt]:
        """Queue what the journal has, whether or not there is room; it is stored without fail.

        The receipt of a single event is that of all that were stored as one batch with it.
        """
        if isinstance(submission, Single):
            item = _Waiting(None, None, single=submission)
        else:
            item = _Waiting(submission, None)
        with self._changed:
            self._put(item)
        return item.done  # type: ignore[return-value]  # a submission's future holds a receipt

    def has_room(self) -> bool:
        """Whether there is room for a few events more."""
        return self._events < self._settings.queue_events and self._bytes < QUEUE_BYTES

    def has_much_room(self) -> bool:
        """Whether less than half of the room is taken, so that a source may be further ahead."""
        half = self._settings.queue_events // 2
        return self._events < half and self._bytes < WIDE_COMMIT_BYTES // 2

    def run(self, job: Callable[[], Result]) -> Result:
        """Run a function between two commits, in the writer's thread, and give what it returns."""
        item = _Waiting(None, job)
        with self._changed:
            self._put(item)
        return cast("Result", item.done.result())

    @property
    def backlog(self) -> int:
        """Events that wait."""
        return self._events

    def close(self) -> None:
        """Store what waits, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _room(self, item: _Waiting) -> bool:
        return self._events == 0 or (
            self._events + item.size <= self._settings.queue_events
            and self._bytes + item.bytes <= QUEUE_BYTES
        )

    def _has_room(self) -> bool:
        return self._closing or self.has_room()

    def _put(self, item: _Waiting) -> None:
        if self._closing:
            raise WorkspaceError("The workspace is closed.", hint="Open it again.")
        self._waiting.append(item)
        self._events += item.size
        self._bytes += item.bytes
        self._pressing += item.presses
        self._jobs += item.job is not None
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                ready = self._changed.wait_for(
                    lambda: bool(self._waiting) or self._closing, timeout=1.0
                )
                if not self._waiting and self._closing:
                    return
                self._gather()
                taken = self._take()
            if not ready:
                self._tidy(idle=True)
            elif taken[0].job is not None:
                self._finish_job(taken[0].job, taken[0].done)
            else:
                began = time.monotonic()
                self._finish_batches(self._without_left(_with_singles_joined(taken)))
                self._tidy(idle=False)
                self._ended = time.monotonic()
                self._took = self._ended - began
                self._senders = len(taken) + len(self._waiting)

    def _gather(self) -> None:
        """Wait a little for more, where that makes the commit better worth its cost."""
        while not self._is_worth_it():
            share, most = _REST, _LONGEST_REST_SECONDS
            if self._pressing:
                share, most = _GATHER, _LONGEST_GATHER_SECONDS
            left = self._ended + min(share * self._took, most) - time.monotonic()
            if left <= 0 or not self._changed.wait(left):
                return

    def _is_worth_it(self) -> bool:
        """Whether what waits is stored at once; where nothing waits there is nothing to gather."""
        if self._closing or self._jobs or not self._waiting or self._events >= _WORTH_A_COMMIT:
            return True
        return self._pressing > 0 and len(self._waiting) >= self._senders

    def _take(self) -> list[_Waiting]:
        """The next job alone, or as many batches as make one commit."""
        taken: list[_Waiting] = []
        size = length = tables = 0
        while self._waiting:
            head = self._waiting[0]
            tables = max(tables, head.tables)
            events, most = self._limits(tables)
            full = size + head.size > events or length > most
            if taken and (head.job or full):
                break
            taken.append(self._waiting.popleft())
            self._pressing -= head.presses
            self._jobs -= head.job is not None
            size += head.size
            length += head.bytes
            if head.job:
                break
        return taken

    def _limits(self, tables: int) -> tuple[int, int]:
        """Events and bytes that a commit of so many tables takes."""
        usual = self._settings.batch_events
        if tables <= USUAL_TABLES:
            return usual, COMMIT_BYTES
        wide = min(usual * tables // USUAL_TABLES, self._settings.queue_events // 2)
        return max(usual, wide), WIDE_COMMIT_BYTES

    def _without_left(self, taken: list[_Waiting]) -> list[_Waiting]:
        """What is to be stored now; what is left to the journal is ended."""
        if not self._left_to_journal:
            return taken
        left = [each for each in taken if each.submission and each.submission.journal]
        for each in left:
            each.done.set_exception(WorkspaceError("The workspace was closed.", hint="Open it."))
        self._release(left)
        return [each for each in taken if each not in left]

    def _finish_job(self, job: Callable[[], object], done: Future[object]) -> None:
        try:
            done.set_result(job())
        except BaseException as error:  # noqa: BLE001 — handed to whoever waits
            done.set_exception(error)

    def _finish_batches(self, taken: list[_Waiting]) -> None:
        taken = self._admitted(taken)
        if not taken:
            return
        submissions = [each.submission for each in taken if each.submission is not None]
        try:
            receipts = self._commit(submissions)
        except BaseException as error:  # noqa: BLE001 — handed to whoever waits
            if len(taken) > 1:
                for each in taken:
                    self._finish_batches(self._without_left([each]))
                return
            if submissions[0].journal:
                self._finish_journaled(submissions[0], taken[0].done, error)
            else:
                self._finish_in_parts(submissions[0], taken[0].done, error)
        else:
            self.problem = ""
            for each, receipt in zip(taken, receipts, strict=True):
                each.done.set_result(receipt)
        self._release(taken)

    def _finish_in_parts(
        self, submission: Submission, done: Future[object], error: BaseException
    ) -> None:
        """Store what can be stored of a batch, if the fault lies in its events."""
        fault: BaseException | None = error
        if is_of_data(error):
            log.warning("a batch is stored in parts, for it fails as a whole: %s", error)
            try:
                receipt = store_in_parts(submission, self._commit, self._set_aside)
                fault, self.problem = None, ""
                done.set_result(receipt)
            except BaseException as again:  # noqa: BLE001 — handed to whoever waits
                fault = again
        if fault is not None:
            count = submission.batch.received
            log.error("a batch of %d events could not be stored", count, exc_info=fault)
            self.problem = str(fault)
            self._refuse(submission)
            done.set_exception(fault)

    def _refuse(self, submission: Submission) -> None:
        """Take no more of a source of which a batch failed: a later offset would pass it over."""
        if submission.batch.offset is not None:
            self._refused.add(submission.batch.offset.source)

    def _admitted(self, taken: list[_Waiting]) -> list[_Waiting]:
        """Items but those of sources of which an earlier batch failed; these are ended."""
        if not self._refused:
            return taken
        kept: list[_Waiting] = []
        for each in taken:
            offset = each.submission.batch.offset if each.submission else None
            if offset is None or offset.source not in self._refused:
                kept.append(each)
                continue
            message = f"{offset.source}: an earlier batch of it could not be stored."
            each.done.set_exception(WorkspaceError(message, hint="Read it again."))
            self._release([each])
        return kept

    def _finish_journaled(
        self, submission: Submission, done: Future[object], error: BaseException
    ) -> None:
        """Store what was answered for however long it takes, or set it aside if it cannot be.

        While closing it is left to the journal, and with it all that comes after: the next opening
        finds them there.
        """
        tries = 1
        while not self._left_to_journal:
            self.problem = str(error)
            log.error("events that were answered for could not be stored (%d): %s", tries, error)
            with self._changed:
                closing = self._changed.wait_for(lambda: self._closing, _RETRY_AFTER_SECONDS)
            if closing:
                self._left_to_journal = True
                break
            broken = tries >= _TRIES and is_of_data(error)
            tries += 1
            try:
                if broken:
                    receipt = store_in_parts(submission, self._commit, self._set_aside)
                else:
                    (receipt,) = self._commit([submission])
            except BaseException as again:  # noqa: BLE001 — tried until it is stored
                error = again
            else:
                self.problem = ""
                done.set_result(receipt)
                return
        done.set_exception(error)

    def _release(self, taken: list[_Waiting]) -> None:
        with self._changed:
            self._events -= sum(each.size for each in taken)
            self._bytes -= sum(each.bytes for each in taken)
            self._changed.notify_all()

    def _tidy(self, *, idle: bool) -> None:
        try:
            self._upkeep(idle)
        except Exception:
            log.exception("upkeep failed; it is tried again")
