"""What detection is given to do, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from datawatch_lab.core.values import TableInfo

Moments = Callable[[int], datetime]
"""End of a bucket, epoch seconds → when it closed, by the clock."""


@dataclass(frozen=True)
class Closed:
    """Minutes of a table that closed.

    Attributes:
        start: of the first minute.
        end: of the last one.
        at: when each minute closed, by the clock.
    """

    table: TableInfo
    start: datetime
    end: datetime
    at: Moments


@dataclass
class Learning:
    """How far the training of series is.

    Attributes:
        series: that begin to be watched.
        rows: buckets of all of them.
        done: of these.
    """

    series: int
    rows: int
    done: int = 0

    @property
    def share(self) -> float:
        """Of what there is to do, in [0, 1]."""
        return min(self.done / self.rows, 1.0) if self.rows else 0.0


class Stopped(Exception):  # noqa: N818 — no error: the workspace is being closed
    """Detection is to end now."""


class Changed(Exception):  # noqa: N818 — no error: somebody wants other settings
    """Detection is to begin anew from what is stored, with other settings."""
