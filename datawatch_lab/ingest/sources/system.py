"""The machine itself as a source: CPU, memory, disk and network every few seconds, and Redis.

Rows go into the append-only tables ``datawatch.host`` and ``datawatch.service_metrics`` (the
machine as a service), and, where a Redis is named, ``datawatch.redis_server``. Counters of the
system only grow, so what is told is their change a second between two samples. PostgreSQL servers
measure themselves where they are watched, see `postgres.statistics`.
"""

from __future__ import annotations

import platform
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import psutil

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.ingest.sources.http import decode_body
from datawatch_lab.ingest.sources.redis_server import RedisServer, redis_row
from datawatch_lab.ingest.telemetry.streams import HOST, REDIS_SERVER, SCHEMA, SERVICE_METRICS

Counters = Mapping[str, float]

_RATES = {
    "disk_read_bytes_per_s": "disk_read",
    "disk_written_bytes_per_s": "disk_written",
    "network_sent_bytes_per_s": "sent",
    "network_received_bytes_per_s": "received",
}
_LEAST = timedelta(seconds=1)


@dataclass(frozen=True)
class SystemOptions:
    """What is measured.

    Attributes:
        every: between two samples.
        disk: a path on the disk whose use is told.
        redis: address of a Redis server to measure as well; '' for none.
        name: of the source.
    """

    every: timedelta = timedelta(seconds=5)
    disk: str = "/"
    redis: str = ""
    name: str = ""

    @classmethod
    def parse(cls, url: str, name: str = "") -> SystemOptions:
        """Options of an address such as ``system://?every=10s&disk=/data&redis=redis://db:6379/0``.

        Raises:
            InputError: a part of it is not known, or cannot be read.
        """
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query))
        unknown = sorted(set(given) - {"every", "disk", "redis"})
        if parts.scheme != "system" or parts.netloc or unknown:
            raise InputError(
                f"system://: no part {unknown[0]!r}." if unknown else "the address names a host.",
                hint="It looks like system://?every=10s&disk=/&redis=redis://localhost:6379/0.",
            )
        every = parse_duration(given.get("every", "5s"))
        if every < _LEAST:
            raise InputError("system://: every must be at least 1s.")
        made = f"system {platform.node() or 'localhost'}"
        return cls(every, given.get("disk", "/"), given.get("redis", ""), name or made)


