"""Whether somebody still looks: the page answers each beat, a page that is gone does not."""

from __future__ import annotations

from enum import StrEnum

_MISSED = 5
_SILENT_SECONDS = 10.0
_GONE_SECONDS = 600.0


class Verdict(StrEnum):
    """What to do next."""

    SHOW = "show"
    RENEW = "renew"
    WAIT = "wait"
    END = "end"


class Pulse:
    """Beats that were sent and those that the page answered.

    A notebook does not always tell its kernel that an output was cleared, and never that a browser
    was closed or lost its connection; and a page that lost a part of a message understands none of
    those that follow. So each round sends a number that the page sends back. When five beats and
    ten seconds pass without an answer, the output is renewed once. If that does not help, it ends
    when a cell was run since the last answer (the page is there, the output is not), and otherwise
    waits for ten minutes, sending beats only. While a cell runs no beats are sent, so a busy kernel
    is not taken for a missing page.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._answered = 0
        self._since = 0.0
        self._renewed: float | None = None
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
        self._renewed = None

    def verdict(self, now: float, runs: int) -> Verdict:
        """Show while answers come; renew, wait or end when they stay away."""
        missed = self.sent - self._answered >= _MISSED
        if not missed or now - (self._renewed or self._since) <= _SILENT_SECONDS:
            return Verdict.SHOW
        if self._renewed is None:
            self._renewed = now
            return Verdict.RENEW
        gone = now - self._since > _GONE_SECONDS
        return Verdict.END if gone or runs != self._runs else Verdict.WAIT
