"""Measures the server of a watched database: the slot every 2 s, everything every 10 s.

The rows go into the append-only table ``postgres_server``, and the lag is also a metric of its own,
``pg_lag_bytes``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.values import Aggregation, CustomMetric
from datawatch_lab.engine.sources import open_probe

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine
    from datawatch_lab.ingest.sources.postgres import PostgresSource, SlotStatus
    from datawatch_lab.ingest.sources.postgres.statistics import Probe, Sample

log = logging.getLogger(__name__)

LAG = "pg_lag_bytes"
"""The metric of the lag, in bytes, by source."""

_SLOT_SECONDS = 2.0
_ROW_SECONDS = 10.0
_STORE_SECONDS = 60.0


class NoSampler:
    """Stands for the sampler of a source that has no server to measure."""

    slot: SlotStatus | None = None
    at: datetime | None = None

    def start(self) -> None:
        """Nothing begins."""

    def stop(self) -> None:
        """Nothing ends."""


class Sampler:
    """Measures in a thread of its own until `stop`; a server that does not answer is tried again.

    Args:
        engine: takes the rows.
        source: whose server it is.
        measured: called after each look at the slot.

    Attributes:
        slot: as last seen; None when it was not there.
        at: when that was.
    """

    def __init__(
        self, engine: Engine, source: PostgresSource, measured: Callable[[], None]
    ) -> None:
        self.slot: SlotStatus | None = None
        self.at: datetime | None = None
        self._engine = engine
        self._name = source.name
        self._slot_name = source.options.slot
        self._probe: Probe = open_probe(source)
        self._measured = measured
        self._before: Sample | None = None
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="datawatch-lag", daemon=True)

    def start(self) -> None:
        """Begin to measure."""
        self._thread.start()

    def stop(self) -> None:
        """End soon."""
        self._halt.set()

    def _run(self) -> None:
        due = 0.0
        while not self._halt.is_set():
            try:
                if time.monotonic() >= due and self.slot is not None:
                    due = time.monotonic() + _ROW_SECONDS
                    self._store(self._probe.sample())
                else:
                    self._see(self._probe.slot())
            except DataWatchError as error:
                log.debug("%s: no statistics: %s", self._name, error)
            except Exception:
                log.exception("%s: measuring failed", self._name)
                break
            self._measured()
            self._halt.wait(_SLOT_SECONDS)
        self._probe.close()

    def _see(self, slot: SlotStatus | None) -> None:
        self.slot, self.at = slot, self._engine.clock.now()

    def _store(self, sample: Sample) -> None:
        from datawatch_lab.ingest.sources.postgres.statistics import (
            statistics_batch,
            statistics_row,
        )

        self._see(sample.slot)
        row = statistics_row(self._name, self._slot_name, sample, self._before)
        self._before = sample
        batch = statistics_batch(row, self._engine.clock.now())
        self._engine.submit(batch, timeout=_STORE_SECONDS).result(_STORE_SECONDS)
        self._define_lag()

    def _define_lag(self) -> None:
        """Make the metric of the lag where there is none of that name."""
        from datawatch_lab.ingest.sources.postgres.statistics import SCHEMA, TABLE

        if LAG in self._engine.measures.custom.names or LAG in self._engine.metrics():
            return
        table = next(t for t in self._engine.tables() if (t.schema, t.table) == (SCHEMA, TABLE))
        lag = CustomMetric(
            name=LAG,
            table=table.name,
            aggregation=Aggregation.LAST,
            expression="lag_bytes",
            group_by=("source",),
            unit="B",
            description="Bytes of the database's log that are not stored here yet.",
        )
        self._engine.measures.custom.define(self._engine, lag, backfill=True)
