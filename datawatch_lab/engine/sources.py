"""Sources by what a user names them: the engine's place to wire ingest's sources."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from datawatch_lab.core.clock import Clock
from datawatch_lab.core.sources import Source


def open_file(path: str, **how: Any) -> Source:
    """A file (or ``-`` for standard input) as a source; see `ingest.sources.file.FileSource`."""
    from datawatch_lab.ingest.sources.file import FileSource

    return FileSource(path, **how)


def open_demo(
    clock: Clock,
    *,
    seed: int,
    orders_per_minute: float,
    history: timedelta,
    live: bool,
    progress: Callable[[float, float, int], None] | None,
) -> Source:
    """The simulated shop as a source; see `ingest.sources.demo.DemoSource`."""
    from datawatch_lab.ingest.sources.demo import DemoSource, Pace
    from datawatch_lab.ingest.sources.demo_simulator import Shop

    return DemoSource(
        clock,
        shop=Shop(seed=seed, orders_per_minute=orders_per_minute),
        history=history,
        live=Pace() if live else None,
        progress=progress,
    )
