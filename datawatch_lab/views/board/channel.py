"""A channel: one board as one kind of viewer looks at it, computed once for all of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from datawatch_lab.core.dashboards import Dashboard, TileQuery
from datawatch_lab.views.board.asking import Ask, Questions
from datawatch_lab.views.board.delta import shortened
from datawatch_lab.views.board.message import (
    BoardHead,
    BoardMessage,
    Part,
    Status,
    TickMessage,
    head_of,
)
from datawatch_lab.views.board.tiles import show
from datawatch_lab.views.board.view import Look, View
from datawatch_lab.views.clock import clocks_of, told

RING = 120
"""Messages that are kept for those who come back."""

SLICE_SECONDS = 0.15
"""A round is ended after this long; what is answered later comes in messages of its own."""

_BEHIND = 10  # messages; who is further behind is sent the whole
_HEAD_SECONDS = 5.0
_NAMED = 3
_LOADING = Part(state="loading", say="Loading")

_encode = msgspec.json.Encoder().encode


class Viewer:
    """Somebody who looks. Not for several threads at once.

    Args:
        channel: looked at.
        changed: called when there is something new, in the thread that computes; must not block.
        since: number of the last message that they have; None for none.
    """

    def __init__(
        self, channel: Channel, changed: Callable[[], object], since: int | None = None
    ) -> None:
        self.channel = channel
        self.changed = changed
        self.since = since

    def next(self) -> bytes | None:
        """The next message to send: the whole for who has nothing or lags; None for all sent."""
        text, self.since = self.channel.after(self.since)
        return text

    def close(self) -> None:
        """Look no more; harmless when said twice."""
        self.channel.leave(self)


class Channel:
    """The messages of one board for one look. Several threads may use it.

    Args:
        dashboard: shown.
        look: role, range, filters and variables.
        first: number before the first message; larger than any that an earlier server gave.
    """

    def __init__(self, dashboard: Dashboard, look: Look, first: int) -> None:
        self.dashboard = dashboard
        self.look = look
        self.seq = first
        self.viewers: set[Viewer] = set()
        self.left = 0.0
        self.due = 0.0
        self.until = 0.0
        self.building = threading.Lock()
        self.sent_bytes = 0
        self._first = first
        self._parts: dict[str, Part] = {}
        self._questions = Questions()
        self._round: View | None = None
        self._began = 0.0
        self._ring: deque[bytes] = deque(maxlen=RING)
        self._view: View | None = None
        self._head: BoardHead | None = None
        self._head_mark: tuple[object, ...] = ()
        self._head_late = 0.0
        self._whole: tuple[int, bytes] | None = None
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ who looks

    def enter(self, changed: Callable[[], object], since: int | None = None) -> Viewer:
        """Somebody looks."""
        viewer = Viewer(self, changed, since)
        with self._lock:
            self.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Somebody looks no more."""
        with self._lock:
            self.viewers.discard(viewer)
            self.left = time.monotonic()
            is_last = not self.viewers
        if is_last:  # what nobody has begun to ask, nobody needs
            self._questions.cancel()

    def after(self, since: int | None) -> tuple[bytes | None, int | None]:
        """The message after a number, and the number that its receiver has then."""
        with self._lock:
            if self._head is None or since == self.seq:
                return None, since
            oldest = self.seq - len(self._ring)
            if since is None or not oldest <= since < self.seq or self.seq - since > _BEHIND:
                return self._snapshot(), self.seq
            return self._ring[since - oldest], since + 1

    @property
    def is_ready(self) -> bool:
        """Whether there is a message."""
        return self._head is not None

    # ------------------------------------------------------------------ what they see

    @property
    def is_open(self) -> bool:
        """Whether a round was begun and not ended."""
        return self._round is not None

    @property
    def is_settled(self) -> bool:
        """Whether every question has its answer."""
        return self._questions.is_settled

    @property
    def has_news(self) -> bool:
        """Whether there is an answer that no message has yet."""
        return self._questions.has_news

    def begin(self, view: View, ask: Ask, within: float = SLICE_SECONDS) -> None:
        """Begin a round: have asked what is due; the caller holds `building`.

        Args:
            view: of this moment.
            ask: asks.
            within: seconds after which the round is ended; what is answered later comes later.
        """
        self.dashboard = view.dashboard
        self._began = time.monotonic()
        self._questions.ask(view, ask)
        self._round = view
        self.until = time.monotonic() + within

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the answers, at most so long; `building` need not be held."""
        self._questions.wait(seconds)

    def end(self) -> None:
        """Make the message of what was answered by now; the caller holds `building`.

        There is none where no round was begun and nothing was answered since the last one.
        """
        view = self._round or self._view
        if view is None:
            return
        is_round, self._round = self.is_open, None
        found = self._questions.take(view)
        changed = {id_: part for id_, part in found.items() if part != self._parts.get(id_)}
        head = self._read_head(view)
        if is_round or changed or head is not self._head:
            missing = (each.id for each in view.dashboard.tiles if each.id not in self._parts)
            waiting = filter(self._questions.is_waiting, missing)
            is_new = self._view is None or self._view.dashboard.tiles != view.dashboard.tiles
            changed = {**dict.fromkeys(waiting, _LOADING), **changed}
            self._publish(view, head, changed, is_new=is_new)
        self.until = time.monotonic() + SLICE_SECONDS

    def _later(self) -> float:
        """Seconds from the beginning of the round to the first question of this message."""
        since = self._questions.since
        return 0.0 if since is None else max(0.0, since - self._began)

    def _read_head(self, view: View) -> BoardHead:
        """The board without its values, made anew now and then where data has come."""
        shape = (view.dashboard, view.range_key, view.status.timezone, self._questions.choices)
        mark = (*shape, view.status.version)
        held, now = self._head, time.monotonic()
        is_same = self._head_mark[: len(shape)] == shape
        if held is not None and (mark == self._head_mark or (is_same and now < self._head_late)):
            return held
        titles = titles_of(view.dashboard)
        made = head_of(view.dashboard, view.look, view, titles, self._questions.choices)
        self._head_mark, self._head_late = mark, now + _HEAD_SECONDS
        return made

    def _publish(
        self, view: View, head: BoardHead, changed: dict[str, Part], *, is_new: bool
    ) -> None:
        moved = self._view is not None and (
            self._view.range_key != view.range_key or self._view.dashboard != view.dashboard
        )
        before = self._head
        with self._lock:
            tick = TickMessage(
                seq=self.seq + 1,
                at=_ms(view.now.timestamp() + self._later()),
                span=_span(view),
                status=_status(view),
                parts={id_: shortened(self._parts.get(id_), each) for id_, each in changed.items()},
                variables=head.variables if before and before.variables != head.variables else None,
            )
            known = {each.id for each in view.dashboard.tiles}
            self._parts = {
                id_: each for id_, each in {**self._parts, **changed}.items() if id_ in known
            }
            self._view = view
            self._head = head
            self.seq += 1
            if is_new or moved:
                self._ring.clear()
                self._whole = None
            else:
                text = _encode(tick)
                self.sent_bytes = len(text)
                self._ring.append(text)
            viewers = tuple(self.viewers)
        for each in viewers:
            each.changed()

    def _snapshot(self) -> bytes:
        """The whole as one message, made once while nothing changes."""
        if self._whole is not None and self._whole[0] == self.seq:
            return self._whole[1]
        view, head = self._view, self._head
        if view is None or head is None:  # `after` has looked
            return b""
        text = _encode(_message(view, head, self._parts, self.seq))
        self._whole = (self.seq, text)
        return text


def whole(view: View, parts: dict[str, Part], seq: int) -> BoardMessage:
    """The message that has all of a board; it asks for the choices of variables."""
    titles = titles_of(view.dashboard)
    head = head_of(view.dashboard, view.look, view, titles, view.all_choices())
    return _message(view, head, parts, seq)


def _message(view: View, head: BoardHead, parts: dict[str, Part], seq: int) -> BoardMessage:
    return BoardMessage(
        seq=seq,
        at=_ms(view.now.timestamp()),
        span=_span(view),
        status=_status(view),
        board=head,
        parts=parts,
    )


def parts_of(view: View, tiles: Iterable[str] | None = None) -> dict[str, Part]:
    """What the tiles of a board show now, by id; of some of them, or of all."""
    wanted = None if tiles is None else set(tiles)
    return {
        each.id: show(view, each)
        for each in view.dashboard.tiles
        if wanted is None or each.id in wanted
    }


def titles_of(dashboard: Dashboard) -> dict[str, str]:
    """Titles for tiles that have none: what they ask."""
    return {
        each.id: _title(each.all_queries)
        for each in dashboard.tiles
        if not each.title and each.all_queries
    }


def _title(queries: tuple[TileQuery, ...]) -> str:
    """What several queries are about: the names of all, or of the first ones; one says by what."""
    first, *others = queries
    names = [(each.label or each.metric or each.table).replace("_", " ") for each in queries]
    if others:
        more = " …" if len(names) > _NAMED else ""
        return ", ".join(dict.fromkeys(names[:_NAMED])) + more
    by = f" by {', '.join(first.by)}" if first.by else ""
    return names[0] if names[0].endswith(by.replace("_", " ")) else names[0] + by


def _status(view: View) -> Status:
    with clocks_of(view.status.timezone):
        return Status(view.status.status, told(view.status.message))


def _span(view: View) -> tuple[int, int]:
    where = view.window()
    return _ms(where.start.timestamp()), _ms(where.end.timestamp())


def _ms(seconds: float) -> int:
    return int(seconds * 1_000)
