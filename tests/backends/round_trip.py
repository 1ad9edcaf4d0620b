"""A workspace whose back end is away at first, gets all that waited, and is then asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from datawatch_lab.core.backends import Backend
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.queries import QueryRequest, run
from tests.backends.shop import NOW, await_current, closed_until, events, feed, opened, same
from tests.exchanged import Exchanged

START = NOW - timedelta(minutes=45)


class Stoppable(Protocol):
    """A server of the tests."""

    def stop(self) -> None:
        """Take it away."""
        ...

    def start(self) -> None:
        """Bring it back with what it had."""
        ...


EVERY_METRIC = pytest.mark.parametrize(
    "whole", [False, pytest.param(True, marks=pytest.mark.soak, id="every metric")]
)


def round_trip(
    folder: Path, backend: Backend, server: Stoppable, exchanged: Exchanged, *, whole: bool
) -> int:
    """Send what waited and what came late, and compare answers; gives how many values.

    Args:
        folder: for the workspace.
        backend: is used up.
        server: that it writes to.
        exchanged: is told how much.
        whole: ask every metric in every way, rather than a few.
    """
    server.stop()
    try:
        engine = opened(folder / "w.duckdb")
        engine.backends.use([backend])
        feed(engine, events(1, START, 20))
        assert engine.last_seq >= 60, "ingest does not wait for a back end"
    finally:
        server.start()
    await_current(engine)
    feed(engine, events(2, START + timedelta(minutes=3), 2))
    feed(engine, events(3, START + timedelta(minutes=20), 3))
    await_current(engine)
    compared = same(engine, backend, START, whole=whole)
    (state,) = engine.backends.states()
    assert (state.refused, state.problem) == (0, "")
    exchanged("back end", f"{backend.name} {state.version}, values compared", compared)
    end = closed_until(engine)
    with pytest.raises(InputError, match="p99 does not follow"):
        run(
            engine,
            QueryRequest("orders_amount_sum", START, end, "p99", (), backend=backend.name),
        )
    engine.close()
    return compared
