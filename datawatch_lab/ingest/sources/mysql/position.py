"""Where a source stands: what of the stream and of the copy is stored, and what it knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.mysql.catalogue import Place, TableName, ordinal


@dataclass
class Position:
    """What an offset holds.

    Attributes:
        origin: names the server for good; part of the identity of events.
        file, pos: end of the last transaction that is stored whole.
        gtid: the same as a set (MySQL) or a place in each domain (MariaDB); '' without GTIDs.
        since: by table, the place in the log (`catalogue.ordinal`) as of which it was copied; what
            the log has of it up to there is passed over.
        partial: tables of which some rows of a copy are stored that is not whole.
        stale: tables whose rows were altered by DDL, which the log does not show row by row.
        complete: the first copy is done.
        slot: of the watch; another one means that it was removed and is watched anew.
        server: whose files ``file`` and ``since`` are of; another than that of ``origin`` once a
            server has taken over.
        copies: tables that were copied again so far: sets the rows of such copies apart.
        again: how often the watch began anew: sets the events of one log apart from those of the
            log before, whose files and GTIDs a reset lets begin again.
    """

    origin: str
    file: str = ""
    pos: int = 0
    gtid: str = ""
    since: dict[TableName, int] = field(default_factory=dict)
    partial: set[TableName] = field(default_factory=set)
    stale: set[TableName] = field(default_factory=set)
    complete: bool = False
    slot: str = ""
    server: str = ""
    copies: int = 0
    again: int = 0

    @property
    def begun(self) -> bool:
        """Whether there is a place from which the stream is read."""
        return bool(self.file)

    @property
    def ordinal(self) -> int:
        """The place as one number."""
        return ordinal(self.file, self.pos)

    def go_to(self, place: Place) -> None:
        """Stand there."""
        self.file, self.pos = place.file, place.pos
        self.gtid = place.gtid or self.gtid

    def moved_to(self, server: str, file: str) -> None:
        """Stand in the log of a server that took over, by GTID; its files have other names.

        Which of its changes were copied is not known there, so all behind the GTIDs are read.
        """
        self.server, self.file, self.pos = server, file, 0
        self.since = dict.fromkeys(self.since, 0)

    def anew(self, slot: str, server: str) -> Position:
        """The beginning, with all tables that were copied to be emptied and copied again."""
        outdated = set(self.since) | self.partial
        return Position(
            f"mysql:{server}",
            partial=outdated,
            slot=slot,
            server=server,
            copies=self.copies,
            again=self.again + 1,
        )

    def forget(self, unwanted: Iterable[TableName]) -> bool:
        """Take tables that are not read for copied no more; gives whether there were any.

        When they are read again, they are emptied and copied.
        """
        gone = self.since.keys() & set(unwanted)
        for name in gone:
            del self.since[name]
        self.partial |= gone
        self.stale -= gone
        return bool(gone)

    def copy(self) -> Position:
        """One that changes on its own."""
        return replace(
            self, since=dict(self.since), partial=set(self.partial), stale=set(self.stale)
        )

    def plain(self) -> dict[str, object]:
        """JSON values for `core.batches.Offset`."""
        return {
            "origin": self.origin,
            "file": self.file,
            "pos": self.pos,
            "gtid": self.gtid,
            "complete": self.complete,
            "since": [[*name, at] for name, at in sorted(self.since.items())],
            "partial": [list(name) for name in sorted(self.partial)],
            "stale": [list(name) for name in sorted(self.stale)],
            "slot": self.slot,
            "server": self.server,
            "copies": self.copies,
            "again": self.again,
        }

    @classmethod
    def read(cls, plain: Mapping[str, object]) -> Position:
        """A position from what `plain` gave.

        Raises:
            SourceError: it is something else.
        """
        held: Mapping[str, Any] = plain
        try:
            return cls(
                origin=str(held["origin"]),
                file=str(held["file"]),
                pos=int(held["pos"]),
                gtid=str(held["gtid"]),
                since={(str(s), str(t)): int(at) for s, t, at in held["since"]},
                partial={(str(s), str(t)) for s, t in held["partial"]},
                stale={(str(s), str(t)) for s, t in held["stale"]},
                complete=bool(held["complete"]),
                slot=str(held.get("slot", "")),
                server=str(held.get("server") or str(held["origin"]).removeprefix("mysql:")),
                copies=int(held.get("copies", 0)),
                again=int(held.get("again", 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(
                "mysql: the stored position is none of this source.",
                hint="Give the source another name, so that it starts anew.",
            ) from error


def advanced(state: str, gtid: str) -> str:
    """A GTID state after one more transaction.

    >>> advanced("0-1-5,1-1-7", "0-2-6")
    '0-2-6,1-1-7'
    >>> server = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    >>> advanced(f"{server}:1-5", f"{server}:6") == f"{server}:1-6"
    True
    """
    if ":" not in gtid:
        domains = {each.split("-")[0]: each for each in state.split(",") if each}
        domains[gtid.split("-", maxsplit=1)[0]] = gtid
        return ",".join(domains[key] for key in sorted(domains, key=int))
    sets = import_module("pymysqlreplication.gtid")
    whole = sets.GtidSet(state) if state else sets.GtidSet(set())
    return str(whole + sets.Gtid(gtid))
