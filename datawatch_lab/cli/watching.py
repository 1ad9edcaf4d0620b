"""How a watched database is doing: in a terminal one line that is drawn over, else log lines."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from datawatch_lab.cli import text
from datawatch_lab.cli.options import on_terminal, say

if TYPE_CHECKING:
    from datawatch_lab.cli.signals import Interruption
    from datawatch_lab.core.watching import WatchState
    from datawatch_lab.service.handle import Workspace

_LOOK_SECONDS = 0.25
_LOG_SECONDS = 10.0
_BAR = 24
_STATES = {
    "starting": "empty",
    "snapshot": "live",
    "streaming": "live",
    "reconnecting": "silent",
    "failed": "silent",
    "stopped": "empty",
}


def follow(handle: Workspace, name: str, interruption: Interruption) -> None:
    """Show how a source is doing until a signal comes.

    Raises:
        SourceError: it failed, and will not be tried again.
        NotFoundError: somebody else took it away.
    """
    from datawatch_lab.core.errors import SourceError
    from datawatch_lab.service.watching import state_of

    line = Line()
    try:
        while not interruption.signal:
            state = state_of(handle, name)
            if state.state in ("failed", "stopped"):
                raise SourceError(state.message, hint=state.hint)
            line.show(state)
            time.sleep(_LOOK_SECONDS)
    finally:
        line.end()


class Line:
    """The state of one source, drawn anew at each look; without a terminal, when it changes."""

    def __init__(self) -> None:
        self._watched = on_terminal()
        self._last: WatchState | None = None
        self._said_at = time.monotonic()
        self._began = time.monotonic()
        self._copied = 0
        self._width = 0

    def show(self, state: WatchState) -> None:
        """Show it; what changed for good stays on a line of its own."""
        if state.copying is not None:
            self._copied = state.copying.rows
        changed = self._last is None or self._last.state != state.state
        if changed:
            self._tell(state)
        elif state.state == "snapshot" and not self._watched and self._is_due():
            self._say(sentence(state))
        self._last = state
        if self._watched:
            self._draw(sentence(state))

    def end(self) -> None:
        """Take the line away."""
        if self._width:
            self._draw("")
            sys.stderr.write("\r")
            sys.stderr.flush()

    def _tell(self, state: WatchState) -> None:
        before = self._last.state if self._last else "starting"
        if state.state == "streaming":
            spent = text.seconds(time.monotonic() - self._began)
            copied = f"Copied {text.plural(self._copied, 'row')} in {spent}. "
            done = copied if before == "snapshot" else ""
            again = "Connected again. " if before == "reconnecting" else ""
            self._say(f"{done}{again}Following every change; Ctrl-C stops it.")
        elif state.state == "reconnecting" or self._is_log_of_copy(state):
            self._say(sentence(state))

    def _is_log_of_copy(self, state: WatchState) -> bool:
        return state.copying is not None and not self._watched

    def _is_due(self) -> bool:
        return time.monotonic() - self._said_at > _LOG_SECONDS

    def _say(self, said: str) -> None:
        self.end()
        say(said)
        self._said_at = time.monotonic()

    def _draw(self, said: str) -> None:
        sys.stderr.write("\r" + said.ljust(self._width))
        sys.stderr.flush()
        self._width = len(said)


def sentence(state: WatchState) -> str:
    """A state in one line for people."""
    if state.state == "snapshot" and state.copying is not None:
        copy = state.copying
        full = round(copy.share * _BAR)
        left = "" if copy.seconds_left is None else f" · {text.seconds(copy.seconds_left)} to go"
        return (
            f"[{'#' * full}{'.' * (_BAR - full)}] {copy.share:.0%} · {copy.rows:,} of about "
            f"{copy.expected:,} rows · {text.clean(copy.table, 40)}{left}"
        )
    if state.state == "streaming":
        return (
            f"streaming · {state.rows_per_second:,.0f} rows/s · {state.rows:,} rows so far · "
            f"lag {lag_words(state)}"
        )
    if state.state == "reconnecting":
        return f"connecting again since {text.moment(state.since)} UTC: {text.clean(state.message)}"
    return text.clean(state.message)


def lag_words(state: WatchState) -> str:
    """The lag with its unit; ``–`` while it is not known."""
    if state.lag_events is not None:
        return text.plural(max(0, state.lag_events), "event")
    return "–" if state.lag_bytes is None else text.size(max(0, state.lag_bytes))


def show_watched(watched: list[WatchState]) -> None:
    """The watched databases as a table on standard output; nothing for none."""
    from datawatch_lab.cli.show import console, grid, row
    from datawatch_lab.cli.show import state as sign

    if not watched:
        return
    table = grid(("Watched", "Slot", "Lag", "Kept log", "Rows/s", "State"),
                 numbers=("Lag", "Kept log", "Rows/s"))  # fmt: skip
    for each in watched:
        kept = "–" if each.retained_bytes is None else text.size(each.retained_bytes)
        row(
            table,
            each.name,
            each.slot,
            lag_words(each),
            kept,
            f"{each.rows_per_second:,.0f}",
            sign(_STATES[each.state], _short(each)),
        )
    out = console()
    out.print()
    out.print(table)


def _short(state: WatchState) -> str:
    if state.copying is not None:
        return f"snapshot {state.copying.share:.0%}"
    if state.state in ("reconnecting", "failed"):
        return f"{state.state} since {text.moment(state.since)} UTC: {state.message} {state.hint}"
    return state.message
