"""Whether somebody still looks: the page answers each beat, a page that is gone does not."""

from __future__ import annotations

from enum import StrEnum

_MISSED = 5
_REPLACED_SECONDS = 10.0
_WAIT_SECONDS = 15.0
_GONE_SECONDS = 600.0


class Verdict(StrEnum):
    """What to do next."""

    SHOW = "show"
    WAIT = "wait"
    END = "end"


class Pulse:
    """Beats that were sent and those that the page answered.

    A notebook does not always tell its kernel that an output was cleared, and never that a browser
    was closed or lost its connection. So each round sends a number that the page sends back. When
    five beats and ten seconds pass without an answer, and a cell was run since the last one, the
    page is there and the plot is not: the end. Otherwise it waits, sending beats only, for ten
    minutes. While a cell runs no beats are sent, so a busy kernel does not count.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._answered = 0
        self._since = 0.0
        self._runs: int | None = None
        self._runs_sent = 0

    def beat(self, now: float, runs: int) -> int:
        """The next number to send.

        Args:
            now: monotonic seconds.
            runs: cells that were run so far.
        """
        if self._answered == self.sent:
            self._since = now
        self._runs_sent = runs
        if self._runs is None:
            self._runs = runs
        self.sent += 1
        return self.sent

    def heard(self, number: int) -> None:
        """The page answered a beat, and with it those before."""
        self._answered = max(self._answered, number)
        self._runs = self._runs_sent

    def verdict(self, now: float, runs: int) -> Verdict:
        """Show while answers come, wait when they fail to, end when they stay away."""
        if self.sent - self._answered < _MISSED:
            return Verdict.SHOW
        silence = now - self._since
        replaced = runs != self._runs and silence > _REPLACED_SECONDS
        if replaced or silence > _GONE_SECONDS:
            return Verdict.END
        return Verdict.WAIT if silence > _WAIT_SECONDS else Verdict.SHOW
