"""Where a source stands in each partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from datawatch_lab.core.errors import SourceError


@dataclass
class Position:
    """What an offset holds.

    Attributes:
        cluster: names it for good.
        next: by topic and partition, the offset of the message that comes next.
        slot: of the watch; another one means that it was removed and is watched anew.
    """

    cluster: str
    next: dict[tuple[str, int], int] = field(default_factory=dict)
    slot: str = ""

    def plain(self) -> dict[str, object]:
        """JSON values for `core.batches.Offset`."""
        topics: dict[str, dict[str, int]] = {}
        for (topic, partition), offset in sorted(self.next.items()):
            topics.setdefault(topic, {})[str(partition)] = offset
        return {"cluster": self.cluster, "topics": topics, "slot": self.slot}

    @classmethod
    def read(cls, plain: Mapping[str, object]) -> Position:
        """A position from what `plain` gave.

        Raises:
            SourceError: it is something else.
        """
        try:
            slot = str(plain.get("slot", ""))
            return cls(str(plain["cluster"]), dict(_offsets(plain["topics"])), slot)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceError(
                "kafka: the stored position is none of this source.",
                hint="Give the source another name, so that it starts anew.",
            ) from error


def _offsets(topics: Any) -> Iterator[tuple[tuple[str, int], int]]:
    for topic, partitions in topics.items():
        for partition, offset in partitions.items():
            yield (str(topic), int(partition)), int(offset)
