"""The statistics of a Redis server, by its INFO command."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from datawatch_lab.core.addresses import without_password
from datawatch_lab.core.errors import MissingPackageError, SourceError

Counters = Mapping[str, float]

_GAUGES = {
    "memory_used_bytes": "used_memory",
    "memory_peak_bytes": "used_memory_peak",
    "memory_limit_bytes": "maxmemory",
    "fragmentation_ratio": "mem_fragmentation_ratio",
    "connections": "connected_clients",
    "blocked_clients": "blocked_clients",
    "uptime_s": "uptime_in_seconds",
}
_RATES = {
    "commands_per_s": "total_commands_processed",
    "connections_per_s": "total_connections_received",
    "evicted_keys_per_s": "evicted_keys",
    "expired_keys_per_s": "expired_keys",
    "rejected_connections_per_s": "rejected_connections",
}
_HITS, _MISSES = "keyspace_hits", "keyspace_misses"
_SECONDS = 5.0  # a server that is silent for longer is away


class RedisServer:
    """Asks one server; a connection that broke is opened again.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, as the package redis takes them.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None

    def __repr__(self) -> str:
        return f"RedisServer({without_password(self._url)!r})"

    def sample(self) -> Mapping[str, Any]:
        """What INFO tells.

        Raises:
            SourceError: the server cannot be reached, or refuses.
            MissingPackageError: redis is not installed.
        """
        redis = _package()
        try:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    self._url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS
                )
            found: Mapping[str, Any] = self._client.info()
        except (redis.RedisError, ValueError, OSError) as error:
            self.close()
            shown = without_password(self._url)
            raise SourceError(
                f"redis {shown}: {error}.",
                hint="Is it running, and may this machine connect?",
                details={"retry": True},
            ) from None
        return found

    def close(self) -> None:
        """Close the connection; asking opens another."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _package() -> Any:
    try:
        return importlib.import_module("redis")
    except ImportError:
        raise MissingPackageError(
            "statistics of Redis need the package redis.",
            hint="pip install 'datawatch-lab[redis]'",
        ) from None


def redis_row(
    info: Mapping[str, Any],
    source: str,
    now: datetime,
    before: tuple[datetime, Counters] | None,
) -> tuple[dict[str, Any], Counters]:
    """A row of ``redis_server`` and its counters, for the next one.

    Args:
        info: what INFO told.
        source: name of the source.
        now: when.
        before: the sample before this, when and its counters; None for the first.

    Returns:
        Rates and the share of hits are None in the first sample and when the server began anew.
    """
    names = (*_RATES.values(), _HITS, _MISSES)
    counters = {name: float(info[name]) for name in names if name in info}
    seconds = (now - before[0]).total_seconds() if before else 0.0

    def grown(counter: str) -> float | None:
        new, old = counters.get(counter), before[1].get(counter) if before else None
        return None if new is None or old is None or new < old or seconds <= 0 else new - old

    hits, misses = grown(_HITS), grown(_MISSES)
    asked = None if hits is None or misses is None else hits + misses
    row: dict[str, Any] = {"source": source, "version": info.get("redis_version")}
    row |= {field: info.get(name) for field, name in _GAUGES.items()}
    for field, counter in _RATES.items():
        change = grown(counter)
        row[field] = None if change is None else round(change / seconds, 3)
    row["cache_hit_ratio"] = round(hits / asked, 6) if asked and hits is not None else None
    databases = [
        each for name, each in info.items() if name.startswith("db") and name[2:].isdigit()
    ]
    row["keys"] = sum(int(each.get("keys", 0)) for each in databases if isinstance(each, Mapping))
    return row, counters
