"""Rows a second of CPU time from MariaDB, Kafka and Redis, beside the client library alone.

The library of MySQL's log decodes rows itself; those of Kafka and Redis hand over bytes, so there
the ratio is the price of reading the events in them.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.meters import Meter, peak_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, UnmeasurableError, of_size

NAME = "follow"
FULL, QUICK = 100_000, 2_000
_TURNS = 3
_ONE = 5_000  # rows of one statement, messages of one flush
_TABLE = (
    "CREATE TABLE items (id bigint PRIMARY KEY, name varchar(80), price decimal(10,2), "
    "made datetime(6) DEFAULT now(6), state enum('new','paid'), note text)"
)

Ways = tuple[Callable[[], int], Callable[[], int]]
"""Reads all rows by the product, and by the library alone; both give how many they were."""


def subject(context: Context) -> Sample:
    """Each server in turn, each way three times, interleaved; medians."""
    rows = context.size(FULL, QUICK)
    values: dict[str, float] = {}
    against: dict[str, float] = {}
    with Meter() as meter:
        for name, ways in _SERVERS.items():
            with ways(rows) as both:
                own, other = _in_turns(both, rows)
            values[name], against[name] = rows / own, rows / other
    return Sample(values, against, cpu_seconds=meter.cpu_seconds, memory_bytes=peak_bytes())


def _in_turns(ways: Ways, rows: int) -> tuple[float, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(_TURNS):
        for read, seconds in zip(ways, taken, strict=True):
            start = time.process_time()
            found = read()
            seconds.append(time.process_time() - start)
            if found != rows:
                raise UnmeasurableError(f"{found} of {rows} rows were read")
    return median(taken[0]), median(taken[1])


def _servers(name: str) -> Any:
    """The module that starts a private server.

    Raises:
        UnmeasurableError: there is none here.
    """
    from importlib import import_module

    try:
        module = import_module(f"tests.services.{name}")
    except ModuleNotFoundError as error:
        raise UnmeasurableError(f"{error.name} is not installed") from None
    if module.find() is None:
        raise UnmeasurableError(f"no server here; {module.HOW_TO_GET_ONE}")
    return module


def _read(source: Any, resume: Mapping[str, object] | None = None) -> int:
    count = 0
    for batch in source.batches(resume):
        count += batch.events.num_rows
        source.stored(batch.offset.position)
    return count


# ------------------------------------------------------------------ MariaDB


@contextlib.contextmanager
def _mariadb(rows: int) -> Iterator[Ways]:
    from datawatch_lab.ingest.sources.mysql import MysqlOptions, MysqlSource

    with (
        contextlib.closing(_servers("mariadb").Server()) as server,
        server.database("bench") as url,
    ):
        server.query(_TABLE, database="bench")
        options = MysqlOptions(follow=False)
        (*_, last) = MysqlSource(url, options).batches(None)
        begin = last.offset.position if last.offset else None
        gtid = str(server.query("SELECT @@global.gtid_binlog_pos")[0][0])
        for first in range(1, rows + 1, _ONE):
            last_one = min(first + _ONE, rows + 1) - 1
            server.query(
                "INSERT INTO items (id, name, price, state, note) "
                "SELECT seq, concat('item ', seq), "
                f"seq / 7, 'paid', repeat('x', seq MOD 60) FROM seq_{first}_to_{last_one}",
                database="bench",
            )
        end = int(server.query("SHOW MASTER STATUS")[0][1])
        yield (
            lambda: _read(MysqlSource(url, options), begin),
            lambda: _log_alone(server, gtid, end),
        )


def _log_alone(server: Any, gtid: str, end: int) -> int:
    """All rows up to a place of the log; asked to end by itself, MariaDB resets the connection.

    The reader takes that for a fault, and reads the whole log again and again.
    """
    from pymysqlreplication import BinLogStreamReader  # type: ignore[import-untyped]
    from pymysqlreplication.row_event import WriteRowsEvent  # type: ignore[import-untyped]

    reader = BinLogStreamReader(
        {"host": "127.0.0.1", "port": server.port, "user": "root", "password": server.password},
        server_id=4_711,
        is_mariadb=True,
        auto_position=gtid,
        blocking=True,
        end_log_pos=end,
        only_events=[WriteRowsEvent],
        enable_logging=False,
    )
    with contextlib.closing(reader):
        return sum(len(event.rows) for event in reader)


# ------------------------------------------------------------------ Kafka and Redis


def _events(rows: int) -> Iterator[Sequence[bytes]]:
    for first in range(1, rows + 1, _ONE):
        yield [
            json.dumps(
                {
                    "id": f"e{n}", "operation": "INSERT", "schema": "shop", "table": "items",
                    "timestamp": 1_790_000_000_000 + n, "position": {"pos": n},
                    "after": {"id": n, "name": f"item {n}", "price": n / 7, "state": "paid"},
                }
            ).encode()
            for n in range(first, min(first + _ONE, rows + 1))
        ]  # fmt: skip


@contextlib.contextmanager
def _kafka(rows: int) -> Iterator[Ways]:
    from datawatch_lab.ingest.sources.kafka import KafkaOptions, KafkaSource

    with contextlib.closing(_servers("kafka").Server()) as server:
        server.make("bench")
        producer = server.producer()
        for events in _events(rows):
            for event in events:
                producer.produce("bench", event)
            producer.flush(60)
        url = server.url("bench")
        yield (
            lambda: _read(KafkaSource(url, KafkaOptions(follow=False))),
            lambda: _topic_alone(server),
        )


def _topic_alone(server: Any) -> int:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(server.settings | {"group.id": "alone", "enable.partition.eof": True})
    count = 0
    with contextlib.closing(consumer):
        consumer.assign([TopicPartition("bench", 0, 0)])
        while True:
            for message in consumer.consume(20_000, 0.25):
                if message.error() is not None:
                    return count
                count += bool(message.value())


@contextlib.contextmanager
def _redis(rows: int) -> Iterator[Ways]:
    from datawatch_lab.ingest.sources.redis import RedisOptions, RedisSource

    with contextlib.closing(_servers("redis").Server()) as server:
        with contextlib.closing(server.client()) as client:
            for events in _events(rows):
                pipe = client.pipeline(transaction=False)
                for event in events:
                    pipe.xadd("bench", {"event": event})
                pipe.execute()
        url, groups = server.url("?streams=bench"), iter(range(1_000))

        def own() -> int:
            options = RedisOptions(follow=False, slot=f"own{next(groups)}")
            return _read(RedisSource(url, options))

        yield own, lambda: _stream_alone(server, f"alone{next(groups)}")


def _stream_alone(server: Any, group: str) -> int:
    count = 0
    with contextlib.closing(server.client()) as client:
        client.xgroup_create("bench", group, id="0")
        while found := client.xreadgroup(group, "alone", {"bench": ">"}, count=10_000):
            count += sum(len(entries) for _, entries in found)
    return count


_SERVERS: Mapping[str, Callable[[int], contextlib.AbstractContextManager[Ways]]] = {
    NAME: _mariadb,
    "follow_kafka": _kafka,
    "follow_redis": _redis,
}

SCENARIO = Scenario(
    name=NAME,
    about="rows of MariaDB's log, a Kafka topic, a Redis stream to typed columns; CPU time",
    figures=tuple(Figure(name, "rows/s", "higher") for name in _SERVERS),
    subject=subject,
    against="the client library alone",
    scaled=of_size(FULL, QUICK, "rows"),
    runs=3,
)
