"""Reads the change log of a table in bounded pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import duckdb
import polars as pl

from datawatch_lab.core.storage import LOG_SCHEMA
from datawatch_lab.store.measures import utc_frame
from datawatch_lab.store.sql import column_list, fetch_arrow, fetch_row

_SELECT = (
    f"SELECT {column_list(LOG_SCHEMA.names)} FROM changes.log "
    "WHERE table_id = ? AND seq > ? AND seq <= ? ORDER BY seq"
)
_GROWTH = 16  # a window grows to at most this many chunks of sequence numbers


def read_truncates(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every TRUNCATE of every table, `LOG_SCHEMA` columns in order of seq."""
    columns = column_list(LOG_SCHEMA.names)
    return utc_frame(
        fetch_arrow(con, f"SELECT {columns} FROM changes.log WHERE op = 't' ORDER BY seq")
    )


def read_first_seq(con: duckdb.DuckDBPyConnection) -> int:
    """Number after the last event that retention took out of the log."""
    (last,) = fetch_row(con, "SELECT coalesce(max(last_seq), 0) FROM changes.dropped")
    return int(last) + 1


def read_log_windows(
    cursor: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    table_id: int,
    after_seq: int,
    to_seq: int | None,
    chunk: int,
) -> Iterator[pl.DataFrame]:
    """Frames of `LOG_SCHEMA` columns in order of seq; none for a table without events.

    Reads windows of sequence numbers, which the log is sorted by, each a query of its own: memory
    is bounded and no snapshot is held. A rare table makes the windows wider.
    """
    with cursor() as con:
        first, end = fetch_row(
            con, "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM changes.log"
        )
    after_seq = max(after_seq, first - 1)  # what retention dropped is passed over
    if to_seq is not None:
        end = min(end, to_seq)
    window = chunk
    while after_seq < end:
        upto = min(after_seq + window, end)
        with cursor() as con:
            frame = utc_frame(fetch_arrow(con, _SELECT, [table_id, after_seq, upto]))
        yield from frame.iter_slices(chunk) if frame.height else ()
        after_seq = upto
        if frame.height * 4 < chunk:
            window = min(window * 2, chunk * _GROWTH)
        elif frame.height > chunk:
            window = max(window // 2, chunk)
