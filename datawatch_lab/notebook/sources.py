"""A watched database in a notebook: a card that goes on while the copy runs, and after."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.errors import DataWatchError, SourceError
from datawatch_lab.core.watching import Unwatched, WatchState
from datawatch_lab.notebook import markup
from datawatch_lab.service import watching
from datawatch_lab.views import format as words

if TYPE_CHECKING:
    from collections.abc import Callable

    from datawatch_lab.service.handle import Workspace

_QUICK, _SLOW = 0.5, 2.0  # seconds between two looks: while copying, and after
_SHOWN_SECONDS = 600.0
_WAIT_SECONDS = 0.2
_BUSY = ("starting", "snapshot")
_OVER = ("failed", "stopped")


class Watched:
    """A database that the workspace watches.

    Shown in a cell it is a card with progress, rate and lag, which goes on for ten minutes; asked
    for again, it goes on from then.

    Attributes:
        name: of the source.
        last: its state when it was last asked for.
    """

    def __init__(self, workspace: Workspace, state: WatchState, url: str = "") -> None:
        self.name = state.name
        self.last = state
        self._url = url
        self._workspace = workspace
        self._card: Card | None = None

    @property
    def state(self) -> WatchState:
        """How it is doing now."""
        self.last = watching.state_of(self._workspace, self.name)
        return self.last

    def wait(self, seconds: float = 300.0) -> Watched:
        """Wait until the first copy is in, and give this again.

        Args:
            seconds: at most.

        Raises:
            SourceError: it failed, or it takes longer.
        """
        deadline = time.monotonic() + seconds
        while (state := self.state).state in (*_BUSY, "reconnecting"):
            if time.monotonic() > deadline:
                raise SourceError(f"{self.name} is not copied after {seconds:g} s: {line(state)}")
            time.sleep(_WAIT_SECONDS)
        if state.state in _OVER:
            raise SourceError(f"{self.name}: {state.message}", hint=state.hint)
        return self

    def remove(self, *, keep: bool = False) -> Unwatched:
        """Watch it no more; its tables and metrics stay.

        Args:
            keep: leave slot and publications on its server, which then keeps its log.

        Raises:
            SourceError: it is watched no more, but its server cannot be reached or refuses.
        """
        self.stop_showing()
        if self._url:
            return watching.unwatch(self._workspace, self.name, self._url, keep=keep)
        return self._workspace.unwatch(self.name, keep=keep)

    def stop_showing(self) -> None:
        """Let the card rest as it is; the database is watched on."""
        if self._card is not None:
            self._card.stop()

    def __repr__(self) -> str:
        return f"<Watched {markup.short(self.name)}: {line(self.last)}>"

    def _repr_html_(self) -> str:
        return card(self.last)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self.stop_showing()
        self.last = watching.state_of(self._workspace, self.name)
        shown: Any = display
        handle = shown(
            {"text/html": card(self.last), "text/plain": repr(self)}, raw=True, display_id=True
        )
        if handle is not None:
            self._card = Card(lambda: self.state, handle.update)
            self._card.start()


def connect_source(
    workspace: Workspace,
    url: str,
    *,
    name: str = "",
    include: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    snapshot: bool = True,
) -> Watched:
    """Watch a database.

    Args:
        workspace: that watches it.
        url: its address, with the password or a reference to the environment in its place.
        name: of the source; by default made of host and database.
        include: pattern or patterns of tables such as ``public.*``; none for all.
        exclude: the same; it wins.
        snapshot: copy the rows that are there first.

    Raises:
        InputError: the address cannot be read.
        SourceError: its server cannot be reached, or lacks something; says how to fix it.
    """
    asked = watching.complete_address(url) if workspace.is_remote else url
    state = workspace.watch(
        asked,
        name=name,
        include=[include] if isinstance(include, str) else list(include),
        exclude=[exclude] if isinstance(exclude, str) else list(exclude),
        snapshot=snapshot,
    )
    return Watched(workspace, state, url)


class Card:
    """Draws a state anew in its place, in a thread, until it is over or nobody asked for long.

    Args:
        ask: gives the state.
        draw: puts a bundle of MIME types in the place of the last one.
    """

    def __init__(self, ask: Callable[[], WatchState], draw: Callable[..., object]) -> None:
        self._ask = ask
        self._draw = draw
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="datawatch-card", daemon=True)

    def start(self) -> None:
        """Begin to draw."""
        self._thread.start()

    def stop(self) -> None:
        """End with the picture that is there."""
        self._halt.set()
        if self._thread.ident is not None and threading.current_thread() is not self._thread:
            self._thread.join(_SLOW)

    def _run(self) -> None:
        deadline = time.monotonic() + _SHOWN_SECONDS
        pause = _QUICK
        while not self._halt.wait(pause) and time.monotonic() < deadline:
            try:
                state = self._ask()
            except DataWatchError as error:  # closed, removed, or its server went away
                said = markup.block(markup.paragraph(markup.tag("not shown any more"), error))
                self._draw({"text/html": said, "text/plain": str(error)}, raw=True)
                return
            self._draw({"text/html": card(state), "text/plain": line(state)}, raw=True)
            if state.state in _OVER:
                return
            pause = _QUICK if state.state in _BUSY else _SLOW


def line(state: WatchState) -> str:
    """A state in one line."""
    if state.copying is not None:
        copy = state.copying
        return f"copying, {copy.share:.0%} of about {copy.expected:,} rows"
    if state.state == "streaming":
        lag = _lag(state)
        return f"streaming, {state.rows:,} rows, {state.rows_per_second:,.0f} rows/s, lag {lag}"
    return f"{state.state}: {state.message}" if state.message else state.state


def card(state: WatchState) -> str:
    """A state as HTML; needs no script."""
    parts = [markup.paragraph(markup.name(state.name), markup.tag(state.state))]
    if state.copying is not None:
        parts.append(_bar(state))
    if state.state in ("failed", "reconnecting"):
        parts.append(markup.paragraph(state.message, markup.soft(state.hint)))
    lag = _lag(state)
    rows: Sequence[tuple[str, str]] = (
        ("Rows stored", f"{state.rows:,} ({state.rows_per_second:,.0f} rows/s)"),
        ("Lag", lag),
        ("Slot", state.slot),
        ("Since", f"{markup.clock(state.since)} UTC"),
    )
    parts.append(markup.table(["", ""], [(markup.soft(key), said) for key, said in rows]))
    return markup.block(*parts)


def _bar(state: WatchState) -> markup.Safe:
    copy = state.copying
    if copy is None:
        return markup.Safe("")
    left = "" if copy.seconds_left is None else f" · {copy.seconds_left:,.0f} s to go"
    said = f"{copy.share:.0%} · {copy.rows:,} of about {copy.expected:,} rows · {copy.table}{left}"
    bar = (
        f'<progress max="1" value="{copy.share:.4f}" '
        'style="width:260px;vertical-align:middle"></progress>'
    )
    return markup.Safe(f"<p>{bar} {markup.text(said)}</p>")


def _lag(state: WatchState) -> str:
    """What is not stored yet, bytes of a log or events of a broker."""
    if state.lag_events is not None:
        return f"{max(0, state.lag_events):,} events"
    return "–" if state.lag_bytes is None else _size(state.lag_bytes)


def _size(number: float) -> str:
    return words.plain(words.size(max(0.0, number)))
