"""A back end that is a DuckDB of its own in memory: the contract's reference, and one to break."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl

from datawatch_lab.core.backends import (
    MERGED,
    STATES,
    VALUES,
    Asked,
    BackendError,
    Capabilities,
    Health,
    KeptFor,
    Points,
)


class DuckBackend:
    """Keeps states and values in DuckDB; see `core.backends.Backend`.

    Attributes:
        away: whether every call fails, as when the server is gone.
        refuses: rows of each write that it refuses for good.
        writes: how many it took.
        kept: what it was last told of retention.
    """

    name = "duckdb"
    address = target = "memory"

    def __init__(self, *, capabilities: Capabilities | None = None) -> None:
        self._capabilities = capabilities or Capabilities()
        self.away = False
        self.refuses = 0
        self.writes = 0
        self.kept: KeptFor | None = None
        self._lock = threading.Lock()
        self._con = duckdb.connect()
        self._con.execute("SET TimeZone = 'UTC'")
        for name, schema, key in (
            ("states", STATES, "series, minute"),
            ("points", VALUES, "metric, labels, minute"),
        ):
            columns = ", ".join(f'"{each}" {_SQL[type(kind)]}' for each, kind in schema.items())
            self._con.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({key}))")

    @property
    def capabilities(self) -> Capabilities:
        """As given."""
        return self._capabilities

    def prepare(self) -> None:
        """Nothing to make."""
        self._check()

    def write(self, points: Points) -> None:
        """Store points; the later takes the place of the earlier."""
        self._check()
        with self._lock:
            for name, frame in (("states", points.states), ("points", points.values)):
                self._con.register("given", frame.to_arrow())
                self._con.execute(f"INSERT OR REPLACE INTO {name} SELECT * FROM given")
                self._con.unregister("given")
        self.writes += 1
        if self.refuses:
            raise BackendError("too old.", retry=False, rejected=self.refuses)

    def read(self, asked: Asked) -> pl.DataFrame:
        """Merged states."""
        self._check()
        step = (asked.step or asked.end - asked.start) // timedelta(microseconds=1)
        query = """
            SELECT series,
                   time_bucket(to_microseconds(?), minute, ?::TIMESTAMPTZ) AS bucket,
                   sum(n)::BIGINT AS n, sum(sum) AS sum, min(min) AS min, max(max) AS max,
                   arg_max(last, last_at) AS last, max(last_at) AS last_at
            FROM states
            WHERE minute >= ? AND minute < ? AND list_contains(?, series) AND n <> 0 GROUP BY ALL
        """
        given = [step, asked.start, asked.start, asked.end, list(asked.series)]
        with self._lock:
            found = pl.DataFrame(self._con.sql(query, params=given).to_arrow_table())
        if asked.step is None:
            found = found.with_columns(pl.lit(None, MERGED["bucket"]).alias("bucket"))
        return found.select(pl.col(name).cast(kind) for name, kind in MERGED.items())

    def retain(self, kept: KeptFor) -> None:
        """Keeps everything, and what it was told."""
        self.kept = kept

    def shortfall(self, kept: KeptFor) -> str:
        """Keeps everything."""
        del kept
        return ""

    def health(self) -> Health:
        """Well unless it is away."""
        return Health(ok=not self.away, version=duckdb.__version__)

    def close(self) -> None:
        """Keeps what it has, for the next engine."""

    def count(self, table: str = "states") -> int:
        """Rows of a table."""
        with self._lock:
            (found,) = self._con.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(found[0])

    def points(self, metric: str) -> dict[tuple[str, object], float]:
        """Values of a metric by labels and minute."""
        query = "SELECT labels, epoch_us(minute), value FROM points WHERE metric = ?"
        with self._lock:
            rows = self._con.execute(query, [metric]).fetchall()
        return {
            (labels, _EPOCH + at * timedelta(microseconds=1)): value for labels, at, value in rows
        }

    def _check(self) -> None:
        if self.away:
            raise BackendError("duckdb at memory does not answer.", hint="Is it running?")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SQL = {pl.String: "VARCHAR", pl.Datetime: "TIMESTAMPTZ", pl.Int64: "BIGINT", pl.Float64: "DOUBLE"}
