"""Ending in good order: the first Ctrl-C or SIGTERM asks, the second one insists."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

_ASKED = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While it is open, SIGINT and SIGTERM call what was given to `stops` instead of raising.

    Attributes:
        signal: the number of the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._came = threading.Event()
        self._stop: Callable[[], object] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._handle) for each in _ASKED}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    def stops(self, stop: Callable[[], object]) -> None:
        """What to call when a signal comes."""
        self._stop = stop
        if self.signal:
            stop()

    def note(self) -> None:
        """Remember an interruption that came as an exception."""
        self.signal = self.signal or signal.SIGINT

    def wait(self) -> None:
        """Until a signal comes."""
        # With a timeout, since on some platforms a wait without one delays the signal's handler.
        while not self._came.wait(0.5):
            pass

    @property
    def status(self) -> int:
        """The exit status that shells expect: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal if self.signal else 0

    @property
    def server_status(self) -> int:
        """The exit status of a server: SIGTERM is its normal end, Ctrl-C gives 130."""
        return 0 if self.signal == signal.SIGTERM else self.status

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
        self._came.set()
        if self._stop is not None:
            self._stop()
