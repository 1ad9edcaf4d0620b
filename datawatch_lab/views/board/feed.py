"""One feed for all boards of a workspace: each is computed once a tick, however many look.

A thread of the feed works only while somebody looks. It decides what is asked and makes messages;
the questions themselves are asked in a few other threads (`views.board.pool`), so that it waits for
none. Viewers who look at the same board with the same role, range, filters and variables share a
channel and are sent the same bytes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.dashboards import Dashboard
from datawatch_lab.core.errors import BusyError, DataWatchError, WorkspaceError
from datawatch_lab.core.who import UserRole, Who, acting
from datawatch_lab.views.board import happenings
from datawatch_lab.views.board.asking import Ask
from datawatch_lab.views.board.channel import SLICE_SECONDS, Channel, Viewer, parts_of, whole
from datawatch_lab.views.board.message import BoardMessage
from datawatch_lab.views.board.pool import Pool, Told
from datawatch_lab.views.board.view import Catalogue, Look, View

log = logging.getLogger(__name__)

SECONDS = {"1s": 1.0, "5s": 5.0, "30s": 30.0, "1m": 60.0}
"""What the refresh of a document means."""

MOST_CHANNELS = 200
_LINGER_SECONDS = 30.0
_RETRY_SECONDS = 3.0
_CATALOGUE_SECONDS = 5.0
_HAPPENED_SECONDS = 3.0
_FIRST_SECONDS = 0.4
_EARLY = 0.1  # of a second

Loader = Callable[[str], Dashboard]


class BoardFeed:
    """The channels of one workspace. Any thread may call it.

    Args:
        workspace: is asked; a `Workspace`.
        load: gives a dashboard by id or name; a `NotFoundError` when there is none.
        clock: tells the present.
        second: seconds that a refresh of 1s takes; shorter in tests.
    """

    def __init__(
        self, workspace: Any, load: Loader, *, clock: Clock | None = None, second: float = 1.0
    ) -> None:
        self.workspace = workspace
        self.load = load
        self._clock = clock or SystemClock()
        self._second = second
        self._channels: dict[tuple[str, Look], Channel] = {}
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pool = Pool()
        self._catalogue: dict[UserRole, tuple[float, Catalogue]] = {}
        self._happened: dict[UserRole, tuple[float, happenings.Happened]] = {}

    @property
    def viewers(self) -> int:
        """How many look, at all boards."""
        return sum(len(each.viewers) for each in tuple(self._channels.values()))

    def watch(
        self,
        dashboard: str,
        look: Look,
        changed: Callable[[], object] = lambda: None,
        since: int | None = None,
    ) -> Viewer:
        """Look at a board; `Viewer.close` ends that. Waits for a first message.

        Args:
            dashboard: its id or name.
            look: role, range, filters and variables.
            changed: called when there is something new, in the feed's thread; must not block.
            since: number of the last message that they have.

        Raises:
            DataWatchError: there is no such dashboard, or it cannot be looked at; says why.
            BusyError: too many different ones are looked at.
        """
        channel = self._channel(self.load(dashboard), look)
        viewer = channel.enter(changed, since)
        try:
            # Where others look already, the feed's thread is at it, and need not be waited for.
            if self._is_behind(channel):
                self._first(channel)
        except BaseException:
            viewer.close()
            raise
        self._start()
        return viewer

    def _is_behind(self, channel: Channel) -> bool:
        """Whether who comes now would be shown nothing, or what nobody has kept up to date."""
        is_kept = len(channel.viewers) > 1 or time.monotonic() <= channel.due + 2 * self._second
        return not (channel.is_ready and is_kept)

    def show(self, dashboard: Dashboard, look: Look | None = None) -> Viewer:
        """Look at a document that is not stored, such as one that is being edited."""
        channel = Channel(dashboard, look or Look(role="admin"), self._now_ms())
        viewer = channel.enter(lambda: None)
        self._bring(channel, channel.dashboard)
        return viewer

    def refresh(self, viewer: Viewer, dashboard: Dashboard | None = None) -> None:
        """Bring what a viewer of `show` sees up to date, with a changed document where given."""
        self._bring(viewer.channel, dashboard or viewer.channel.dashboard)

    def _bring(self, channel: Channel, dashboard: Dashboard) -> None:
        """Ask all tiles of a document, however long that takes."""
        with channel.building:
            self._begin(channel, dashboard)
        channel.wait()
        with channel.building:
            channel.end()

    def _first(self, channel: Channel) -> None:
        """Make a first message of a channel; one that somebody has begun is waited for."""
        with channel.building:
            if self._is_behind(channel) and not channel.is_open:
                self._begin(channel, self._stored(channel), _FIRST_SECONDS)
                channel.due = self._next(channel)
        channel.wait(_FIRST_SECONDS)
        with channel.building:
            if channel.is_open:
                channel.end()

    def draw(
        self, dashboard: Dashboard, look: Look, tiles: Iterable[str] | None = None
    ) -> BoardMessage:
        """What a document that is not stored shows now; of some tiles, or of all."""
        role = _role(look.role)
        with acting(Who("board", role, via="live")):
            view = self._view(dashboard, look, role)
            return whole(view, parts_of(view, tiles), self._now_ms())

    def view(self, dashboard: Dashboard, look: Look) -> View:
        """A board at this moment; ask its tiles on behalf of the role of the look."""
        return self._view(dashboard, look, _role(look.role))

    def close(self) -> None:
        """Compute nothing more; returns once the thread has ended."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._lock.notify_all()
        self._pool.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(10.0)

    # ------------------------------------------------------------------ channels

    def _channel(self, dashboard: Dashboard, look: Look) -> Channel:
        key = (dashboard.id or dashboard.name, look)
        with self._lock:
            if self._closed:
                raise WorkspaceError("the server is stopping.")
            found = self._channels.get(key)
            if found is None:
                self._make_room()
                found = self._channels[key] = Channel(dashboard, look, self._now_ms())
            return found

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1e3)

    def _make_room(self) -> None:
        """Forget a channel that nobody looks at, when there are too many."""
        if len(self._channels) < MOST_CHANNELS:
            return
        idle = [(each.left, key) for key, each in self._channels.items() if not each.viewers]
        if not idle:
            raise BusyError(
                f"{len(self._channels)} different views of boards are looked at, which is the "
                "limit.",
                hint="Choose a range and filters that others look at, or try again later.",
                details={"limit": MOST_CHANNELS, "retry_after": 5.0},
            )
        del self._channels[min(idle, key=lambda each: each[0])[1]]

    # ------------------------------------------------------------------ the feed's thread

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="datawatch-boards")
                self._thread.daemon = True
                self._thread.start()
            self._lock.notify_all()

    def _run(self) -> None:
        while True:
            due = self._wait()
            if due is None:
                return
            for channel in due:
                if not self._closed:
                    self._turn(channel)

    def _wait(self) -> list[Channel] | None:
        """Wait until something is due; None when nobody has looked for long, or all is over."""
        with self._lock:
            while not self._closed:
                now = time.monotonic()
                self._forget(now)
                if not self._channels:
                    self._thread = None
                    return None
                looked = [each for each in self._channels.values() if each.viewers]
                when = [_due(each) for each in looked]
                due = [each for each, at in zip(looked, when, strict=True) if at <= now]
                if due:
                    return due
                self._lock.wait(max(0.01, min(min(when, default=now + 1.0) - now, 1.0)))
            return None

    def _forget(self, now: float) -> None:
        for key, each in tuple(self._channels.items()):
            if not each.viewers and each.is_ready and now - each.left > _LINGER_SECONDS:
                del self._channels[key]

    def _next(self, channel: Channel) -> float:
        seconds = SECONDS.get(channel.dashboard.refresh, 5.0) * self._second
        # On the same marks for all, so that boards of one refresh are asked together.
        return (time.monotonic() // seconds + 1) * seconds + _EARLY * self._second

    def _turn(self, channel: Channel) -> None:
        """Do what is due: end a round, tell what was answered late, begin the next round."""
        with channel.building:
            try:
                if _is_over(channel, time.monotonic()):
                    channel.end()
                if channel.due <= time.monotonic() and not channel.is_open:
                    channel.due = self._next(channel)
                    self._begin(channel, self._stored(channel))
            except DataWatchError as error:
                log.warning("board %s: %s", channel.dashboard.name, error)
                channel.due = time.monotonic() + _RETRY_SECONDS * self._second
            except Exception:
                log.exception("board %s could not be brought up to date", channel.dashboard.name)
                channel.due = time.monotonic() + _RETRY_SECONDS * self._second

    def _stored(self, channel: Channel) -> Dashboard:
        held = channel.dashboard
        return self.load(held.id or held.name)

    def _begin(self, channel: Channel, dashboard: Dashboard, within: float = SLICE_SECONDS) -> None:
        role = _role(channel.look.role)
        with acting(Who("board", role, via="live")):
            view = self._view(dashboard, channel.look, role)
            channel.begin(view, self._asker(channel), within)

    def _asker(self, channel: Channel) -> Ask:
        """Has questions of a channel asked on behalf of who looks."""
        who = Who("board", _role(channel.look.role), via="live")

        def ask(question: Callable[[], object], *, is_quick: bool) -> Future[Told]:
            def asked() -> object:
                with acting(who):
                    return question()

            answer = self._pool.ask(channel, asked, is_quick=is_quick)
            answer.add_done_callback(answered)
            return answer

        def answered(_: Future[Told]) -> None:
            if channel.is_settled or not channel.is_open:
                with self._lock:
                    self._lock.notify_all()

        return ask

    def _view(self, dashboard: Dashboard, look: Look, role: UserRole) -> View:
        now = self._clock.now()
        status = self.workspace.status()
        return View(
            self.workspace,
            dashboard,
            look,
            status,
            now,
            self._read_catalogue(role),
            self._read_happened(role, now),
        )

    def _read_catalogue(self, role: UserRole) -> Catalogue:
        began = time.monotonic()
        held = self._catalogue.get(role)
        if held is None or began >= held[0]:
            found = Catalogue(
                {each.name: each for each in self.workspace.metrics()},
                {each.name: each for each in self.workspace.tables()},
            )
            held = (_again(began, _CATALOGUE_SECONDS * self._second), found)
            self._catalogue[role] = held
        return held[1]

    def _read_happened(self, role: UserRole, now: datetime) -> happenings.Happened:
        began = time.monotonic()
        held = self._happened.get(role)
        if held is None or began >= held[0]:
            found = happenings.read(self.workspace, now)
            # The same value while nothing happens, so that no tile is asked again for it.
            kept = held[1] if held is not None and held[1] == found else found
            held = (_again(began, _HAPPENED_SECONDS * self._second), kept)
            self._happened[role] = held
        return held[1]


def _is_over(channel: Channel, now: float) -> bool:
    """Whether there is a message to make now."""
    return (channel.is_open and channel.is_settled) or (
        (channel.is_open or channel.has_news) and now >= channel.until
    )


def _due(channel: Channel) -> float:
    """When there is something to do for a channel, a reading of `time.monotonic`."""
    if channel.is_open:
        return 0.0 if channel.is_settled else channel.until
    return min(channel.until, channel.due) if channel.has_news else channel.due


def _again(began: float, seconds: float) -> float:
    """When to read again: not before ten times what it cost."""
    now = time.monotonic()
    return now + max(seconds, 10 * (now - began))


def _role(text: str) -> UserRole:
    return text if text in ("viewer", "editor", "admin") else "viewer"  # type: ignore[return-value]


def _value(said: str) -> str:
    """The value of a variable as an address has it."""
    is_marked = said == "\\" or said.startswith("\\\\")
    return said[1:] if is_marked else said


def look_of(role: str, query: Mapping[str, Iterable[str]]) -> Look:
    r"""What an address asks for: ``range``, ``filter=label=value`` and ``var=name=value``.

    Nothing behind the name of a variable is all of its values, a backslash the empty one; before a
    value that begins with a backslash itself stands one more.

    >>> look_of("viewer", {"filter": ["status=paid"]}).filters
    (('status', 'paid'),)
    >>> look_of("viewer", {"var": ["a=", "b=\\", "c=x"]}).variables
    (('a', ()), ('b', ('',)), ('c', ('x',)))
    """
    values: dict[str, list[str]] = {name: list(given) for name, given in query.items()}
    chosen: dict[str, list[str]] = {}
    for each in values.get("var", []):
        name, _, value = each.partition("=")
        chosen.setdefault(name, []).extend([_value(value)] if value else [])
    pairs = {
        label: value
        for label, found, value in (each.partition("=") for each in values.get("filter", []))
        if found and label
    }
    return Look(
        role=role,
        range=(values.get("range") or [""])[-1][:80],
        filters=tuple(sorted(pairs.items()))[:20],
        variables=tuple((name, tuple(said)) for name, said in sorted(chosen.items()))[:20],
    )
