"""How a metric back end is doing, as people see it; apart, since clients load no columns for it."""

from __future__ import annotations

import msgspec


class BackendState(msgspec.Struct, frozen=True, kw_only=True):
    """A metric back end as people see it.

    Attributes:
        name: prometheus, influxdb, timescale or clickhouse.
        address: without secrets.
        state: ``starting``, ``catching up``, ``current``, or ``away`` (what it does not get waits
            in the workspace).
        version: of the server; '' while it was never reached.
        problem: why it is away, one sentence; '' when it is not.
        points, refused: rows that it took, and that it refused for good, so far.
        behind_seconds: closed minutes that wait to be sent, of the table with the most, in seconds.
        errors: writes that failed since the workspace was opened.
        aggregations: that it answers.
        replaces: whether late corrections reach it.
        notes: what is different with it.
    """

    name: str
    address: str
    state: str
    version: str = ""
    problem: str = ""
    points: int = 0
    refused: int = 0
    behind_seconds: float = 0.0
    errors: int = 0
    aggregations: tuple[str, ...] = ()
    replaces: bool = True
    notes: tuple[str, ...] = ()
