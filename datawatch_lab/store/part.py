"""A part of what a workspace keeps, with its own statements over the workspace's connections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import duckdb

Connections = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


@dataclass(frozen=True)
class Part:
    """Where a part of the store finds its connections; any thread may ask.

    Attributes:
        writing: gives the writer's connection in a transaction.
        reading: gives a connection to read with.
        snapshot: gives one whose statements all see the same moment.
    """

    writing: Connections
    reading: Connections
    snapshot: Connections
