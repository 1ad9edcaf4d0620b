"""Keeps all followed streams up to date: each question is asked once per interval, for all.

Threads ask while somebody follows. They only read, as any query does; nothing that writes waits for
them. After each turn they rest half as long as it took, so that followers do not take the machine,
however much they ask for; streams come later then than they were wanted. What takes long to answer
is asked in a thread of its own, so that it delays only what takes long as well.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import BusyError, DataWatchError, WorkspaceError
from datawatch_lab.core.who import UserRole, Who, acting
from datawatch_lab.service.callers import Caller
from datawatch_lab.service.live.asking import Asking, Shared
from datawatch_lab.service.live.messages import INTERVALS
from datawatch_lab.service.live.stream import Limits, Stream, StreamKey
from datawatch_lab.service.live.topics import Topic, topic_named

log = logging.getLogger(__name__)

_QUICK = 2  # threads; a question that hangs keeps one busy, not the other
_SLOW_SECONDS = 0.5
_PATIENCE = 0.25  # of a second; one that takes longer is passed by
_REST = 0.5  # of the time that a turn took
_RETRY_SECONDS = 5.0
_LEAST_LINGER = 1.0  # seconds; it is no use to look for what is to be forgotten more often
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class _Turn:
    """One moment at which questions are asked.

    Attributes:
        mark: in monotonic seconds; intervals count from here.
    """

    mark: float
    _shared: dict[UserRole, Shared] = field(default_factory=dict)

    def shared(self, role: UserRole) -> Shared:
        """What is asked for a role at this moment, by any of the threads."""
        return self._shared.setdefault(role, Shared())


class _Turnstile:
    """Lets one in after another, so that each is done soonest; past one that takes too long."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._since = 0.0

    @contextmanager
    def pass_through(self) -> Iterator[None]:
        """Wait for whoever is inside, unless that one has been there for too long."""
        left = self._since + self._patience - time.monotonic()
        is_ours = self._lock.acquire(timeout=max(left, 0.0))
        if is_ours:
            self._since = time.monotonic()
        try:
            yield
        finally:
            if is_ours:
                self._lock.release()


@dataclass
class _Kept:
    """A stream and who cares for it.

    Attributes:
        stream: kept up to date.
        followers: how many follow it.
        left: when the last follower left (monotonic seconds).
        due: when it may be asked for next (monotonic seconds).
        cost: seconds that the last asking took.
        queued: whether it waits to be asked for, or is.
        lock: held by who asks, so that it is done once at a time.
    """

    stream: Stream
    followers: int = 0
    left: float = 0.0
    due: float = 0.0
    cost: float = 0.0
    queued: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_due(self, now: float) -> bool:
        """Whether it is to be asked for; the first time, that is done by who follows it first."""
        is_ready = self.stream.tick > 0 and not self.queued
        return bool(self.followers) and is_ready and self.due <= now


