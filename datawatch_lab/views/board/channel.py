"""A channel: one board as one kind of viewer looks at it, computed once for all of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery
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

_BEHIND = 10  # messages; who is further behind is sent the whole
_COST_FACTOR = 4.0
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
        self.building = threading.Lock()
        self.sent_bytes = 0
        self._first = first
        self._parts: dict[str, Part] = {}
        self._marks: dict[str, tuple[object, ...]] = {}
        self._late: dict[str, float] = {}
        self._pending: deque[str] = deque()
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

    def build(self, view: View, *, within: float | None = None) -> bool:
        """Bring the tiles up to date and make the next message; the caller holds `building`.

        Args:
            view: of this moment.
            within: seconds after which the tiles that are left wait for the next time.

        Returns:
            Whether all tiles were asked.
        """
        began = time.monotonic()
        is_new = self._view is None or self.dashboard.tiles != view.dashboard.tiles
        self.dashboard = view.dashboard
        head = self._read_head(view)
        tiles = {each.id: each for each in view.dashboard.tiles}
        if is_new or not self._pending:
            self._pending = deque(id_ for id_, each in tiles.items() if self._is_due(view, each))
        changed: dict[str, Part] = {}
        while self._pending and (within is None or time.monotonic() - began <= within):
            tile = tiles[self._pending.popleft()]
            part = self._ask(view, tile)
            if part != self._parts.get(tile.id):
                changed[tile.id] = part
        changed.update({id_: _LOADING for id_ in self._pending if id_ not in self._parts})
        self._publish(view, head, changed, is_new=is_new)
        return not self._pending

    def _read_head(self, view: View) -> BoardHead:
        """The board without its values; the choices of its variables are asked for now and then.

        They are asked for here, on behalf of who looks, and never where a message is sent.
        """
        shape = (view.dashboard, view.range_key, view.status.timezone)
        mark = (*shape, view.status.version)
        held, start = self._head, time.monotonic()
        is_same = self._head_mark[: len(shape)] == shape
        if held is not None and (mark == self._head_mark or (is_same and start < self._head_late)):
            return held
        made = head_of(view.dashboard, view.look, view, titles_of(view.dashboard))
        now = time.monotonic()
        self._head_late = now + max(_HEAD_SECONDS, _COST_FACTOR * (now - start))
        self._head_mark = mark
        return made

    def _ask(self, view: View, tile: Tile) -> Part:
        start = time.monotonic()
        part = show(view, tile)
        self._late[tile.id] = start + _COST_FACTOR * (time.monotonic() - start)
        self._marks[tile.id] = self._mark(view, tile)
        return part

    def _mark(self, view: View, tile: Tile) -> tuple[object, ...]:
        """What a tile's values depend on; while it stays the same they need not be asked."""
        where = view.window()
        bucket = int(where.end.timestamp() // min(60.0, where.line.total_seconds()))
        board = view.dashboard
        shared = (board.filters, board.variables, board.notes, board.annotations, view.range_key)
        return (view.status.version, view.status.status, bucket, tile, id(view.happened), shared)

    def _is_due(self, view: View, tile: Tile) -> bool:
        """A tile that is slow to answer is asked less often, whatever the board says."""
        if self._parts.get(tile.id, _LOADING) == _LOADING:
            return True
        same = self._marks.get(tile.id) == self._mark(view, tile)
        return not same and time.monotonic() >= self._late.get(tile.id, 0.0)

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
                at=_ms(view.now.timestamp()),
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
    head = head_of(view.dashboard, view.look, view, titles_of(view.dashboard))
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
