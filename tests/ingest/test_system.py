"""The machine as a source: rows with rates between samples, an end when it is asked to."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.config.sources import read_sources
from datawatch_lab.core.errors import InputError, MissingPackageError, SourceError
from datawatch_lab.ingest.sources import redis_server, system
from datawatch_lab.ingest.sources.redis_server import redis_row
from datawatch_lab.ingest.sources.system import SystemOptions, SystemSource, host_row

START = datetime(2026, 1, 1, tzinfo=UTC)


def _rows(batch: DecodedBatch) -> dict[str, dict[str, Any]]:
    pairs = batch.events.select(["table", "after"]).to_pylist()
    return {pair["table"]: json.loads(pair["after"]) for pair in pairs}


def _source(samples: int, **options: Any) -> SystemSource:
    """A source whose clock moves ten seconds a sample, and that stops after so many."""
    now, left = [START], [samples]

    def wait(seconds: float) -> bool:
        now[0] += timedelta(seconds=seconds)
        left[0] -= 1
        return left[0] == 0

    return SystemSource(SystemOptions(timedelta(seconds=10), **options), lambda: now[0], wait)


def test_samples_of_this_machine() -> None:
    """Three samples: the machine as a host and as a service; rates from the second one on."""
    source = _source(3, name="system box")
    batches = list(source.batches(None))
    assert [batch.source for batch in batches] == ["system box"] * 3
    assert not any(batch.bad.num_rows for batch in batches)
    first, second = _rows(batches[0]), _rows(batches[1])
    assert set(first) == {"host", "service_metrics"}
    assert first["host"]["cpu_percent"] is None
    assert first["host"]["network_sent_bytes_per_s"] is None
    assert 0 <= second["host"]["cpu_percent"] <= 100 * 1_024
    assert 0 < second["host"]["memory_percent"] <= 100
    assert second["service_metrics"]["service_id"] == (platform.node() or "localhost")
    assert second["service_metrics"]["disk_usage"] == second["host"]["disk_percent"]
    times = [batch.events["ts"][0].as_py() for batch in batches]
    assert times == [START + timedelta(seconds=10 * number) for number in range(3)]
    assert not source.reading


def test_rates_are_differences_a_second() -> None:
    """Bytes a second between two samples; none when a counter began anew."""
    sample = system.measure("/") | {"sent": 1_000, "received": 500}
    _, before = host_row(sample, START, None)
    later = sample | {"sent": 3_000, "received": 100}
    row, _ = host_row(later, START + timedelta(seconds=4), (START, before))
    assert row["network_sent_bytes_per_s"] == 500.0
    assert row["network_received_bytes_per_s"] is None


def test_stopping_ends_it() -> None:
    """A source that was stopped gives no further sample."""
    source = _source(5)
    batches = source.batches(None)
    next(batches)
    source.stop()
    assert list(batches) == []


@pytest.mark.parametrize(
    "url",
    ["system://box", "system://?every=0s", "system://?often=1s", "postgresql://db/shop"],
)
def test_addresses_that_are_none(url: str) -> None:
    """What cannot be measured as it says is refused with an example."""
    with pytest.raises(InputError):
        SystemOptions.parse(url)


def test_addresses() -> None:
    """Every part of an address has a default."""
    options = SystemOptions.parse("system://?every=1m&disk=/data&redis=redis://db:6379/0", "box")
    assert options == SystemOptions(timedelta(minutes=1), "/data", "redis://db:6379/0", "box")
    assert SystemOptions.parse("system://").name.startswith("system ")


def test_a_disk_that_is_not_there() -> None:
    """Adding it fails at once, with the path."""
    with pytest.raises(SourceError, match="/no/such/disk"):
        SystemSource(SystemOptions(disk="/no/such/disk")).check()


def test_configuration() -> None:
    """``type: system`` in the configuration is an address; other types and parts are refused."""
    given = {"type": "system", "name": "box", "redis": "redis://:${PW}@localhost:6379/0"}
    (found,) = read_sources([given])
    assert (found.name, found.url) == ("box", "system://?redis=redis://:${PW}@localhost:6379/0")
    with pytest.raises(ValueError, match="type may be system"):
        read_sources([{"type": "mysql"}])
    with pytest.raises(ValueError, match="has no 'url'"):
        read_sources([{"type": "system", "url": "x"}])


INFO: dict[str, Any] = {
    "redis_version": "7.2.4",
    "used_memory": 1_048_576,
    "connected_clients": 12,
    "total_commands_processed": 1_000,
    "keyspace_hits": 90,
    "keyspace_misses": 10,
    "evicted_keys": 0,
    "uptime_in_seconds": 60,
    "db0": {"keys": 5, "expires": 1},
    "db3": {"keys": 2},
}


def test_a_redis_server_between_two_samples() -> None:
    """Commands a second and the share of hits are of the time between; gauges are as told."""
    row, before = redis_row(INFO, "system box", START, None)
    assert (row["commands_per_s"], row["cache_hit_ratio"], row["keys"]) == (None, None, 7)
    later = INFO | {"total_commands_processed": 1_500, "keyspace_hits": 120, "keyspace_misses": 20}
    row, _ = redis_row(later, "system box", START + timedelta(seconds=5), (START, before))
    assert row["commands_per_s"] == 100.0
    assert row["cache_hit_ratio"] == 0.75
    assert row["memory_used_bytes"] == 1_048_576


def test_redis_that_is_away_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is measured all the same, and the trouble is told until the server is back."""
    answers: list[Any] = [SourceError("redis: away."), INFO]

    def sample(_: object) -> Any:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(redis_server.RedisServer, "sample", sample)
    source = _source(2, redis="redis://localhost")
    batches = source.batches(None)
    assert "redis_server" not in _rows(next(batches))
    assert source.trouble is not None
    assert _rows(next(batches))["redis_server"]["connections"] == 12
    assert source.trouble is None


def test_redis_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error says what to install."""

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(MissingPackageError, match=r"datawatch-lab\[redis\]"):
        SystemSource(SystemOptions(redis="redis://localhost")).check()
