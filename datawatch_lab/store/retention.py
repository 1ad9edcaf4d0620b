"""Retention: states of a level that are older than it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb
import pyarrow as pa

from datawatch_lab.core.values import LevelName
from datawatch_lab.store.measures import KINDS, LEVEL_NUMBERS
from datawatch_lab.store.sql import run_with


def drop_before(
    con: duckdb.DuckDBPyConnection, level: LevelName, cutoffs: Mapping[int, datetime]
) -> None:
    """Delete the states of a level whose bucket starts before the cut-off of its table.

    Args:
        con: in a transaction.
        level: the level.
        cutoffs: earliest bucket kept, by table id; tables that are not named keep all.
    """
    given = pa.table(
        {
            "table_id": pa.array(list(cutoffs), pa.int32()),
            "cutoff": pa.array(
                [each.replace(tzinfo=None) for each in cutoffs.values()], pa.timestamp("us")
            ),
        }
    )
    run_with(
        con,
        given,
        "CREATE OR REPLACE TEMP TABLE kept_from AS SELECT s.id AS series, g.cutoff FROM given g "
        "JOIN meta.measures m ON m.table_id = g.table_id JOIN meta.series s ON s.measure_id = m.id",
    )
    for kind in KINDS:
        for table in (kind.table, f"new_{kind.table}"):
            con.execute(
                f"DELETE FROM measures.{table} p USING kept_from k "
                "WHERE p.level = ? AND p.series = k.series AND p.bucket < k.cutoff",
                [LEVEL_NUMBERS[level]],
            )
    con.execute("DROP TABLE kept_from")