class Hub:
    """The streams of one workspace. Any thread may call it.

    Args:
        caller: carries the questions out.
        topics: what can be followed, by name.
        limits: of what is kept.
        clock: tells the present.
        second: seconds that an interval of 1s takes; shorter in tests.
    """

    def __init__(
        self,
        caller: Caller,
        topics: Mapping[str, Topic],
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        second: float = 1.0,
    ) -> None:
        self.topics = topics
        self.limits = limits or Limits()
        self.updated: Callable[[Stream], None] = lambda _: None
        self._caller = caller
        self._clock = clock or SystemClock()
        self._second = second
        self._kept: dict[StreamKey, _Kept] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._quick = ThreadPoolExecutor(_QUICK, thread_name_prefix="datawatch-live-quick")
        self._turnstile = _Turnstile(_PATIENCE * second)
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="datawatch-live-slow")
        self._closed = False

    @property
    def streams(self) -> int:
        """How many are followed now."""
        return sum(1 for each in tuple(self._kept.values()) if each.followers)

    def follow(self, key: StreamKey) -> Stream:
        """Follow a question; `leave` ends that. Waits for the first answer.

        Raises:
            BusyError: too many different questions are followed.
            WorkspaceError: the server is stopping.
            DataWatchError: the question cannot be answered; says why.
        """
        kept = self._keep(key)
        try:
            with kept.lock:
                # One that nobody followed for a while is behind.
                if kept.stream.tick == 0 or time.monotonic() >= kept.due + self._second:
                    self._ask(kept, _Turn(time.monotonic()))
                    self.updated(kept.stream)
        except BaseException:
            self.leave(kept.stream)
            raise
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="datawatch-live")
                self._thread.daemon = True
                self._thread.start()
            self._changed.notify_all()
        return kept.stream

    def leave(self, stream: Stream) -> None:
        """One follower less; the stream is kept for a while, for those who come back."""
        with self._changed:
            kept = self._kept.get(stream.key)
            if kept is None or kept.stream is not stream:
                return
            kept.followers -= 1
            kept.left = time.monotonic()
            if not kept.followers and stream.tick == 0:
                del self._kept[stream.key]

    def close(self) -> None:
        """Ask nothing more; returns once the threads have ended."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(_STOP_SECONDS)
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)

    def _keep(self, key: StreamKey) -> _Kept:
        topic = topic_named(key.question.topic, self.topics)
        with self._changed:
            if self._closed:
                raise WorkspaceError("the server is stopping.")
            kept = self._kept.get(key)
            if kept is None:
                self._make_room()
                first = int(self._clock.now().timestamp() * 1e3)
                kept = self._kept[key] = _Kept(Stream(key, topic, first, self.limits))
            kept.followers += 1
            return kept

    def _make_room(self) -> None:
        """Forget a stream that nobody follows, when there are too many."""
        if len(self._kept) < self.limits.streams:
            return
        idle = [(each.left, key) for key, each in self._kept.items() if not each.followers]
        if not idle:
            raise BusyError(
                f"{len(self._kept):,} different questions are followed; the limit is "
                f"{self.limits.streams:,}.",
                hint="Follow what others follow already, or try again later.",
                details={"limit": self.limits.streams, "retry_after": 5.0},
            )
        del self._kept[min(idle, key=lambda each: each[0])[1]]

    # ------------------------------------------------------------------ the hub's threads

    def _run(self) -> None:
        wake = time.monotonic()
        while (due := self._wait(wake)) is not None:
            start = time.monotonic()
            self._turn(_Turn(wake), due)
            end = time.monotonic()
            rested = end + _REST * (end - start)
            wake += self._second * (1 + max(0, int((rested - wake) / self._second)))

    def _wait(self, wake: float) -> list[_Kept] | None:
        """Wait for a moment; what is due then. None when all is over."""
        with self._changed:
            while not (self._closed or self._wanted()):
                self._changed.wait(max(self.limits.linger, _LEAST_LINGER))
                self._forget()
            while not self._closed and (rest := wake - time.monotonic()) > 0:
                self._changed.wait(rest)
            if self._closed:
                return None
            self._forget()
            return [each for each in self._kept.values() if each.is_due(time.monotonic())]

    def _wanted(self) -> bool:
        return any(each.followers for each in self._kept.values())

    def _forget(self) -> None:
        now = time.monotonic()
        for key, each in tuple(self._kept.items()):
            if not each.followers and now - each.left > self.limits.linger:
                del self._kept[key]

    def _turn(self, turn: _Turn, due: list[_Kept]) -> None:
        """Ask what is due; returns when what answers quickly has answered, or after a second."""
        asked = []
        for each in sorted(due, key=lambda kept: kept.cost):
            if self._closed:
                return
            each.queued = True
            if each.cost < _SLOW_SECONDS:
                asked.append(self._quick.submit(self._update_quickly, each, turn))
            else:
                self._slow.submit(self._update, each, None)
        wait(asked, timeout=self._second)

    def _update_quickly(self, kept: _Kept, turn: _Turn) -> None:
        with self._turnstile.pass_through():
            self._update(kept, turn)

    def _update(self, kept: _Kept, turn: _Turn | None) -> None:
        """Bring a stream up to date; a failure is told to those who follow it."""
        with kept.lock:
            try:
                self._ask(kept, turn or _Turn(time.monotonic()))
            except DataWatchError as error:
                self._fail(kept, error)
            except Exception:
                log.exception("stream %s could not be brought up to date", kept.stream.name)
                self._fail(
                    kept,
                    DataWatchError("The stream could not be brought up to date; see the log."),
                )
            finally:
                kept.queued = False
        self.updated(kept.stream)

    def _fail(self, kept: _Kept, error: DataWatchError) -> None:
        kept.stream.fail(error)
        kept.due = time.monotonic() + _RETRY_SECONDS * self._second

    def _ask(self, kept: _Kept, turn: _Turn) -> None:
        """Ask the question and take the answer in."""
        stream, start, now = kept.stream, time.monotonic(), self._clock.now()
        role = stream.key.role
        asking = Asking(self._caller, self._clock, turn.shared(role))
        with acting(Who("live", role, via="live")):
            answer = stream.topic.read(asking, stream.key.question)
        stream.advance(answer, asking.since or now)
        kept.cost = time.monotonic() - start
        # A little early, so that the turn of that second takes it.
        kept.due = turn.mark + self._second * (INTERVALS[stream.key.interval] - 0.25)
