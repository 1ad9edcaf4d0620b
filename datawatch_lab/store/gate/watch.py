"""Ends a query that takes memory which DuckDB does not count: long texts, long lists."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import duckdb

MAX_GROWTH = 2 * 1024**3
"""Bytes by which the process may grow during a query, beyond what DuckDB has in its own books."""

_EVERY = 0.05  # seconds
_STATM = Path("/proc/self/statm")
_SUM = "SELECT coalesce(sum(memory_usage_bytes), 0)::BIGINT FROM duckdb_memory()"


@contextmanager
def watched(con: duckdb.DuckDBPyConnection) -> Iterator[list[bool]]:
    """Watch the memory of the process while a query runs on a connection.

    Gives a list that is not empty when the query was interrupted for it. Where the system has no
    ``/proc``, nothing is watched.
    """
    ended: list[bool] = []
    if not _STATM.exists():
        yield ended
        return
    over = Event()
    thread = Thread(target=_watch, args=(con, _resident(), over, ended), daemon=True)
    thread.start()
    try:
        yield ended
    finally:
        over.set()
        thread.join()


def _watch(con: duckdb.DuckDBPyConnection, before: int, over: Event, ended: list[bool]) -> None:
    if over.wait(_EVERY):
        return  # most queries are over by then, and cost nothing more
    with con.cursor() as beside:
        booked = _booked(beside) or 0
        while not over.wait(_EVERY):
            grown = _resident() - before
            if grown <= MAX_GROWTH or (now := _booked(beside)) is None:
                continue
            if grown - (now - booked) > MAX_GROWTH:
                ended.append(True)
                con.interrupt()


def _resident() -> int:
    """Bytes of the process that are in memory."""
    return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _booked(con: duckdb.DuckDBPyConnection) -> int | None:
    """Bytes that DuckDB counts and bounds itself; None while it has no memory left to tell."""
    try:
        ((count,),) = con.execute(_SUM).fetchall()
    except duckdb.OutOfMemoryException:
        return None
    return int(count)
