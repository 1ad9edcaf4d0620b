"""Whether somebody still looks: the page answers each beat, a page that is gone does not."""

from __future__ import annotations

from enum import StrEnum

_WAIT_SECONDS = 15.0
_GONE_SECONDS = 600.0


class Verdict(StrEnum):
    """What to do next."""

    SHOW = "show"
    WAIT = "wait"
    END = "end"


class Pulse:
    """Beats that were sent and those that the page answered.

    A notebook does not tell its kernel that a browser was closed or lost its connection. So each
    round sends a number that the page sends back. While it does not, nothing but beats is sent, and
    after ten minutes the end is called.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._unanswered: float | None = None

    def beat(self, now: float) -> int:
        """The next number to send.

        Args:
            now: monotonic seconds.
        """
        self.sent += 1
        if self._unanswered is None:
            self._unanswered = now
        return self.sent

    def heard(self, number: int) -> None:
        """The page answered; an answer to an old beat leaves the later ones open."""
        if number >= self.sent:
            self._unanswered = None

    def verdict(self, now: float) -> Verdict:
        """Show while answers come, wait when they fail to, end when they stay away."""
        silence = 0.0 if self._unanswered is None else now - self._unanswered
        if silence > _GONE_SECONDS:
            return Verdict.END
        return Verdict.WAIT if silence > _WAIT_SECONDS else Verdict.SHOW
