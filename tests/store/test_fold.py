"""Large distinct sketches are folded by compaction as `metrics.registers.fold` folds them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from datawatch_lab.core.batches import BIN_SCHEMA, PARTIAL_SCHEMA, REGISTER_SCHEMA, MeasureAppends
from datawatch_lab.core.storage import (
    LEDGER_SCHEMA,
    LOG_SCHEMA,
    QUARANTINE_SCHEMA,
    Commit,
    MeasureRead,
    Span,
    Store,
)
from datawatch_lab.metrics.registers import fold

AT = datetime(2026, 1, 1, tzinfo=UTC)


def _commit(register: np.ndarray, rank: np.ndarray) -> Commit:
    rows = pl.DataFrame(
        {
            "series": np.full(len(register), 1, dtype=np.int32),
            "bucket": [AT.replace(tzinfo=None)] * len(register),
            "register": register,
            "rank": rank,
        }
    )
    return Commit(
        log=LOG_SCHEMA.empty_table(),
        quarantine=QUARANTINE_SCHEMA.empty_table(),
        ledger=LEDGER_SCHEMA.empty_table(),
        at=AT,
        appends=MeasureAppends(
            PARTIAL_SCHEMA.empty_table(),
            BIN_SCHEMA.empty_table(),
            rows.to_arrow().cast(REGISTER_SCHEMA),
        ),
    )


def test_compaction_folds_a_sketch_that_has_grown_large(opener: Callable[[], Store]) -> None:
    """10,000 fine registers become the coarse ones that folding them by hand gives."""
    random = np.random.default_rng(3)
    register = random.choice(2**26, 10_000, replace=False).astype(np.int32)
    register[:50] &= ~np.int32(4095)  # low bits all zero: the rank grows by 12
    register = np.unique(register)
    rank = random.integers(1, 39, len(register)).astype(np.int8)
    store = opener()
    store.commit(_commit(register, rank))
    store.compact()
    store.compact()
    read = MeasureRead({1: 0}, [Span("1d", AT, AT + timedelta(days=1))], registers=True)
    stored = store.read_measures(read).registers.sort("register")
    by_hand = (
        pl.DataFrame(dict(zip(("register", "rank"), fold(register, rank), strict=True)))
        .group_by("register")
        .max()
        .sort("register")
    )
    assert stored["register"].to_list() == by_hand["register"].to_list()
    assert stored["rank"].to_list() == by_hand["rank"].to_list()
