"""One feed per workspace: its snapshots are computed once and shared by all who look.

A thread of the feed works only while somebody looks. Each second it asks for the status (cheap);
numbers are asked for again only when the data version or the time bucket has changed, and with
pauses of twice the time that they cost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import DataWatchError, WorkspaceLockedError
from datawatch_lab.service.answers import LedgerAnswer, StatusAnswer, TableAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.choose import OverviewSpec, choose
from datawatch_lab.views.clock import clocks_of
from datawatch_lab.views.drawing import Drawing, draw
from datawatch_lab.views.format import parse_iso
from datawatch_lab.views.fragments import page
from datawatch_lab.views.ranges import KEYS, Window, default_key, window
from datawatch_lab.views.snapshot import Data, Snapshot, read_data, silent_since

log = logging.getLogger(__name__)

AUTO = "auto"
"""The range that suits the data."""

_LINGER_SECONDS = 5.0
_RETRY_SECONDS = 3.0
_TABLES_SECONDS = 2.0
_COST_FACTOR = 2.0


@dataclass(frozen=True)
class View:
    """A snapshot as the page shows it.

    Attributes:
        slots: HTML by the name of its place.
        drawings: of the charts, by name; empty without data.
    """

    snapshot: Snapshot
    slots: Mapping[str, str]
    drawings: Mapping[str, Drawing]


class Watch:
    """Somebody who looks at one range. Close it when they are gone.

    Args:
        feed: looked at.
        key: of the range.
        changed: called in the feed's thread when there is a new view.
    """

    def __init__(self, feed: Feed, key: str, changed: Callable[[], object]) -> None:
        self.feed = feed
        self.key = key
        self.changed = changed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def latest(self) -> View | None:
        """The newest view; None until the first is made."""
        return self.feed.latest(self.key)

    def close(self) -> None:
        """Look no more."""
        self.feed.forget(self)


@dataclass
class _Common:
    """What all ranges share, and when it was read (monotonic seconds)."""

    status: StatusAnswer
    spec: OverviewSpec = field(default_factory=OverviewSpec)
    tables: tuple[TableAnswer, ...] = ()
    ledger: LedgerAnswer | None = None
    shape: tuple[int, int] = (-1, -1)
    due: float = 0.0


@dataclass
class _Range:
    """The numbers of one range, what they were made from, and when they may be made again."""

    data: Data
    drawings: Mapping[str, Drawing]
    mark: tuple[object, ...]
    due: float


class Feed:
    """Makes the snapshots of one workspace.

    Args:
        reach: gives the workspace; called again after it was lost.
        name: of the workspace, for people.
        owned: close the workspace when nobody has looked for a while, so that others can have it.
        clock: tells the present.
        every: seconds between looks at the workspace.
    """

    def __init__(
        self,
        reach: Callable[[], Workspace],
        *,
        name: str = "",
        owned: bool = False,
        clock: Clock | None = None,
        every: float = 1.0,
    ) -> None:
        self.name = name
        self.computed = 0
        self._reach = reach
        self._owned = owned
        self._clock = clock or SystemClock()
        self._every = every
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._watches: list[Watch] = []
        self._latest: dict[str, View] = {}
        self._serials = count(1)
        self._workspace: Workspace | None = None
        self._common: _Common | None = None
        self._ranges: dict[str, _Range] = {}

    def watch(self, key: str = AUTO, changed: Callable[[], object] = lambda: None) -> Watch:
        """Look at a range.

        Args:
            key: of `ranges.KEYS`, or `AUTO`; an unknown key is taken for `AUTO`.
            changed: called when there is a new view, in the feed's thread; it must not block.
        """
        watch = Watch(self, key if key in KEYS else AUTO, changed)
        with self._lock:
            self._watches.append(watch)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._run, name="datawatch-feed", daemon=True
                )
                self._thread.start()
        self._wake.set()
        return watch

    def latest(self, key: str) -> View | None:
        """The newest view of a range; None until the first is made."""
        return self._latest.get(key)

    def forget(self, watch: Watch) -> None:
        """Somebody looks no more; harmless when said twice."""
        with self._lock:
            if watch in self._watches:
                self._watches.remove(watch)

    def close(self) -> None:
        """Ask nothing more, also for those who still look; returns once the thread has ended."""
        with self._lock:
            thread = self._thread
            self._closed = True
        self._wake.set()
        if thread is not None:
            thread.join()

    def opened(self) -> Workspace:
        """The workspace, as the feed itself reaches it; for whoever closes it after."""
        return self._reach()

    @property
    def watched(self) -> int:
        """How many look."""
        return len(self._watches)

    # ------------------------------------------------------------------ the feed's thread

    def _run(self) -> None:
        idle = 0.0
        while True:
            self._wake.clear()
            if self._closed:
                self._drop(close=self._owned)
                return
            keys = {each.key for each in tuple(self._watches)}
            for key in set(self._latest) - keys:
                del self._latest[key]  # who looks next is not shown old numbers
            pause = self._turn(keys) if keys else self._every
            idle = 0.0 if keys else idle + self._every
            if idle > _LINGER_SECONDS and self._retire():
                return
            self._wake.wait(pause)

    def _retire(self) -> bool:
        """End the thread, unless somebody has come in the meantime."""
        with self._lock:
            if self._watches:
                return False
            self._thread = None
            self._latest.clear()
            self._drop(close=self._owned)
            return True

    def _drop(self, *, close: bool) -> None:
        workspace, self._workspace = self._workspace, None
        self._common = None
        self._ranges.clear()
        if close and workspace is not None:
            workspace.close()

    def _turn(self, keys: set[str]) -> float:
        """Bring the snapshots of these ranges up to date; gives the seconds until the next turn."""
        try:
            if self._workspace is None:
                self._workspace = self._reach()
            common = self._read_common(self._workspace)
            for key in keys:
                self._publish(key, self._snapshot(self._workspace, common, key))
        except DataWatchError as error:
            self._fail(keys, error)
            return _RETRY_SECONDS
        except Exception:
            log.exception("%s: the overview could not be brought up to date", self.name)
            self._fail(
                keys, DataWatchError("The page could not be brought up to date; see the log.")
            )
            return _RETRY_SECONDS
        return self._every

    def _publish(self, key: str, snapshot: Snapshot) -> None:
        """Make the page's parts, once for all who look; charts stay as they are while data does."""
        old, made = self._latest.get(key), self._ranges.get(snapshot.key)
        drawings: Mapping[str, Drawing] = {}
        if made is not None and made.data is snapshot.data:
            drawings = made.drawings
        elif old is not None and old.snapshot.data is snapshot.data:
            drawings = old.drawings
        with clocks_of(snapshot.timezone):
            self._latest[key] = View(snapshot, page(snapshot), drawings)
        for watch in tuple(self._watches):
            if watch.key == key:
                watch.changed()

    def _fail(self, keys: set[str], error: DataWatchError) -> None:
        now = self._clock.now()
        state = "locked" if isinstance(error, WorkspaceLockedError) else "missing"
        seen = self._common is not None
        message = error.message if state == "missing" and not seen else str(error)
        for key in keys:
            serial, old = next(self._serials), self._latest.get(key)
            if old is not None and old.snapshot.data is not None:
                lost = replace(
                    old.snapshot, serial=serial, now=now, state="lost", message=message, fresh=False
                )
            else:
                # A fault after a good start is no missing workspace.
                chosen = "lost" if seen else state
                lost = Snapshot(serial, key, now, chosen, message, self.name, fresh=False)
            self._publish(key, lost)
        self._drop(close=self._owned)

    def _read_common(self, workspace: Workspace) -> _Common:
        status = workspace.status()
        common = self._common or _Common(status)
        changed = status.version != common.status.version or common.shape[0] < 0
        common.status = status
        began = self._monotonic()
        if changed or began >= common.due:
            if began >= common.due:
                common.tables = tuple(workspace.tables())
                shape = (status.tables, status.metrics)
                if shape != common.shape:
                    common.spec = choose(common.tables, workspace.metrics())
                    common.shape = shape
                cost = self._monotonic() - began
                common.due = began + max(_TABLES_SECONDS, _COST_FACTOR * cost)
            common.ledger = workspace.ledger()
        self._common = common
        return common

    def _snapshot(self, workspace: Workspace, common: _Common, key: str) -> Snapshot:
        now, status = self._clock.now(), common.status
        first, last = parse_iso(status.first_event), parse_iso(status.last_event)
        chosen = default_key(status.status, first, last, now) if key == AUTO else key
        where = window(chosen, status.status, first, last, now)
        data = None
        if status.status != "empty":
            data = self._data(workspace, common, chosen, where)
        return Snapshot(
            serial=next(self._serials),
            key=chosen,
            now=now,
            state=status.status,
            message=status.message,
            name=self.name or Path(status.workspace).stem,
            status=status,
            window=where,
            data=data,
            tables=common.tables,
            ledger=common.ledger,
        )

    def _data(self, workspace: Workspace, common: _Common, key: str, where: Window) -> Data:
        status = common.status
        # A range that ends now moves on with its finest bucket even when no data comes.
        bucket = int(where.end.timestamp() // min(where.line.total_seconds(), 60))
        mark = (status.version, status.status, common.spec, bucket)
        known, began = self._ranges.get(key), self._monotonic()
        if known is not None and (known.mark == mark or began < known.due):
            return known.data
        earlier = known.data if known is not None and known.mark[2:] == mark[2:] else None
        data = read_data(workspace, common.spec, where, silent_since(status), earlier)
        self.computed += 1
        cost = self._monotonic() - began
        with clocks_of(status.timezone):
            self._ranges[key] = _Range(data, draw(data), mark, began + _COST_FACTOR * cost)
        return data

    @staticmethod
    def _monotonic() -> float:
        return time.monotonic()
