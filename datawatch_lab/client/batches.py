"""When a batch is sent, and the batch that is on its way."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """When a batch is sent, and how much waits.

    Attributes:
        batch_size: events of a request; so many in the buffer are sent at once.
        flush_interval: seconds after which fewer are sent.
        buffer_size: events in memory; more go to the spool, or are dropped and counted.
    """

    batch_size: int = 1_000
    flush_interval: float = 5.0
    buffer_size: int = 10_000


@dataclass
class Held:
    """A batch of the buffer that is on its way, or waits to be tried again.

    Attributes:
        place: its place in the order of the spool, should it go there; 0 while there is none.
    """

    lines: list[bytes] = field(default_factory=list)
    place: int = 0
