"""Identities of events, and the set of those that were seen, held in memory as sorted arrays."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock, Thread

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.store.sql import fetch_with, give_slot

_HASH = """
SELECT (h >> 64)::UBIGINT AS hi, (h & 18446744073709551615::UHUGEINT)::UBIGINT AS lo
FROM (
    SELECT md5_number(
        coalesce(origin, '') || chr(31) || coalesce("table", '')
        || chr(31) || coalesce(event_id, '')
    ) AS h FROM given
)
"""
_HASH_TEXTS = """
SELECT (h >> 64)::UBIGINT AS hi, (h & 18446744073709551615::UHUGEINT)::UBIGINT AS lo
FROM (SELECT md5_number(text) AS h FROM given)
"""
_CONFIRM = """
SELECT i FROM candidates SEMI JOIN changes.log ON identity_lo = lo AND identity_hi = hi
UNION
SELECT i FROM candidates SEMI JOIN meta.quarantine ON identity_lo = lo AND identity_hi = hi
"""
_LOAD = """
SELECT identity_lo FROM changes.log WHERE identity_lo IS NOT NULL
UNION ALL
SELECT identity_lo FROM meta.quarantine WHERE identity_lo IS NOT NULL
"""
_GROWTH = 4  # a run is merged into the one before it when that is less than this times longer


class SeenSet:
    """The lower halves of all known identities, as sorted runs that merge as they grow.

    A hit only makes a candidate: two identities may share a half. Costs 8 bytes an identity.
    Reading is safe from any thread while one adds.
    """

    def __init__(self, known: np.ndarray | None = None) -> None:
        first = np.sort(known) if known is not None and known.size else None
        self._runs: tuple[np.ndarray, ...] = () if first is None else (first,)

    def __len__(self) -> int:
        return sum(run.size for run in self._runs)

    def add(self, lo: np.ndarray) -> None:
        """Add halves (uint64, any order, may repeat)."""
        if lo.size == 0:
            return
        runs = [*self._runs, np.sort(lo)]
        while len(runs) > 1 and runs[-2].size < _GROWTH * runs[-1].size:
            last = runs.pop()
            # a stable sort merges two sorted runs in linear time
            runs[-1] = np.sort(np.concatenate([runs[-1], last]), kind="stable")
        self._runs = tuple(runs)

    def contains(self, lo: np.ndarray) -> np.ndarray:
        """Whether each half is known, as booleans."""
        order = np.argsort(lo)  # sorted questions walk a run from left to right: six times faster
        asked = lo[order]
        hits = np.zeros(lo.size, dtype=bool)
        for run in self._runs:
            at = np.searchsorted(run, asked)
            at[at == run.size] = 0
            hits |= run[at] == asked
        found = np.empty_like(hits)
        found[order] = hits
        return found


def load_seen(con: duckdb.DuckDBPyConnection) -> SeenSet:
    """The set of what log and quarantine hold."""
    return SeenSet(con.execute(_LOAD).fetchnumpy()["identity_lo"])


class SeenLater:
    """The set of what is known, loaded in a thread of its own while the engine starts.

    Ten million identities take about half a second, which nobody waits for but the first event.

    Args:
        con: a connection for it alone; closed when it is loaded.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._loaded: Future[SeenSet] = Future()
        Thread(target=self._load, args=(con,), name="identities", daemon=True).start()

    @property
    def now(self) -> SeenSet:
        """The set, as soon as it is there.

        Raises:
            WorkspaceError: it could not be read.
        """
        try:
            return self._loaded.result()
        except duckdb.Error as error:
            raise WorkspaceError(f"The workspace could not be read: {error}") from error

    def end(self) -> None:
        """Wait until it is loaded, or has failed."""
        self._loaded.exception()

    def _load(self, con: duckdb.DuckDBPyConnection) -> None:
        try:
            self._loaded.set_result(load_seen(con))
        except BaseException as error:  # noqa: BLE001 — raised where the set is asked for
            self._loaded.set_exception(error)
        finally:
            con.close()


class Hasher:
    """Hashes in a database of its own in memory, so that its two statements are planned once.

    Any thread may ask; one at a time is answered.
    """

    def __init__(self) -> None:
        self._con: duckdb.DuckDBPyConnection | None = None
        self._lock = Lock()

    def identities(
        self, origin: pa.Array, table: pa.Array, event_id: pa.Array
    ) -> tuple[np.ndarray, np.ndarray]:
        """(hi, lo) of the MD5 of ``origin ␟ table ␟ event_id``; null reads as ''."""
        given = pa.table({"origin": origin, "table": table, "event_id": event_id})
        return self._halves(given, _HASH)

    def texts(self, texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """(hi, lo) of the MD5 of each text as int64; texts are not null."""
        hi, lo = self._halves(pa.table({"text": texts.rechunk().to_arrow()}), _HASH_TEXTS)
        return hi.view(np.int64), lo.view(np.int64)

    def close(self) -> None:
        """Free what it holds; it may be asked again."""
        with self._lock:
            if self._con is not None:
                self._con.close()
            self._con = None

    def _halves(self, given: pa.Table, sql: str) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            if self._con is None:
                self._con = duckdb.connect(":memory:", config={"threads": 1})
                give_slot(self._con)
            found = fetch_with(self._con, given, sql)
        return found.column("hi").to_numpy(), found.column("lo").to_numpy()


def confirm(con: duckdb.DuckDBPyConnection, hi: np.ndarray, lo: np.ndarray) -> np.ndarray:
    """Whether log or quarantine hold exactly these identities, as booleans."""
    table = pa.table({"i": np.arange(lo.size), "hi": hi, "lo": lo})
    con.register("candidates", table)
    try:
        found = con.execute(_CONFIRM).fetchnumpy()["i"]
    finally:
        con.unregister("candidates")
    known = np.zeros(lo.size, dtype=bool)
    known[found] = True
    return known


def repeated(hi: np.ndarray, lo: np.ndarray) -> np.ndarray:
    """Whether the same identity stands earlier in the arrays, as booleans."""
    again = np.zeros(lo.size, dtype=bool)
    ordered = np.sort(lo)
    if lo.size < 2 or not (ordered[1:] == ordered[:-1]).any():
        return again
    order = np.lexsort((hi, lo))  # stable: among equals the first of the call stays first
    same = (lo[order][1:] == lo[order][:-1]) & (hi[order][1:] == hi[order][:-1])
    again[order[1:][same]] = True
    return again
