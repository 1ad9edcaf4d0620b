"""Where a source stands: what of the stream and of the snapshot is stored, and what it knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.postgres.decode import Memory
from datawatch_lab.ingest.sources.postgres.pgoutput import lsn_number, lsn_text
from datawatch_lab.ingest.sources.postgres.relations import TableName, from_plain, to_plain


@dataclass
class Position:
    """What an offset holds.

    Attributes:
        system: what names the cluster and database for good.
        slot: name of the replication slot.
        lsn: end of the last transaction that is stored whole.
        memory: see `decode.Memory`; as of ``lsn``.
        partial: tables of which some rows of a snapshot are stored that is not whole, or is behind.
    """

    system: str
    slot: str
    lsn: int = 0
    memory: Memory = field(default_factory=Memory)
    partial: set[TableName] = field(default_factory=set)

    def forget(self, unwanted: Iterable[TableName]) -> bool:
        """Take tables that are not read for copied no more; gives whether there were any.

        When they are read again, they are emptied and copied.
        """
        gone = self.memory.since.keys() & set(unwanted)
        for name in gone:
            del self.memory.since[name]
        self.partial |= gone
        self.memory.stale -= gone
        return bool(gone)

    def plain(self) -> dict[str, object]:
        """JSON values for `core.batches.Offset`."""
        memory = self.memory
        return {
            "system": self.system,
            "slot": self.slot,
            "lsn": lsn_text(self.lsn),
            "complete": memory.complete,
            "partial": [list(name) for name in sorted(self.partial)],
            "since": [[*name, lsn_text(lsn)] for name, lsn in memory.since.items()],
            "told": [list(name) for name in sorted(memory.told)],
            "stale": [list(name) for name in sorted(memory.stale)],
            "tables": {str(oid): to_plain(each) for oid, each in memory.relations.items()},
        }

    @classmethod
    def read(cls, plain: Mapping[str, object]) -> Position:
        """A position from what `plain` gave.

        Raises:
            SourceError: it is something else.
        """
        held: Mapping[str, Any] = plain
        try:
            memory = Memory(
                relations={int(oid): from_plain(oid, each) for oid, each in held["tables"].items()},
                since={(str(s), str(t)): lsn_number(at) for s, t, at in held["since"]},
                told={(str(s), str(t)) for s, t in held["told"]},
                stale={(str(s), str(t)) for s, t in held.get("stale", ())},
                complete=bool(held["complete"]),
            )
            return cls(
                system=str(held["system"]),
                slot=str(held["slot"]),
                lsn=lsn_number(str(held["lsn"])),
                memory=memory,
                partial={(str(s), str(t)) for s, t in held["partial"]},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceError(
                "postgresql: the stored position is none of this source.",
                hint="Give the source another name, so that it starts anew.",
            ) from error


def lsn_of(plain: Mapping[str, object]) -> int:
    """The LSN of a stored position; 0 when it has none."""
    text = plain.get("lsn")
    return lsn_number(text) if isinstance(text, str) else 0
