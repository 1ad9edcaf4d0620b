"""The gate: text of a user in, rows out, and nothing else done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import BoundedSemaphore

import duckdb
import pyarrow as pa
from sqlglot import exp

from datawatch_lab.core.errors import BusyError, InputError
from datawatch_lab.store.gate.check import check
from datawatch_lab.store.gate.expand import Expansion, expand
from datawatch_lab.store.gate.fetch import fetch
from datawatch_lab.store.gate.listing import describe, show
from datawatch_lab.store.gate.names import Names, check_ctes
from datawatch_lab.store.gate.parse import generate, parse
from datawatch_lab.store.gate.values import MAX_ROWS, SqlAnswer, Workspace
from datawatch_lab.store.gate.verify import verify
from datawatch_lab.store.gate.watch import watched
from datawatch_lab.store.readers import Readers

AT_ONCE = 4
"""Queries that run at a time; others wait for their turn."""

_MEMORY = "1GB"  # of sorts and hash tables of one query


class Gate:
    """Runs queries of users on connections of their own.

    Args:
        readers: gives out connections and ends queries that take too long.
        patience: how long a query waits for its turn.
    """

    def __init__(self, readers: Readers, patience: timedelta) -> None:
        self._readers = readers
        self._patience = patience
        self._turns = BoundedSemaphore(AT_ONCE)

    def run(
        self, text: str, workspace: Workspace, *, limit: int = MAX_ROWS, masked: bool = True
    ) -> SqlAnswer:
        """Check a query and run it in a transaction that only reads.

        Args:
            text: one query, SHOW TABLES or DESCRIBE.
            workspace: what it may ask about.
            limit: most rows of the answer; at most `MAX_ROWS`.
            masked: sensitive values are shown as `MASK`.

        Raises:
            InputError: it is refused, cannot be run, or takes too long or too much; says why.
            NotFoundError: it names what does not exist.
            BusyError: too many other queries run.
        """
        started = time.perf_counter()
        if limit < 1:
            raise InputError(f"limit {limit} is not possible; it goes from 1 to {MAX_ROWS:,}.")
        tree = parse(text)
        names = Names(workspace)
        with self._turn(), self._readers.cursor() as con:
            if isinstance(tree, exp.Show):
                table, cut, done = show(tree, names), "", Expansion()
            elif isinstance(tree, exp.Describe):
                table, cut, done = *_described(con, tree, names, masked=masked), Expansion()
            else:
                rows = min(limit, MAX_ROWS)
                table, cut, done = _answered(con, tree, names, rows=rows, masked=masked)
        elapsed = timedelta(seconds=time.perf_counter() - started)
        return SqlAnswer(table, bool(cut), cut, elapsed, tuple(done.masked))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._patience.total_seconds()):
            raise BusyError(
                f"{AT_ONCE} queries are running already.",
                hint="Try again when they are over.",
                details={"retry_after": 1},
            )
        try:
            yield
        finally:
            self._turns.release()


def _described(
    con: duckdb.DuckDBPyConnection, tree: exp.Describe, names: Names, *, masked: bool
) -> tuple[pa.Table, str]:
    inner = tree.this
    if isinstance(inner, exp.Table) and isinstance(inner.this, exp.Identifier):
        return describe(con, inner, names), ""
    if not isinstance(inner, exp.Query):
        raise InputError("DESCRIBE takes a table, a metric or a query.")
    done = Expansion()
    text = _prepared(con, inner, names, done, masked=masked)
    return fetch(con, f"DESCRIBE {text}", done.columns)


def _answered(
    con: duckdb.DuckDBPyConnection, tree: exp.Expr, names: Names, *, rows: int, masked: bool
) -> tuple[pa.Table, str, Expansion]:
    done = Expansion()
    text = _prepared(con, tree, names, done, masked=masked)
    with watched(con) as ended:
        try:
            table, cut = fetch(con, text, done.columns, rows=rows)
        except duckdb.InterruptException:
            if not ended:
                raise
            raise InputError(
                "the query was ended: its texts or lists need more memory than it may use.",
                hint="Make them shorter, or of fewer rows at a time.",
            ) from None
        except InputError as error:
            if done.masked and "masked" not in error.message:
                error.hint = f"{error.hint} Masked here: {', '.join(done.masked)}.".strip()
            raise
    return table, cut, done


def _prepared(
    con: duckdb.DuckDBPyConnection,
    tree: exp.Expr,
    names: Names,
    done: Expansion,
    *,
    masked: bool,
) -> str:
    """The query as it will run, on a connection that is ready for it."""
    check(tree)
    check_ctes(tree)
    con.execute(f"SET operator_memory_limit = '{_MEMORY}'")
    con.execute("BEGIN TRANSACTION READ ONLY")
    expand(con, tree, names, done, masked=masked)
    verify(con, tree, done.allowed)
    return generate(tree)