class SystemSource:
    """Measures the machine until it is stopped; it has no position, so nothing is read again.

    Args:
        options: what is measured, and how often.
        now: the time.
        wait: waits for a time, or for the stop; gives whether it was stopped.

    Attributes:
        reading: whether it measures.
        trouble: why the Redis server cannot be measured at the moment, or None.
    """

    def __init__(
        self,
        options: SystemOptions,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self.options = options
        self.reading = False
        self.trouble: SourceError | None = None
        self._now = now
        self._halt = threading.Event()
        self._wait = wait or self._halt.wait
        self._redis = RedisServer(options.redis) if options.redis else None

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.options.name

    def check(self) -> None:
        """Measure once and forget it, so that what cannot be measured is told at once.

        Raises:
            SourceError: the Redis server cannot be reached, or the disk is not there.
            MissingPackageError: redis is not installed.
        """
        measure(self.options.disk)
        if self._redis is not None:
            self._redis.sample()
            self._redis.close()

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """A sample now and then, until `stop`."""
        del resume
        before: tuple[datetime, Counters] | None = None
        redis_before: tuple[datetime, Counters] | None = None
        self.reading = True
        try:
            while not self._halt.is_set():
                now = self._now()
                row, counters = host_row(measure(self.options.disk), now, before)
                before = (now, counters)
                rows = [(HOST.name, row), (SERVICE_METRICS.name, _as_service(row))]
                sample = self._redis_sample()
                if sample is not None:
                    found, kept = redis_row(sample, self.name, now, redis_before)
                    redis_before = (now, kept)
                    rows.append((REDIS_SERVER.name, found))
                yield _batch(self.name, rows, now)
                if self._wait(self.options.every.total_seconds()):
                    break
        finally:
            self.reading = False
            if self._redis is not None:
                self._redis.close()

    def stop(self) -> None:
        """Measure no more."""
        self._halt.set()

    def stored(self, position: Mapping[str, object]) -> None:
        """Nothing waits for it to be stored."""

    def _redis_sample(self) -> Mapping[str, Any] | None:
        """The state of the Redis server; None, and the reason in ``trouble``, when it is away."""
        if self._redis is None:
            return None
        try:
            sample = self._redis.sample()
        except SourceError as error:
            self.trouble = error
            return None
        self.trouble = None
        return sample


def measure(disk: str) -> dict[str, Any]:
    """What psutil tells now: gauges, and counters under the names of ``_RATES``.

    Raises:
        SourceError: there is no such disk.
    """
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    try:
        space = psutil.disk_usage(disk)
    except OSError as error:
        raise SourceError(f"system: the disk of {disk!r} cannot be measured: {error}.") from None
    blocks, network = psutil.disk_io_counters(), psutil.net_io_counters()
    return {
        "cpu_percent": psutil.cpu_percent(interval=None),
        "memory_percent": memory.percent,
        "memory_used_bytes": memory.total - memory.available,
        "swap_percent": swap.percent,
        "disk_percent": space.percent,
        "disk_used_bytes": space.used,
        "load_1m": psutil.getloadavg()[0],
        "processes": len(psutil.pids()),
        "boot": psutil.boot_time(),
        "disk_read": blocks.read_bytes if blocks else None,
        "disk_written": blocks.write_bytes if blocks else None,
        "sent": network.bytes_sent if network else None,
        "received": network.bytes_recv if network else None,
    }


def host_row(
    sample: Mapping[str, Any], now: datetime, before: tuple[datetime, Counters] | None
) -> tuple[dict[str, Any], Counters]:
    """A row of ``host`` and its counters, for the next one.

    Args:
        sample: of `measure`.
        now: when it was taken.
        before: the sample before this, when and its counters; None for the first.

    Returns:
        Rates, and the use of the CPU, are None in the first sample and when a counter began anew.
    """
    counters = {name: float(sample[name]) for name in _RATES.values() if sample[name] is not None}
    row: dict[str, Any] = {"host": platform.node() or "localhost"}
    row |= {name: sample[name] for name in HOST.kinds if name in sample}
    row["cpu_percent"] = sample["cpu_percent"] if before else None
    row["uptime_s"] = round(now.timestamp() - sample["boot"], 3)
    return row | rates(_RATES, counters, now, before), counters


def rates(
    names: Mapping[str, str],
    counters: Counters,
    now: datetime,
    before: tuple[datetime, Counters] | None,
) -> dict[str, float | None]:
    """Change a second of counters by the name of the field; None where it is not known."""
    seconds = (now - before[0]).total_seconds() if before else 0.0
    made: dict[str, float | None] = {}
    for name, counter in names.items():
        new, old = counters.get(counter), before[1].get(counter) if before else None
        known = new is not None and old is not None and new >= old and seconds > 0
        made[name] = round((new - old) / seconds, 3) if known else None  # type: ignore[operator]
    return made


def _as_service(row: Mapping[str, Any]) -> dict[str, Any]:
    """The machine as a row of ``service_metrics``."""
    return {
        "service_id": row["host"],
        "cpu_usage": row["cpu_percent"],
        "memory_usage": row["memory_percent"],
        "disk_usage": row["disk_percent"],
    }


def _batch(source: str, rows: list[tuple[str, dict[str, Any]]], at: datetime) -> DecodedBatch:
    events = [
        {
            "id": uuid.uuid4().hex,
            "source": source,
            "schema": SCHEMA,
            "table": table,
            "operation": "INSERT",
            "timestamp": at.isoformat(),
            "after": row,
        }
        for table, row in rows
    ]
    batch = decode_body(
        msgspec.json.encode(events), id_factory=lambda: uuid.uuid4().hex, source=source
    )
    return replace(batch, offset=Offset(source, {"sampled": at.isoformat()}))
