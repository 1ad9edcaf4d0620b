"""How streams of a Redis server are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class RedisOptions:
    """How streams are read.

    Attributes:
        name: of the source; by default from host, database and streams, never from who asks.
        slot: name of the consumer group, unless the address has ``group=``, and of the consumer.
        include, exclude: patterns of streams, beside those of the address; exclude wins.
        snapshot: begin at the first entry that is there; without, at the end.
        follow: go on until stopped; without, end at what is there.
        batch_entries: that make a batch at most.
        claim_after: entries that another consumer of the group did not acknowledge for so long are
            taken over.
    """

    name: str | None = None
    slot: str = "datawatch"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    snapshot: bool = True
    follow: bool = True
    batch_entries: int = 10_000
    claim_after: timedelta = timedelta(minutes=1)

    def wants(self, stream: str, patterns: Sequence[str]) -> bool:
        """Whether a stream is read.

        >>> RedisOptions(exclude=["*:dead"]).wants("shop:dead", ["shop:*"])
        False
        """
        wanted = any(fnmatchcase(stream, each) for each in (*patterns, *self.include))
        return wanted and not any(fnmatchcase(stream, each) for each in self.exclude)
