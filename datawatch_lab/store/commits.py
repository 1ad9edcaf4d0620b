"""The statements of one commit."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from datawatch_lab.core.storage import Commit
from datawatch_lab.store.catalogue import save_definitions, save_progress
from datawatch_lab.store.corrections import append_closes, append_corrections
from datawatch_lab.store.measures import append_states
from datawatch_lab.store.sql import append, run_with


def write_commit(
    con: duckdb.DuckDBPyConnection, commit: Commit, version: int, first_quarantine: int
) -> None:
    """Run a commit's statements in the caller's transaction; only those that have rows.

    Args:
        con: the writer's connection, in a transaction.
        commit: what to store.
        version: data version that it makes.
        first_quarantine: id of the first row set aside by it.
    """
    save_definitions(con, commit)
    append(con, "changes.log", commit.log)
    append(con, "meta.quarantine", _numbered(commit.quarantine, first_quarantine))
    append(con, "meta.ledger", commit.ledger)
    if commit.replayed:
        _mark_replayed(con, commit)
    if commit.corrections is not None:
        append_corrections(con, commit.corrections, commit.at, version)
    if commit.appends is not None:
        append_states(con, commit.appends)
    if commit.closes is not None:
        append_closes(con, commit.closes)
    save_progress(con, commit, version)


def _numbered(quarantine: pa.Table, first: int) -> pa.Table:
    count = quarantine.num_rows
    ids = pa.array(np.arange(first, first + count, dtype=np.int64))
    states = pa.repeat(pa.scalar("waiting"), count)
    return quarantine.append_column("id", ids).append_column("state", states)


def _mark_replayed(con: duckdb.DuckDBPyConnection, commit: Commit) -> None:
    table = pa.table(
        {
            "id": pa.array(list(commit.replayed.keys()), pa.int64()),
            "seq": pa.array(list(commit.replayed.values()), pa.int64()),
        }
    )
    run_with(
        con,
        table,
        "UPDATE meta.quarantine q SET state = 'replayed', replayed_seq = r.seq "
        "FROM given r WHERE q.id = r.id",
    )
