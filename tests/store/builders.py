"""Small commits for the tests of the store, made from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from datawatch_lab.core.batches import (
    BIN_SCHEMA,
    PARTIAL_SCHEMA,
    REGISTER_SCHEMA,
    MeasureAppends,
)
from datawatch_lab.core.storage import (
    LEDGER_SCHEMA,
    LOG_SCHEMA,
    QUARANTINE_SCHEMA,
    Commit,
    MeasureRead,
    Span,
    Store,
)
from datawatch_lab.core.values import Column, LevelName, TableInfo

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ALWAYS = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
ORDERS = TableInfo(
    id=1,
    schema="public",
    table="orders",
    name="orders",
    key=("id",),
    columns=(Column(name="id", type="integer"), Column(name="amount", type="number")),
)


def strings(values: Sequence[str | None]) -> pa.Array:
    """Texts as Arrow."""
    return pa.array(list(values), pa.large_string())


def identify(store: Store, ids: Sequence[str], origin: str = "pg") -> Any:
    """Identities of events of ``public.orders``."""
    count = len(ids)
    return store.identify(
        strings([origin] * count), strings(["public.orders"] * count), strings(ids)
    )


def log_rows(
    store: Store,
    ids: Sequence[str],
    first: int,
    *,
    table: int = 1,
    source: str = "http",
    images: Sequence[str | None] | None = None,
    op: str = "c",
) -> pa.Table:
    """Log rows with sequence numbers from ``first``, one second apart from `NOON`."""
    found = identify(store, ids)
    rows: list[dict[str, Any]] = [
        {
            "seq": first + index,
            "table_id": table,
            "op": op,
            "ts": NOON + timedelta(seconds=first + index),
            "received": NOON + timedelta(seconds=first + index, milliseconds=5),
            "source": source,
            "event_id": id_,
            "origin": "pg",
            "identity_hi": int(found.hi[index]),
            "identity_lo": int(found.lo[index]),
            "after": images[index] if images else f'{{"id": {first + index}, "amount": "1.50"}}',
        }
        for index, id_ in enumerate(ids)
    ]
    return pa.Table.from_pylist(rows, LOG_SCHEMA)


def ledger_rows(*rows: tuple[Any, ...]) -> pa.Table:
    """Increments as (source, table, received, applied, duplicate, late, quarantined)."""
    return pa.Table.from_pylist(
        [dict(zip(LEDGER_SCHEMA.names, row, strict=True)) for row in rows], LEDGER_SCHEMA
    )


def quarantine_rows(store: Store, raws: Sequence[bytes], kind: str = "malformed") -> pa.Table:
    """Rows set aside, one a raw event."""
    found = identify(store, [raw.hex() for raw in raws])
    rows: list[dict[str, Any]] = [
        {
            "source": "http",
            "table": "orders",
            "kind": kind,
            "reason": "orders: the event has no operation.",
            "line": index + 1,
            "offset": index * 10,
            "raw": raw,
            "received": NOON,
            "identity_hi": int(found.hi[index]),
            "identity_lo": int(found.lo[index]),
        }
        for index, raw in enumerate(raws)
    ]
    return pa.Table.from_pylist(rows, QUARANTINE_SCHEMA)


def make_commit(**parts: Any) -> Commit:
    """A commit with empty tables where nothing is given."""
    given = {
        "log": LOG_SCHEMA.empty_table(),
        "quarantine": QUARANTINE_SCHEMA.empty_table(),
        "ledger": LEDGER_SCHEMA.empty_table(),
        "at": NOON,
    }
    return Commit(**{**given, **parts})


def partial(
    series: int, at: datetime, value: float, seq: int, exact: str | None = "same"
) -> dict[str, Any]:
    """The state of a single row; ``exact='same'`` takes the value's own digits."""
    second = at.replace(microsecond=0, tzinfo=None)
    return {
        "series": series,
        "bucket": second,
        "n": 1,
        "sum": value,
        "exact": Decimal(repr(value)) if exact == "same" else exact,
        "min": value,
        "max": value,
        "last": value,
        "last_at": at.replace(tzinfo=None),
        "last_seq": seq,
    }


def appends(
    partials: Sequence[Mapping[str, Any]] = (),
    bins: Sequence[tuple[int, datetime, int, int]] = (),
    registers: Sequence[tuple[int, datetime, int, int]] = (),
) -> MeasureAppends:
    """States at level 1s; bins and registers as (series, second, key, value)."""

    def table(rows: Sequence[tuple[int, datetime, int, int]], schema: pa.Schema) -> pa.Table:
        return pa.Table.from_pylist(
            [
                dict(zip(schema.names, (s, at.replace(tzinfo=None), key, value), strict=True))
                for s, at, key, value in rows
            ],
            schema,
        )

    return MeasureAppends(
        partials=pa.Table.from_pylist([dict(row) for row in partials], PARTIAL_SCHEMA),
        bins=table(bins, BIN_SCHEMA),
        registers=table(registers, REGISTER_SCHEMA),
    )


def level_read(level: LevelName, series: Sequence[int], **options: Any) -> MeasureRead:
    """Every bucket of one level, each series a group of its own."""
    widths = {"1s": 1, "1m": 60, "5m": 300, "1h": 3600, "1d": 86400}
    return MeasureRead(
        groups={one: one for one in series},
        spans=[Span(level, *ALWAYS)],
        step=timedelta(seconds=widths[level]),
        **options,
    )


def states_of(store: Store, level: LevelName, series: Sequence[int]) -> dict[str, list[Any]]:
    """All states of a level in a comparable order."""
    read = store.read_measures(level_read(level, series, bins=True, registers=True))
    return {
        "partials": read.partials.sort("group", "bucket").rows(),
        "bins": read.bins.sort("group", "bucket", "bin").rows(),
        "registers": read.registers.sort("group", "bucket", "register").rows(),
    }
