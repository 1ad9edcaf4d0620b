"""How topics of a Kafka cluster are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class KafkaOptions:
    """How topics are read.

    Attributes:
        name: of the source; by default from the servers and topics, never from user or password.
        slot: name of the consumer group, unless the address has ``group=``.
        include, exclude: patterns of topics, beside those of the address; exclude wins.
        snapshot: begin at the first message that is kept; without, at the end.
        follow: go on until stopped; without, end at what is there.
        batch_messages: that make a batch at most.
        buffer_kilobytes: of messages that wait in memory at most.
    """

    name: str | None = None
    slot: str = "datawatch"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    snapshot: bool = True
    follow: bool = True
    batch_messages: int = 20_000
    buffer_kilobytes: int = 32 * 1024

    def wants(self, topic: str, patterns: Sequence[str]) -> bool:
        """Whether a topic is read.

        >>> KafkaOptions(exclude=["*.audit"]).wants("shop.audit", ["shop.*"])
        False
        """
        named = [*patterns, *self.include]
        if topic.startswith("__") and topic not in named:
            return False
        wanted = any(fnmatchcase(topic, each) for each in named)
        return wanted and not any(fnmatchcase(topic, each) for each in self.exclude)
