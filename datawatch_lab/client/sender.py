"""Sends what is handed over, from a thread: batches, tries again, spools while the server is away.

The order of events is kept: what is on disk goes before what is in memory, and a batch that failed
goes before what came after it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from datawatch_lab.client.backoff import Backoff
from datawatch_lab.client.batches import Held, Limits
from datawatch_lab.client.delivery import Counter, OnRejected, deliver
from datawatch_lab.client.lifetimes import close_with_worker
from datawatch_lab.client.spool import Head, Spool
from datawatch_lab.client.stats import Rejection, Stats
from datawatch_lab.client.transport import Later, Transport
from datawatch_lab.core.errors import WorkspaceError

log = logging.getLogger("datawatch_lab.client")

_ROOM_SECONDS = 0.05
_SPOOL_PAUSE_SECONDS = 1.0
_JOIN_SECONDS = 1.0


class Sender:
    """The background part of a client; its thread starts with the first event.

    Args:
        transport: carries batches.
        limits: of batches and buffer.
        make_spool: makes the spool of this process, or None for no spool.
        on_rejected: told of each event that does not get into the workspace.
        backoff: waits between tries.
    """

    def __init__(
        self,
        transport: Transport,
        limits: Limits,
        make_spool: Callable[[], Spool] | None,
        on_rejected: OnRejected | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.transport = transport
        self.limits = limits
        self.make_spool = make_spool
        self.on_rejected = on_rejected
        self.backoff = backoff or Backoff()
        self._closing = False
        self._begin()

    def _begin(self) -> None:
        """Start from nothing: in a new client, or in a forked child."""
        # Held in this order: _changed before _spooling. Only the thread reads the spool without
        # the first, and it alone changes the spool without it.
        self._changed = threading.Condition()
        self._spooling = threading.RLock()
        self._counter = Counter(self.on_rejected)
        self._buffer: list[bytes] = []
        self._oldest = 0.0
        self._held = Held()
        self._thread: threading.Thread | None = None
        self._spool: Spool | None = None
        self._spool_again = 0.0
        self._retry_at = 0.0
        self._away = False
        self._hurry = False
        self._abandoned = False
        self.backoff.succeeded()

    # ------------------------------------------------------------------ handing over

    def put(self, line: bytes) -> None:
        """Hand an event over; returns at once.

        Raises:
            WorkspaceError: the client is closed.
        """
        dropped: list[Rejection] = []
        with self._changed:
            if self._closing:
                raise WorkspaceError("the client is closed.", hint="Make a new one.")
            if self._thread is None:
                self._start()
            self._counter.queued += 1
            if len(self._buffer) >= self.limits.buffer_size and not self._spill():
                dropped = self._counter.drop([line], "buffer and spool are full")
            else:
                self._buffer.append(line)
                waiting = len(self._buffer)
                if waiting == 1:
                    self._oldest = time.monotonic()
                if waiting in (1, self.limits.batch_size):
                    self._changed.notify_all()
        if dropped:
            self._counter.tell(dropped)

    def put_many(self, lines: Sequence[bytes]) -> None:
        """Hand many events over, waiting for room while the server takes them."""
        step = self.limits.batch_size
        for start in range(0, len(lines), step):
            with self._changed:
                while self._is_full() and not (self._away or self._closing):
                    self._changed.wait(_ROOM_SECONDS)
            for each in lines[start : start + step]:
                self.put(each)

    def flush(self, timeout: float | None = None) -> bool:
        """Send all that was handed over so far; True once the server answered for all of it.

        Args:
            timeout: seconds to wait; None for as long as it takes. What is not sent by then stays
                where it is, to be sent later.
        """
        with self._changed:
            target = self._counter.queued
            self._hurry_up()
            if self._thread is not None and self._thread.is_alive():
                return self._changed.wait_for(lambda: self._counter.settled >= target, timeout)
        return self._drain(target, timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, else spool it, else drop and count it; then end the thread.

        A server that is known to be away is not waited for when there is a spool.
        """
        if self._closing:
            return
        if self._thread is None:
            self._drain(self._counter.queued, timeout)
        with self._changed:
            self._hurry_up()
            if self._thread is not None:
                self._changed.wait_for(self._may_end, timeout)
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)
        with self._changed, self._spooling:
            self._abandoned = True
            dropped = self._leave()
            self._changed.notify_all()
        self._counter.tell(dropped)
        self.transport.close()

    def forked(self) -> None:
        """Begin anew in a child process: what waits is the parent's to send."""
        self.transport.renew()
        if self._spool is not None:
            self._spool.disown()
        self._begin()

    def recover(self) -> None:
        """Look now for what ended processes left in the spool, not with the first event."""
        with self._changed:
            if self._thread is None and not self._closing:
                self._start()

    @property
    def stats(self) -> Stats:
        """What became of the events so far."""
        with self._changed:
            return self._counter.stats()

    # ------------------------------------------------------------------ the thread

    def _start(self) -> None:
        """Start the thread; where the interpreter is ending, `flush` and `close` do its work."""
        thread = threading.Thread(target=self._run, name="datawatch-sender", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return
        self._thread = thread
        close_with_worker(self.close)

    def _run(self) -> None:
        self._adopt()
        while self._wait():
            try:
                self._step()
            except Exception:
                log.exception("sending failed in an unexpected way; it is tried again")
                with self._changed:
                    self._retry_at = time.monotonic() + self.backoff.failed()

    def _drain(self, target: int, timeout: float | None) -> bool:
        """Send in the caller's thread, where there can be no other."""
        until = None if timeout is None else time.monotonic() + timeout
        while self._counter.settled < target:
            if until is not None and time.monotonic() >= until:
                return False
            wait = self._retry_at - time.monotonic()
            if wait > 0:
                time.sleep(min(wait, 0.1))
                continue
            self._step()
        return True

    def _hurry_up(self) -> None:
        """What waits is due; a server that was away is tried at once, a busy one in its time."""
        self._hurry = True
        if self._away:
            self._retry_at = 0.0
        self._changed.notify_all()

    def _may_end(self) -> bool:
        """Whether nothing would be gained by staying."""
        has_sent = self._counter.settled >= self._counter.queued
        return has_sent or (self._away and self._spool is not None)

    def _wait(self) -> bool:
        """Sleep until there is something to do; False when the client ends."""
        with self._changed:
            while not self._closing:
                now = time.monotonic()
                due = self._due_at()
                if due is not None and due <= now:
                    return True
                self._changed.wait(None if due is None else due - now)
            return False

    def _due_at(self) -> float | None:
        """When the next thing is to be done, on the monotonic clock; None for nothing."""
        buffered = None
        if self._buffer:
            at_once = self._hurry or len(self._buffer) >= self.limits.batch_size
            buffered = 0.0 if at_once else self._oldest + self.limits.flush_interval
        if self._has_older():
            # What becomes due while a try has to wait goes to the spool.
            to_spool = self._away and self.make_spool is not None and buffered is not None
            spill = max(buffered or 0.0, self._spool_again) if to_spool else self._retry_at
            return min(self._retry_at, spill)
        if buffered is None:
            self._hurry = False
            return None
        return max(buffered, self._retry_at)

    def _step(self) -> None:
        """Do what is due: one request, or buffer to spool."""
        with self._changed:
            if time.monotonic() < self._retry_at:
                self._spill()
                return
            self._take()
        lines, head = self._held.lines, None
        if not lines:
            head = self._head()
            lines = head.lines
        if not lines:
            return
        tally = deliver(self.transport, lines)
        with self._changed, self._spooling:
            if self._abandoned:
                return
            self._counter.add(tally, ours=head is None or not head.adopted)
            self._forget(lines[: tally.done], spooled=head is not None)
            if tally.failure is None:
                self._came_back()
            else:
                self._failed(tally.failure)
            self._changed.notify_all()
        self._counter.tell(tally.rejections)

    def _take(self) -> None:
        """Move a batch from the buffer into flight, unless something older waits."""
        with self._spooling:
            if self._has_older() or not self._buffer:
                return
            size = self.limits.batch_size
            place = self._spool.reserve() if self._spool is not None else 0
            self._held = Held(self._buffer[:size], place)
            self._buffer = self._buffer[size:]
            self._changed.notify_all()

    def _has_older(self) -> bool:
        """Whether something goes before what is in the buffer."""
        return bool(self._held.lines) or (self._spool is not None and self._spool.lines > 0)

    def _head(self) -> Head:
        """The oldest lines of the spool."""
        with self._spooling:
            head = self._spool.head(self.limits.batch_size) if self._spool else Head([], False)
        if head.lost:
            with self._changed:
                self._counter.drop([b""] * head.lost, "")
            log.error("%d events are lost: their file in the spool was deleted", head.lost)
        return head

    def _forget(self, lines: Sequence[bytes], *, spooled: bool) -> None:
        if not spooled:
            self._held.lines = self._held.lines[len(lines) :]
        elif self._spool is not None:
            self._spool.advance(lines)
            self._spool_again = 0.0

    def _came_back(self) -> None:
        if self._away:
            waiting = self._counter.stats().waiting
            log.warning("the server answers again; %d events wait to be sent", waiting)
        self._away = False
        self._retry_at = 0.0
        self.backoff.succeeded()

    def _failed(self, failure: Later) -> None:
        self._counter.retries += 1
        self._retry_at = time.monotonic() + self.backoff.failed(failure.after)
        if failure.busy:
            return
        if not self._away:
            where = "in memory" if self.make_spool is None else "in the spool on disk"
            log.warning("%s; events wait %s until it takes them", failure.reason, where)
        self._away = True
        if self._held.lines and self._write(self._held.lines, self._held.place or None):
            self._held = Held()

    # ------------------------------------------------------------------ the spool

    def _adopt(self) -> None:
        """Take over what ended processes left."""
        if self.make_spool is None:
            return
        with self._spooling:
            spool = self._ready()
            try:
                found = spool.adopt() if spool else 0
            except OSError as error:
                log.warning("the spool cannot be read: %s", error)
                found = 0
        if found:
            with self._changed:
                self._counter.recovered += found
            log.warning("%d events of an earlier run wait to be sent", found)

    def _spill(self) -> bool:
        """Move the buffer to the spool; False when that has no room, or there is none."""
        with self._spooling:
            if time.monotonic() < self._spool_again:
                return False
            spool = self._ready()
            if spool is not None and self._held.lines and not self._held.place:
                # A place before what is spilled, should the batch in flight fail.
                self._held.place = spool.reserve()
            if not self._buffer or self._write(self._buffer):
                self._buffer = []
                return True
            return False

    def _ready(self) -> Spool | None:
        if self._spool is None and self.make_spool is not None:
            self._spool = self.make_spool()
        return self._spool

    def _write(self, lines: Sequence[bytes], place: int | None = None) -> bool:
        """Put lines on disk; False when there is no spool, or it is full or fails."""
        spool = self._ready()
        if spool is None:
            return False
        fault = f"has no room: {spool.max_bytes:,} bytes are its bound"
        try:
            written = spool.append(lines, place)
        except OSError as error:
            written, fault = False, f"takes no events: {error}"
        if written:
            self._counter.spooled += len(lines)
            return True
        if not self._spool_again:
            log.warning("the spool in %s %s; events stay in memory", spool.folder, fault)
        self._spool_again = time.monotonic() + _SPOOL_PAUSE_SECONDS
        return False

    def _leave(self) -> list[Rejection]:
        """At the end: what is in memory goes to disk, in order, or is dropped and told."""
        dropped: list[Rejection] = []
        for lines, place in ((self._held.lines, self._held.place or None), (self._buffer, None)):
            if lines and not self._write(lines, place):
                reason = "the client ended before they could be sent, and there is no room on disk"
                dropped += self._counter.drop(lines, reason)
        self._held, self._buffer = Held(), []
        if self._spool is not None:
            self._spool.close()
        return dropped

    def _is_full(self) -> bool:
        return len(self._buffer) >= self.limits.buffer_size
