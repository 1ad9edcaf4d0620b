"""Metric back ends and lag on the page of sources."""

from __future__ import annotations

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.watching import WatchState
from datawatch_lab.views.pages.data_backends import backends
from datawatch_lab.views.pages.data_sources import _watched

EVIL = "<img src=x onerror=alert(1)>"


def test_a_back_end_that_is_away_says_why() -> None:
    """State, what it took and what waits; what a server said is escaped."""
    shown = str(
        backends(
            [
                BackendState(name="prometheus", address="http://p:9090", state="current", points=7),
                BackendState(
                    name="clickhouse", address=EVIL, state="away", problem=EVIL, refused=1_234,
                    behind_seconds=7_200,
                ),
            ]
        )
    )  # fmt: skip
    assert "<img" not in shown
    assert shown.count("&lt;img") == 2
    for part in ("prometheus", "current", "away", "1,234", "2"):
        assert part in shown.replace("\u2009", ",").replace("\u202f", ",")


def test_lag_of_a_broker_is_messages() -> None:
    """A broker counts messages, a database bytes of its log."""
    made = {"url": "kafka://h/t", "slot": "s", "state": "streaming", "since": "", "message": ""}
    broker = WatchState(name="k", lag_events=42, **made)  # type: ignore[arg-type]
    assert "42 messages" in str(_watched(broker, may=False))
    database = WatchState(name="p", lag_bytes=4_096, **made)  # type: ignore[arg-type]
    assert "of log" in str(_watched(database, may=False))
