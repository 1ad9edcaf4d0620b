"""Ending in good order: the first Ctrl-C or SIGTERM asks, the second one insists.

A terminal that is closed asks as well (SIGHUP), unless the program was told to outlive it (nohup).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

_ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STREAMS = 3


class Interruption:
    """While it is open, SIGINT, SIGTERM and SIGHUP call what was given to `stops`; none raises.

    Attributes:
        signal: the number of the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._came = threading.Event()
        self._stop: Callable[[], object] | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._screens: list[int] = []

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            asked = [each for each in _ASKED if not _is_outlived(each)]
            self._before = {each: signal.signal(each, self._handle) for each in asked}
            self._screens = [each for each in range(_STREAMS) if os.isatty(each)]
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
        if number == signal.SIGHUP:
            self._leave_screen()
            if self.signal:  # it comes twice, of the system and of the shell, and never insists
                return
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
        self._came.set()
        if self._stop is not None:
            self._stop()

    def _leave_screen(self) -> None:
        """Write to a terminal that is gone no more: each word would be an error on the way out."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for each in self._screens:
            os.dup2(nowhere, each)
        os.close(nowhere)
        self._screens = []


def _is_outlived(number: signal.Signals) -> bool:
    """Whether a signal is that of a terminal which the program was told to outlive."""
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN
