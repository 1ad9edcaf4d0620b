"""What the decoder makes of events of the log, without a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.mysql import snapshot, types
from datawatch_lab.ingest.sources.mysql.catalogue import Place, Table
from datawatch_lab.ingest.sources.mysql.decode import Decoder, Entry, Piece
from datawatch_lab.ingest.sources.mysql.position import Position
from datawatch_lab.ingest.sources.mysql.within import Within
from datawatch_lab.ingest.sources.postgres import Selection


@dataclass
class Event:
    """An event as the log's reader gives it."""

    event_size: int = 10
    timestamp: int = 1_700_000_000


@dataclass
class MariadbGtidEvent(Event):
    """The beginning of a transaction."""

    gtid: str = "0-1-6"
    flags: int = 0


@dataclass
class GtidEvent(Event):
    """The same of MySQL."""

    gtid: str = "3e11fa47-71ca-11e1-9e33-c80aa9429562:6"


@dataclass
class XidEvent(Event):
    """Its end."""


@dataclass
class NotImplementedEvent(Event):
    """One that the reader does not know."""

    event_type: int = 0


@dataclass
class Column:
    """A column of a table map."""

    name: str
    type: int = 3
    is_primary: bool = False
    unsigned: bool = False
    character_set_name: str | None = None
    collation_name: str | None = None


@dataclass
class WriteRowsEvent(Event):
    """Rows that are inserted."""

    schema: str = "shop"
    table: str = "orders"
    columns: Sequence[Column] = (Column("id", is_primary=True), Column("n"))
    number_of_columns: int = 2
    columns_present_bitmap: bytes = b"\x03"
    values: Sequence[dict[str, Any]] = field(default_factory=lambda: [{"id": 1, "n": 2}])
    fault: Exception | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """As they are decoded when they are asked for."""
        if self.fault is not None:
            raise self.fault
        return [{"values": dict(each), "none_sources": {}} for each in self.values]


class Nothing:
    """A server that has no table."""

    def table(self, name: tuple[str, str]) -> None:
        """None of that name."""
        del name


def pieces(
    events: Sequence[Event], position: Position | None = None, within: Within | None = None
) -> Iterator[Piece]:
    """What a decoder makes of events, each 100 bytes long."""
    held = position or Position("mysql:one", "log.000001", 4, gtid="0-1-5")
    decoder = Decoder(held, within or Within(Selection()), Nothing())
    return decoder.feed(
        Entry(event, "log.000001", 100 * (at + 1)) for at, event in enumerate(events)
    )


def tables(events: Sequence[Event], within: Within) -> list[str]:
    """Tables of which something came."""
    found = [
        f"{schema}.{table}"
        for piece in pieces(events, within=within)
        for schema, table in zip(
            piece.events["schema"].to_pylist(), piece.events["table"].to_pylist(), strict=True
        )
    ]
    return sorted(set(found))


def test_the_database_of_the_address_limits_the_log() -> None:
    """Rows of other databases are passed over, also those of the server's own ones."""
    rows = [WriteRowsEvent(schema=name) for name in ("shop", "Shop", "hr", "mysql", "sys")]
    events = [MariadbGtidEvent(), *rows, XidEvent()]
    assert tables(events, Within(Selection(), "shop")) == ["shop.orders"]
    assert tables(events, Within(Selection(), "SHOP", folded=True)) == [
        "Shop.orders",
        "shop.orders",
    ]
    assert tables(events, Within(Selection())) == ["Shop.orders", "hr.orders", "shop.orders"]
    assert tables(events, Within(Selection(["h*"], []), "shop")) == []


@pytest.mark.parametrize("number", [40, 165, 166, 167, 168, 169, 170, 171])
def test_what_is_compressed_is_told(number: int) -> None:
    """Compressed transactions and entries are not passed over without a word."""
    with pytest.raises(SourceError, match="compressed at log") as raised:
        list(pieces([MariadbGtidEvent(), NotImplementedEvent(event_type=number)]))
    assert "OFF" in raised.value.hint


def test_other_events_that_are_not_known_are_passed_over() -> None:
    """They are about no row: anonymous GTIDs, and what newer servers add."""
    events = [NotImplementedEvent(event_type=34), NotImplementedEvent(event_type=99)]
    (piece,) = pieces(events)
    assert piece.events.num_rows == 0


@pytest.mark.parametrize("which", ["columns_present_bitmap", "columns_present_bitmap2"])
def test_parts_of_rows_are_told(which: str) -> None:
    """With binlog_row_image = MINIMAL what is missing is not taken for null."""
    event = WriteRowsEvent()
    setattr(event, which, b"\x02")
    with pytest.raises(SourceError, match=r"parts of rows of shop\.orders") as raised:
        list(pieces([MariadbGtidEvent(), event]))
    assert "binlog_row_image = 'FULL'" in raised.value.hint


