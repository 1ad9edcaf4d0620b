"""How fast changes come from a slot: by the driver alone, the source, the whole product."""

from __future__ import annotations

import select
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg2.extras  # type: ignore[import-untyped]

from datawatch_lab.ingest.sources.postgres import PostgresOptions, PostgresSource
from datawatch_lab.ingest.sources.postgres.pgoutput import lsn_number
from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.intake import ingest_source
from tests.e2e import pg_shop
from tests.services.postgres import Server

DATABASE = "speed"
ROUNDS = 3

_CHANGES = """
DO $$ BEGIN
    FOR part IN 1..{parts} LOOP
        INSERT INTO orders (customer_id, status, amount, discount, currency, placed_at, note)
        SELECT n, 'new', n / 100.0, n / 7.0, 'EUR', clock_timestamp(), 'note ' || n
        FROM generate_series(1, 100) AS n;
        UPDATE orders SET status = 'paid', amount = amount + 1
        WHERE id IN (SELECT id FROM orders ORDER BY id DESC LIMIT 80);
        DELETE FROM orders WHERE id IN (SELECT id FROM orders ORDER BY id DESC LIMIT 20);
        COMMIT;
    END LOOP;
END $$
"""


@dataclass(frozen=True)
class Speeds:
    """Row changes a second, medians of interleaved rounds.

    Attributes:
        rows: changes that each round read.
        plain: the driver alone, which looks at nothing.
        source: typed batches.
        whole: durable in the log, live tables and metrics, the workspace's closing included.
    """

    rows: int
    plain: float
    source: float
    whole: float

    def __str__(self) -> str:
        return (
            f"{self.rows:,} changes: plain {self.plain:,.0f}/s; source {self.source:,.0f}/s "
            f"({self.source / self.plain:.2f}); whole {self.whole:,.0f}/s "
            f"({self.whole / self.plain:.2f})"
        )


class Reader(ABC):
    """One way to read what is written after it was made; each has a slot of its own.

    Args:
        server: a private one.
        url: of the database.
        slot: its name.
        folder: for a workspace.
    """

    def __init__(self, server: Server, url: str, slot: str, folder: Path) -> None:
        self.server = server
        self.url = url
        self.slot = slot
        self.path = folder / f"{slot}.duckdb"
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Make the slot."""

    @abstractmethod
    def read(self) -> int:
        """Read everything; gives the number of row changes."""

    def made(self) -> PostgresSource:
        """A source of the slot that ends with what was written."""
        return PostgresSource(self.url, PostgresOptions(slot=self.slot, follow=False))


class Plain(Reader):
    """The driver's replication cursor, in a loop that counts messages."""

    def prepare(self) -> None:
        """Make the slot alone."""
        make = "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')"
        self.server.query(make, [self.slot], database=DATABASE)

    def read(self) -> int:
        """Read to the end of the log as it is now."""
        end = lsn_number(str(self.server.query("SELECT pg_current_wal_flush_lsn()::text")[0][0]))
        connection = psycopg2.connect(
            self.url, connection_factory=psycopg2.extras.LogicalReplicationConnection
        )
        cursor = connection.cursor()
        names = "datawatch,datawatch_inserts"
        cursor.start_replication(
            slot_name=self.slot,
            decode=False,
            options={"proto_version": "1", "publication_names": names},
        )
        count, answered = 0, time.monotonic()
        while cursor.wal_end < end:
            message = cursor.read_message()
            if message is not None:
                count += message.payload[:1] in (b"I", b"U", b"D")
            else:
                select.select([connection], [], [], 0.05)
            if time.monotonic() - answered > 1:
                cursor.send_feedback(flush_lsn=0, reply=True)
                answered = time.monotonic()
        while (message := cursor.read_message()) is not None:
            count += message.payload[:1] in (b"I", b"U", b"D")
        connection.close()
        return count


class Source(Reader):
    """Batches of the source, which nobody stores."""

    def prepare(self) -> None:
        """Make the slot and keep the position behind the copy."""
        batches = self.made().batches(None)
        (*_, self._offset) = [batch.offset for batch in batches]

    def read(self) -> int:
        """Read on from there."""
        assert self._offset is not None
        batches = self.made().batches(self._offset.position)
        return sum(batch.events.num_rows for batch in batches)


class Whole(Reader):
    """A workspace: durable in log, live tables and metrics when it is closed."""

    def prepare(self) -> None:
        """Copy what there is, which is nothing."""
        self.read()

    def read(self) -> int:
        """Read on from the stored offset."""
        with open_workspace(self.path) as workspace:
            return ingest_source(workspace, self.made()).applied


def measure(server: Server, folder: Path, rows: int) -> Speeds:
    """Write about ``rows`` changes, and read them by each way in turn, thrice."""
    kinds: tuple[type[Reader], ...] = (Plain, Source, Whole)
    took: dict[type[Reader], list[float]] = {kind: [] for kind in kinds}
    with server.database(DATABASE) as url:
        server.query(pg_shop.SCHEMA, database=DATABASE)
        server.query("DROP TRIGGER audited ON orders", database=DATABASE)
        readers = [
            kind(server, url, f"{kind.__name__.lower()}_{number}", folder)
            for number in range(ROUNDS)
            for kind in kinds
        ]
        server.query(_CHANGES.format(parts=rows // 200), database=DATABASE)
        counts = set()
        for reader in readers:
            began = time.monotonic()
            counts.add(reader.read())
            took[type(reader)].append(time.monotonic() - began)
    (count,) = counts
    return Speeds(count, *(count / median(took[kind]) for kind in kinds))
