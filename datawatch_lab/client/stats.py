"""What became of the events that were handed to a client; nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stats:
    """Counts since the client was made (in a forked child: since the fork).

    ``queued + recovered == sent + dropped + waiting``, and ``sent == accepted + duplicate +
    rejected``.

    Attributes:
        queued: events handed over.
        recovered: events that an earlier run left in its spool.
        sent: events that the server answered for.
        accepted: of these, those that were new and good.
        duplicate: of these, those that it had already.
        rejected: of these, those that it set aside (malformed, late), each told by ``on_rejected``.
        dropped: events lost because buffer and spool were full, or the client ended without them.
        waiting: events in the buffer, in the spool or on their way.
        spooled: events that were written to disk, also those that left it since.
        retries: requests that were made once more.
    """

    queued: int = 0
    recovered: int = 0
    sent: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    dropped: int = 0
    waiting: int = 0
    spooled: int = 0
    retries: int = 0


@dataclass(frozen=True)
class Rejection:
    """An event that did not get into the workspace.

    Attributes:
        event: the JSON that was sent.
        outcome: ``quarantined`` and ``late``: the server keeps it in its quarantine; ``refused``:
            the server does not take it at all; ``dropped``: there was no room for it here.
        reason: one sentence.
    """

    event: bytes
    outcome: Literal["quarantined", "late", "refused", "dropped"]
    reason: str
