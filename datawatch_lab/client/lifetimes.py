"""When a process forks or ends: its senders begin anew, or send what waits."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from typing import Protocol


class Living(Protocol):
    """What must hear of forks and of the end."""

    def forked(self) -> None:
        """Begin anew in a child process."""
        ...

    def close(self) -> None:
        """Send what waits, or keep it."""
        ...


_living: weakref.WeakSet[Living] = weakref.WeakSet()


def follow(each: Living) -> None:
    """Tell it of forks, and close it when the program ends."""
    _living.add(each)


def close_with_worker(close: Callable[[], None]) -> None:
    """Close when a worker of `multiprocessing` ends; those run no atexit functions."""
    if "multiprocessing" not in sys.modules:
        return
    from multiprocessing import parent_process, util

    if parent_process() is not None:
        util.Finalize(None, close, exitpriority=10)


def _forked() -> None:
    for each in list(_living):
        each.forked()


def _ended() -> None:
    for each in list(_living):
        each.close()


os.register_at_fork(after_in_child=_forked)
atexit.register(_ended)
