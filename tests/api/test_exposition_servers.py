"""Watched servers and metric back ends among the server's own metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from datawatch_lab.api import exposition_servers as servers
from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.watching import WatchState
from datawatch_lab.service.telemetry.vitals import CommitTimes, Vitals, _backend, _source

_WATCHED = (
    WatchState(
        name='shop"\n', url="postgresql://h/shop", slot="s", state="streaming", since="",
        message="", rows=7, lag_bytes=4_096, retained_bytes=9,
    ),
    WatchState(
        name="topics", url="kafka://h/t", slot="s", state="reconnecting", since="", message="",
        lag_events=12,
    ),
)  # fmt: skip
_BACKENDS = (
    BackendState(
        name="clickhouse", address="a", state="away", points=5, refused=1, behind_seconds=90.0,
        errors=3,
    ),
    BackendState(name="prometheus", address="a", state="catching up"),
)  # fmt: skip


class _Collected:
    """Both kinds, as a collector."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[Metric]:
        """Give them."""
        yield from servers.watched(self._vitals)
        yield from servers.written_to(self._vitals)


def _lines(vitals: Vitals) -> list[str]:
    registry = CollectorRegistry()
    registry.register(_Collected(vitals))
    return [each for each in generate_latest(registry).decode().splitlines() if each[0] != "#"]


def _vitals() -> Vitals:
    return Vitals(
        release="1", healthy=True, uptime_seconds=1.0, version=1, last_seq=1, backlog=0,
        size_bytes=1, quarantine=0, tables=1, metrics=1, connections=0, ledger=[],
        commits=CommitTimes([], [0], 0.0, 0, 0),
        sources=[_source(each) for each in _WATCHED],
        backends=[_backend(each) for each in _BACKENDS],
    )  # fmt: skip


def test_lag_is_exposed_by_source() -> None:
    """Bytes of a log, messages of a broker; what is not known has no sample."""
    lines = _lines(_vitals())
    assert 'datawatch_source_lag_bytes{source="shop\\"\\n"} 4096.0' in lines
    assert 'datawatch_source_lag_events{source="topics"} 12.0' in lines
    assert 'datawatch_source_up{source="topics"} 0.0' in lines
    assert 'datawatch_source_rows_total{source="shop\\"\\n"} 7.0' in lines
    assert sum(each.startswith("datawatch_source_lag") for each in lines) == 2


def test_lag_is_exposed_by_back_end() -> None:
    """Up while it takes points, also while it catches up; what waits, took and refused."""
    lines = _lines(_vitals())
    assert 'datawatch_backend_behind_seconds{backend="clickhouse"} 90.0' in lines
    assert 'datawatch_backend_up{backend="clickhouse"} 0.0' in lines
    assert 'datawatch_backend_up{backend="prometheus"} 1.0' in lines
    assert 'datawatch_backend_points_total{backend="clickhouse"} 5.0' in lines
    assert 'datawatch_backend_errors_total{backend="clickhouse"} 3.0' in lines
