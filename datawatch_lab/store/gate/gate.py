"""The gate: how many may pass at a time, on which connection. Every engine has one; it is light."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import BoundedSemaphore
from types import MappingProxyType

from datawatch_lab.core.errors import BusyError, InputError
from datawatch_lab.store.gate.values import MAX_ROWS, Parameter, SqlAnswer, Workspace
from datawatch_lab.store.readers import Readers

AT_ONCE = 4
"""Queries that run at a time; others wait for their turn."""


class Gate:
    """Runs queries of users on connections of their own.

    Args:
        readers: gives out connections and ends queries that take too long; a query waits as long
            for its turn.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._turns = BoundedSemaphore(AT_ONCE)

    def named_in(self, text: str) -> list[str]:
        """The values that a query names as ``$name``, each once; none for what cannot be read."""
        from datawatch_lab.store.gate.parameters import named_in
        from datawatch_lab.store.gate.parse import parse  # sqlglot takes 0.1 s to import

        try:
            return named_in(parse(text))
        except InputError:
            return []

    def run(
        self,
        text: str,
        workspace: Workspace,
        *,
        limit: int = MAX_ROWS,
        masked: bool = True,
        parameters: Mapping[str, Parameter] = MappingProxyType({}),
    ) -> SqlAnswer:
        """Check a query and run it in a transaction that only reads.

        Args:
            text: one query, SHOW TABLES or DESCRIBE.
            workspace: what it may ask about.
            limit: most rows of the answer; at most `MAX_ROWS`.
            masked: sensitive values are shown as `MASK`.
            parameters: values that it may name, as ``$name``.

        Raises:
            InputError: it is refused, cannot be run, or takes too long or too much; says why.
            NotFoundError: it names what does not exist.
            BusyError: too many other queries run.
        """
        started = time.perf_counter()
        if limit < 1:
            raise InputError(f"limit {limit} is not possible; it goes from 1 to {MAX_ROWS:,}.")
        from datawatch_lab.store.gate.parse import parse  # sqlglot takes 0.1 s to import
        from datawatch_lab.store.gate.run import answer

        tree = parse(text)
        with self._turn(), self._readers.cursor() as con:
            table, cut, hidden = answer(
                con,
                tree,
                workspace,
                rows=min(limit, MAX_ROWS),
                masked=masked,
                parameters=parameters,
            )
        elapsed = timedelta(seconds=time.perf_counter() - started)
        return SqlAnswer(table, bool(cut), cut, elapsed, hidden)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._readers.timeout.total_seconds()):
            raise BusyError(
                f"{AT_ONCE} queries are running already.",
                hint="Try again when they are over.",
                details={"retry_after": 1},
            )
        try:
            yield
        finally:
            self._turns.release()
