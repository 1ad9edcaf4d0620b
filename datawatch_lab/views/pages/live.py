"""Parts of pages, made once for all who look at the same place with the same role.

A thread looks each second which places are due: those whose data has changed, no oftener than the
page wants it and with pauses of four times what it costs. A few threads make them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from datawatch_lab.core.config import Config
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.who import Who, acting
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.clock import clocks_of
from datawatch_lab.views.pages.page import Done, Look, Page
from datawatch_lab.views.pages.parts import fault
from datawatch_lab.views.pages.place import Place

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_STILL_SECONDS = 15.0
_COST_FACTOR = 4.0
_THREADS = 4
_LINGER_SECONDS = 20.0

Slots = Mapping[str, str]
Key = tuple[Place, str, str]


@dataclass
class _Seen:
    """A place that somebody looks at, and its parts as they are now."""

    page: Page
    place: Place
    who: Who
    slots: Slots | None = None
    version: int = -1
    due: float = 0.0
    stale: float = 0.0
    making: bool = False
    stirs: int = 0
    watches: list[Watch] = field(default_factory=list)


class Watch:
    """Somebody looks at a place until `close`."""

    def __init__(self, live: Live, key: Key, changed: Callable[[], None]) -> None:
        self._live = live
        self.key = key
        self.changed = changed

    @property
    def slots(self) -> Slots | None:
        """The parts by name, in order; None before the first are made."""
        return self._live.slots(self.key)

    def close(self) -> None:
        """Look no more."""
        self._live.leave(self)


class Live:
    """Makes the parts of places for all sessions of one workspace.

    Args:
        reach: opens or reaches the workspace.
        pages: by key.
        owned: close the workspace a while after the last has left, and with `close`.
        config: that the server was started with.
    """

    def __init__(
        self,
        reach: Callable[[], Workspace],
        pages: Mapping[str, Page],
        *,
        owned: bool = False,
        config: Config | None = None,
    ) -> None:
        self.pages = pages
        self.config = config
        self._reach = reach
        self._owned = owned
        self._workspace: Workspace | None = None
        self._timezone = "UTC"
        self._seen: dict[Key, _Seen] = {}
        self._lock = threading.RLock()
        self._opening = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="datawatch-view")

    # ------------------------------------------------------------------ who looks

    def watch(self, place: Place, who: Who, changed: Callable[[], None]) -> Watch:
        """Look at a place; ``changed`` is called from a thread whenever there is something new."""
        page = self.pages[place.page]
        key = (place, who.role, who.name if page.personal else "")
        watch = Watch(self, key, changed)
        with self._lock:
            seen = self._seen.setdefault(key, _Seen(page, place, who))
            seen.watches.append(watch)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._run, name="datawatch-live", daemon=True
                )
                self._thread.start()
        self._wake.set()
        return watch

    def leave(self, watch: Watch) -> None:
        """Look no more; said twice it is harmless."""
        with self._lock:
            seen = self._seen.get(watch.key)
            if seen is None or watch not in seen.watches:
                return
            seen.watches.remove(watch)
            if not seen.watches:
                del self._seen[watch.key]

    def slots(self, key: Key) -> Slots | None:
        """The parts of a place."""
        seen = self._seen.get(key)
        return None if seen is None else seen.slots

    def stir(self, page: str = "") -> None:
        """Make the places of a page anew now; of all pages without one."""
        with self._lock:
            for seen in self._seen.values():
                if page in ("", seen.place.page):
                    seen.due = seen.stale = 0.0
                    seen.version = -1
                    seen.stirs += 1
        self._wake.set()

    # ------------------------------------------------------------------ what is asked of pages

    def act(
        self,
        place: Place,
        who: Who,
        name: str,
        fields: Mapping[str, Any],
        done: Callable[[Done], None],
    ) -> None:
        """Do what somebody asks for on a page, in a thread; ``done`` is called from it."""

        def run() -> None:
            page = self.pages[place.page]
            try:
                with acting(who), clocks_of(self._timezone):
                    outcome = page.act(Look(self._open(), place, who, self.config), name, fields)
            except DataWatchError as error:
                outcome = Done(fault=str(error))
            except Exception:
                log.exception("%s: the action %s failed", place.page, name)
                outcome = Done(fault="That could not be done; see the log of the server.")
            if outcome.changed:
                self.stir()
            done(outcome)

        if not self._closed:
            self._pool.submit(run)

    def close(self) -> None:
        """Make nothing any more; returns once the threads have ended."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._drop()

    # ------------------------------------------------------------------ threads

    def _run(self) -> None:
        idle = 0.0
        while not self._closed:
            self._wake.clear()
            if self._seen:
                idle = 0.0
                self._turn()
            else:
                idle += _TICK_SECONDS
                if idle > _LINGER_SECONDS and self._retire():
                    return
            self._wake.wait(_TICK_SECONDS)

    def _retire(self) -> bool:
        with self._lock:
            if self._seen:
                return False
            self._thread = None
        self._drop()
        return True

    def _drop(self) -> None:
        with self._opening:
            workspace, self._workspace = self._workspace, None
        if self._owned and workspace is not None:
            workspace.close()

    def _open(self) -> Workspace:
        with self._opening:
            if self._workspace is None:
                self._workspace = self._reach()
            return self._workspace

    def _turn(self) -> None:
        version = self._version()
        now = time.monotonic()
        with self._lock:
            due = [
                each
                for each in self._seen.values()
                if not each.making
                and now >= each.due
                and (each.version != version or now >= each.stale)
            ]
            for each in due:
                each.making = True
        for each in due:
            made: Future[None] = self._pool.submit(self._make, each, version)
            made.add_done_callback(_report)

    def _version(self) -> int:
        try:
            status = self._open().status()
            self._timezone = status.timezone
            return status.version
        except DataWatchError:
            self._drop()
            return -2
        except Exception:
            log.exception("the version of the workspace could not be asked for")
            return -2

    def _make(self, seen: _Seen, version: int) -> None:
        began, stirs = time.monotonic(), seen.stirs
        slots = self._slots(seen)
        cost = time.monotonic() - began
        with self._lock:
            now = time.monotonic()
            seen.making = False
            if seen.stirs == stirs:
                seen.version = version
                seen.due = now + max(seen.page.every, _COST_FACTOR * cost)
                seen.stale = now + max(_STILL_SECONDS, _COST_FACTOR * cost)
            else:  # what changed meanwhile may not be in it: it is still due
                self._wake.set()
            changed = slots != seen.slots
            seen.slots = slots
            watches = tuple(seen.watches) if changed else ()
        for watch in watches:
            watch.changed()

    def _slots(self, seen: _Seen) -> Slots:
        try:
            with acting(seen.who), clocks_of(self._timezone):
                return seen.page.view(Look(self._open(), seen.place, seen.who, self.config))
        except DataWatchError as error:
            return {"fault": fault(error)}
        except Exception:
            log.exception("%s could not be made", seen.place)
            unknown = DataWatchError("This could not be shown; the log of the server says why.")
            return {"fault": fault(unknown)}


def _report(made: Future[None]) -> None:
    """A fault in handing over what was made is logged; its place is made again later."""
    if not made.cancelled() and (error := made.exception()) is not None:
        log.error("a part of a page could not be handed over", exc_info=error)
