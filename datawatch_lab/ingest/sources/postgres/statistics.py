"""The load of a database server and the lag of a slot as rows of a stream, one every few seconds.

Counters of the server only grow, so what is told is their change a second between two samples.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from datawatch_lab.core.batches import Declared, DecodedBatch
from datawatch_lab.ingest.sources.http import decode_body
from datawatch_lab.ingest.sources.postgres import driver
from datawatch_lab.ingest.sources.postgres.address import Address
from datawatch_lab.ingest.sources.postgres.status import SlotStatus, server_stats, slots_of

SCHEMA, TABLE = "datawatch", "postgres_server"
"""The table that the rows are of; append-only."""

_NUMBERS = (
    *("connections", "active_connections", "transactions_per_s", "rollbacks_per_s"),
    *("rows_written_per_s", "cache_hit_ratio", "queries_per_s", "mean_query_ms", "deadlocks_per_s"),
    *("dead_rows", "live_rows", "size_bytes", "oldest_transaction_s"),
    *("lag_bytes", "retained_bytes"),
)
_TYPES = {"source": "text", "database": "text", "slot": "text"} | dict.fromkeys(_NUMBERS, "number")
_DECLARED = Declared(key=(), types=_TYPES)


@dataclass(frozen=True)
class Sample:
    """What was measured at one moment.

    Attributes:
        server: see `status.server_stats`.
        slot: the source's own; None when it is not there (yet).
    """

    server: Mapping[str, Any]
    slot: SlotStatus | None

    @property
    def at(self) -> datetime:
        """When, by the server's clock."""
        moment: datetime = self.server["at"]
        return moment


class Probe:
    """Asks one database for its statistics; a connection that broke is opened again.

    Args:
        address: of the database.
        slot: the source's own.
    """

    def __init__(self, address: Address, slot: str) -> None:
        self._address = address
        self._slot = slot
        self._connection: Any = None

    def slot(self) -> SlotStatus | None:
        """The slot now; None when there is none.

        Raises:
            SourceError: the server cannot be reached, or refuses.
        """
        found: list[SlotStatus] = self._ask(lambda given: slots_of(given, self._slot))
        return found[0] if found else None

    def sample(self) -> Sample:
        """Everything; raises as `slot` does."""
        slot = self.slot()
        return Sample(self._ask(server_stats), slot)

    def close(self) -> None:
        """Close the connection; asking opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, question: Any) -> Any:
        try:
            if self._connection is None:
                self._connection = driver.connect(self._address)
            return question(self._connection)
        except driver.psycopg2().Error as error:
            self.close()
            raise driver.refusal(self._address, error) from None


def statistics_row(source: str, slot: str, now: Sample, before: Sample | None) -> dict[str, Any]:
    """One row of the table: values that are unknown, such as a rate of the first, are None."""
    server, held = now.server, now.slot
    seconds = (now.at - before.at).total_seconds() if before else 0.0

    def rate(*names: str) -> float | None:
        if before is None or seconds <= 0:
            return None
        pairs = [(server[name], before.server[name]) for name in names]
        if any(new is None or old is None or new < old for new, old in pairs):
            return None  # not known, or the server's counters began anew
        return round(float(sum(new - old for new, old in pairs)) / seconds, 3)

    hits, reads = rate("blocks_hit"), rate("blocks_read")
    blocks = None if hits is None or reads is None else hits + reads
    return {
        "source": source,
        "database": server["database"],
        "slot": slot,
        "connections": server["connections"],
        "active_connections": server["active_connections"],
        "transactions_per_s": rate("commits", "rollbacks"),
        "rollbacks_per_s": rate("rollbacks"),
        "rows_written_per_s": rate("rows_inserted", "rows_updated", "rows_deleted"),
        "cache_hit_ratio": round(hits / blocks, 6) if blocks and hits is not None else None,
        "queries_per_s": rate("statements"),
        "mean_query_ms": server["mean_query_ms"],
        "deadlocks_per_s": rate("deadlocks"),
        "dead_rows": server["dead_rows"],
        "live_rows": server["live_rows"],
        "size_bytes": server["size_bytes"],
        "oldest_transaction_s": round(server["oldest_transaction_seconds"], 3),
        "lag_bytes": held.lag_bytes if held else None,
        "retained_bytes": held.retained_bytes if held else None,
    }


def statistics_batch(row: Mapping[str, Any], at: datetime) -> DecodedBatch:
    """The row as an insert of that moment, of a source of its own: ``NAME statistics``."""
    event = {
        "id": uuid.uuid4().hex,
        "source": f"{row['source']} statistics",
        "schema": SCHEMA,
        "table": TABLE,
        "operation": "INSERT",
        "timestamp": at.isoformat(),
        "after": dict(row),
    }
    batch = decode_body(
        msgspec.json.encode(event),
        id_factory=lambda: uuid.uuid4().hex,
        source=f"{row['source']} statistics",
    )
    return replace(batch, declared={(SCHEMA, TABLE): _DECLARED})
