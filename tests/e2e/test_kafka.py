"""A Kafka topic under writes, followed by the whole product."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import pytest
from confluent_kafka import Consumer, TopicPartition

from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.intake import ingest_source
from datawatch_lab.service.watching import diagnose
from tests.e2e import source_speed
from tests.e2e.broker_survival import assert_survives, differences
from tests.e2e.follower import source_of
from tests.services.broker_shop import Items
from tests.services.kafka import Server
from tests.waiting import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

_PARTITIONS = 2


def items_of(server: Server, topic: str) -> Items:
    """A table that lives in a new topic."""
    server.make(topic, _PARTITIONS)
    producer = server.producer()

    def send(events: Sequence[tuple[str, bytes]]) -> None:
        for key, event in events:
            producer.produce(
                topic, key=key, value=event, partition=crc32(key.encode()) % _PARTITIONS
            )
        assert producer.flush(60) == 0

    return Items(send)


def test_two_deaths_of_the_engine_leave_no_trace(kafka_server: Server, tmp_path: Path) -> None:
    """Killed with a batch in hand and inside a commit, under writes: nothing lost or doubled."""
    items = items_of(kafka_server, "kills.a")
    assert_survives(kafka_server.url("kills.a"), items, tmp_path, seed=1, kills=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_deaths_of_the_engine_leave_no_trace(kafka_server: Server, tmp_path: Path) -> None:
    """The same with ten deaths at drawn points."""
    items = items_of(kafka_server, "kills.b")
    assert_survives(kafka_server.url("kills.b"), items, tmp_path, seed=2, kills=10)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_how_fast_it_is_read(
    kafka_server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same messages by the client library, the source and the whole product, each thrice."""
    items = items_of(kafka_server, "speed.items")
    places = [TopicPartition("speed.items", number, 0) for number in range(_PARTITIONS)]

    def library() -> int:
        settings = {"group.id": "library", "enable.partition.eof": True}
        consumer = Consumer(kafka_server.settings | settings)
        consumer.assign(places)
        count, ends = 0, 0
        while ends < _PARTITIONS:
            for message in consumer.consume(5_000, 0.25):
                ends += message.error() is not None
                count += message.error() is None
        consumer.close()
        return count

    speeds = source_speed.measure(
        f"Kafka ({kafka_server.version})",
        kafka_server.url("speed.items"),
        tmp_path,
        lambda: items.insert(1, 40_000),
        library,
    )
    with capsys.disabled():
        print(f"\n  {speeds}")
    assert speeds.changes == 40_000


def test_a_topic_is_watched_by_its_address(kafka_server: Server, tmp_path: Path) -> None:
    """Added, followed through a cut of all connections, and removed."""
    items = items_of(kafka_server, "watched.items")
    items.insert(1, 300)
    url = kafka_server.url("watched.*")
    assert all(finding.ok or not finding.blocking for finding in diagnose(url))
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        state = workspace.watch(url)
        eventually(lambda: workspace.sources()[0].state == "streaming")
        kafka_server.proxy.cut(0.3)
        items.churn(1, 60)
        eventually(
            lambda: bool(workspace.tables()) and not differences(workspace, items),
            lambda: f"{workspace.sources()[0]}, {differences(workspace, items)[:3]}",
        )
        assert workspace.unwatch(state.name).removed


_SOURCE = {"version": "2.7", "connector": "postgresql", "name": "pg", "db": "shop",
           "schema": "public", "table": "orders"}  # fmt: skip


def _debezium(op: str, number: int, **images: object) -> bytes:
    at = 1_790_000_000_000 + number
    source = {**_SOURCE, "ts_ms": at, "lsn": 1_000 + number, "txId": number}
    return json.dumps({"before": None, "after": None, "source": source, "op": op, "ts_ms": at,
                       **images}).encode()  # fmt: skip


def test_debezium_topics_with_keys_and_tombstones(kafka_server: Server, tmp_path: Path) -> None:
    """Keys declare the key columns; a delete without image and its tombstone take the row away."""
    kafka_server.make("pg.public.orders")
    producer = kafka_server.producer()
    messages: Sequence[tuple[int, bytes | None]] = (
        (1, _debezium("r", 1, after={"id": 1, "amount": "10.50"})),
        (2, _debezium("c", 2, after={"id": 2, "amount": "20.00"})),
        (1, _debezium("u", 3, after={"id": 1, "amount": "11.50"})),
        (2, _debezium("d", 4)),
        (2, None),
        (3, b"\x00\x00\x00\x00\x01avro"),
        (3, _debezium("c", 5, after={"id": 3, "amount": "7"})),
    )
    for key, value in messages:
        producer.produce("pg.public.orders", key=json.dumps({"id": key}), value=value)
    assert producer.flush(30) == 0
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        ingest_source(workspace, source_of(kafka_server.url("pg.public.orders"), follow=False))
        rows = workspace.sql("SELECT id, amount FROM live.orders ORDER BY id").rows
        assert [(row[0], float(row[1])) for row in rows] == [(1, 11.5), (3, 7.0)]
        (table,) = [each for each in workspace.tables() if each.name == "orders"]
        assert list(table.key) == ["id"]
        assert workspace.ledger().quarantined == 1


def test_doctor_names_the_topics_that_are_there(kafka_server: Server) -> None:
    """A topic that is not there is told with those that are; a broker that is away, with a way."""
    kafka_server.make("doctor.items")
    found = {each.check: each for each in diagnose(kafka_server.url("doctor.itmes"))}
    assert "There is no topic doctor.itmes" in found["topic"].detail
    assert "doctor.items" in found["topic"].detail
    good = {each.check: each for each in diagnose(kafka_server.url("doctor.items"))}
    assert good["topics"].ok
    assert good["group"].ok
