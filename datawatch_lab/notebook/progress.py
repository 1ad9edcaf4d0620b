"""A progress bar where somebody watches: in the cell of a notebook, or in a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from datawatch_lab.notebook import markup

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PAUSE = 0.2
_BAR = 30


def shell() -> InteractiveShell | None:
    """The IPython that runs this, or None; does not load IPython where it is not loaded."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def in_kernel() -> bool:
    """Whether output goes to a notebook."""
    return getattr(shell(), "kernel", None) is not None


class Face(Protocol):
    """Where progress is shown."""

    def show(self, share: float | None, said: str) -> None:
        """Show a share in [0, 1] (None: not known) and a text."""
        ...

    def end(self) -> None:
        """Take it away."""
        ...


class CellFace:
    """A bar of HTML in the cell; needs no widgets."""

    def __init__(self) -> None:
        from IPython.display import display

        self._handle: Any = display(  # type: ignore[no-untyped-call]
            {"text/plain": ""}, raw=True, display_id=True
        )

    def show(self, share: float | None, said: str) -> None:
        """Draw it anew in its place."""
        value = "" if share is None else f' value="{share:.4f}"'
        bar = f'<progress max="1"{value} style="width:260px;vertical-align:middle"></progress>'
        html = markup.block(markup.Safe(f"<p>{bar} {markup.text(said)}</p>"))
        self._handle.update({"text/html": html, "text/plain": said}, raw=True)

    def end(self) -> None:
        """Leave nothing behind."""
        self._handle.update({"text/plain": ""}, raw=True)


class TerminalFace:
    """A line on standard error that is drawn over."""

    def __init__(self) -> None:
        self._width = 0

    def show(self, share: float | None, said: str) -> None:
        """Draw it over the last one."""
        full = 0 if share is None else round(share * _BAR)
        line = f"[{'#' * full}{'.' * (_BAR - full)}] {said}"
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)

    def end(self) -> None:
        """Clear the line."""
        sys.stderr.write("\r" + " " * self._width + "\r")
        sys.stderr.flush()


def face() -> Face | None:
    """Where progress can be shown here; None where nobody watches."""
    if in_kernel():
        return CellFace()
    return TerminalFace() if sys.stderr.isatty() else None


class Bar:
    """Progress of one run; draws at most five times a second.

    Args:
        what: is read.
        shown: where to draw; None draws nothing.
    """

    def __init__(self, what: str, shown: Face | None) -> None:
        self.what = what
        self.events = 0
        self._face = shown
        self._share: float | None = None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._face is not None:
            self._face.end()

    def done(self, done: float, total: float | None, events: int) -> None:
        """How far the source has read; in bytes or seconds, total None when not known."""
        self.events = max(self.events, events)
        self._share = min(1.0, done / total) if total else None
        if time.monotonic() - self._drawn >= _PAUSE:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self._face is not None:
            self._face.show(self._share, f"{markup.short(self.what, 60)}: {self.events:,} events")