@pytest.mark.parametrize(
    "fault",
    [
        UnicodeDecodeError("cp932", b"\x81", 0, 1, "incomplete multibyte sequence"),
        NotImplementedError("Unknown MySQL column type: 250"),
        ValueError("day is out of range for month"),
        IndexError("list index out of range"),
    ],
)
def test_a_value_that_cannot_be_read_names_its_table(fault: Exception) -> None:
    """It is said which table it is of, and how to go on."""
    with pytest.raises(SourceError, match=r"a row of shop\.orders cannot be read") as raised:
        list(pieces([MariadbGtidEvent(), WriteRowsEvent(fault=fault)]))
    assert "exclude shop.orders" in raised.value.hint


def test_gtids_that_are_switched_on_later_make_no_set() -> None:
    """MySQL: a set without what came before would have all of it sent again, or refused."""
    whole = f"{GtidEvent.gtid[:-2]}:1-5"
    for before, after in (("", ""), (whole, whole[:-1] + "6")):
        position = Position("mysql:one", "log.000001", 4, gtid=before)
        *_, last = pieces([GtidEvent(), WriteRowsEvent(), XidEvent()], position)
        assert last.settled.gtid == after
        assert last.settled.pos == 300


def test_a_position_of_an_older_version_is_read() -> None:
    """What newer positions hold besides has its usual value."""
    old = Position("mysql:one", "log.000001", 4, since={("shop", "a"): 9}, complete=True).plain()
    for name in ("slot", "server", "copies", "again"):
        del old[name]
    read = Position.read(old)
    assert (read.slot, read.server, read.copies, read.again) == ("", "one", 0, 0)
    assert Position.read(read.plain()) == read


def test_another_server_has_other_places() -> None:
    """After a failover nothing counts as copied behind the GTIDs, whatever its files are called."""
    held = Position("mysql:one", "log.000900", 4, gtid="0-1-5", since={("shop", "orders"): 2**60})
    events = [MariadbGtidEvent(), WriteRowsEvent(), XidEvent()]
    assert sum(piece.events.num_rows for piece in pieces(events, held.copy())) == 0
    held.moved_to("two", "log.000001")
    assert (held.origin, held.server, held.ordinal) == ("mysql:one", "two", 2**40)
    assert sum(piece.events.num_rows for piece in pieces(events, held)) == 1


def logged_ids(position: Position) -> list[str]:
    """Ids of the events of a transaction with a GTID, and of one that is known by its place."""
    first = [MariadbGtidEvent(), WriteRowsEvent(), XidEvent()]
    found = [*pieces(first, position.copy()), *pieces(first[1:], position.copy())]
    return [name for piece in found for name in piece.events["event_id"].to_pylist()]


def copied_ids(position: Position, copies: int = 0) -> list[str]:
    """Ids of a copy of one row, of the emptying before, and of the row in a table without a key."""
    place = Place("log.000001", 4, "")
    at = snapshot.Point(place, datetime.now(UTC), None, position.again, copies)
    columns, found = (types.Column("id", "int", json=False),), []
    for key in (("id",), ()):
        table = Table(("shop", "orders"), columns, key)
        events, _ = snapshot.events_of([("7",)], table, at, position.origin, Counter(), 0)
        found += [events, snapshot.emptied(table, at, position.origin)] if key else [events]
    return [name for events in found for name in events["event_id"].to_pylist()]


def test_ids_of_the_first_watch_are_those_of_older_versions() -> None:
    """What is stored is known again: nothing stands before them."""
    first = Position("mysql:one", "log.000001", 4)
    assert logged_ids(first) == ["0-1-6:1048577:c", "log.000001:100:1048577:c"]
    keyed, emptied, bare = copied_ids(first)
    assert (keyed, emptied) == ("snapshot:log.000001:4:7", "snapshot:log.000001:4")
    assert copied_ids(first, 2)[:2] == ["snapshot:log.000001:4#2:7", "snapshot:log.000001:4#2"]
    assert bare.startswith("row:")


def test_a_watch_that_begins_anew_takes_nothing_for_known() -> None:
    """After a reset of the log its GTIDs and files begin again; ids are others in each watch."""
    watches = [Position("mysql:one", "log.000001", 4, gtid="0-1-5")]
    for number in range(12):
        held = Position.read(watches[-1].plain()).anew(f"slot{number}", "one")
        held.go_to(Place("log.000001", 4, "0-1-5"))
        watches.append(held.copy())
    assert {each.origin for each in watches} == {"mysql:one"}
    ids = [[*logged_ids(each), *copied_ids(each), *copied_ids(each, 1)] for each in watches]
    named = [name for each in ids for name in each if not name.startswith("row:")]
    assert len(named) == len(set(named)) == 6 * len(watches)
    assert len({name for each in ids for name in each if name.startswith("row:")}) == 1
    assert ids[1][0] == "1#0-1-6:1048577:c"
