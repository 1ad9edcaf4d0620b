"""Others in our consumer group: they may come, go and commit, and what is read does not change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.sources.kafka import KafkaOptions, KafkaSource
from tests.services.kafka import Server
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.services
_PARTITIONS = 4
_EVENTS = 400


class Topic:
    """A new topic, and what is sent to it: events with the numbers from 0 on."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.sent = 0
        server.make(name, _PARTITIONS)
        self._producer = server.producer()

    def send(self, count: int) -> None:
        """Send so many more, over all partitions."""
        for number in range(self.sent, self.sent + count):
            value = (
                b'{"id": "e%d", "operation": "INSERT", "table": "items", "after": {"id": %d}}'
                % (number, number)
            )
            self._producer.produce(self.name, value=value, partition=number % _PARTITIONS)
            self._producer.poll(0)
        assert self._producer.flush(60) == 0
        self.sent += count

    def wanted(self) -> list[str]:
        """Ids of all events."""
        return sorted(f"e{number}" for number in range(self.sent))


class Reader:
    """A source of ours in a thread; each batch counts as stored when it has come."""

    def __init__(self, topic: Topic, group: str, resume: dict[str, Any] | None = None) -> None:
        options = KafkaOptions(name=group, slot=group, batch_messages=20)
        self.source = KafkaSource(topic.server.url(topic.name), options)
        self.ids: list[str] = []
        self.position = resume
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for batch in self.source.batches(self.position):
                self._keep(batch)
        except BaseException as error:  # noqa: BLE001 — raised by `stop`
            self.failure = error

    def _keep(self, batch: DecodedBatch) -> None:
        self.ids += batch.events["event_id"].to_pylist()
        assert batch.offset is not None
        self.position = dict(batch.offset.position)
        self.source.stored(batch.offset.position)
        time.sleep(0.01)  # so that others come while there is something left

    def has(self, count: int) -> bool:
        """Whether so many came; fails when reading has failed."""
        assert self.failure is None, self.failure
        return len(self.ids) >= count

    def stop(self) -> None:
        """End it in good order."""
        self.source.stop()
        self._thread.join(60)
        assert self.failure is None, self.failure
        assert not self._thread.is_alive()


@contextmanager
def member(server: Server, group: str, topic: str) -> Iterator[Consumer]:
    """A consumer of somebody else that subscribes: it is given partitions, and loses them."""
    settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    quick = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 500}
    made = Consumer(server.settings | settings | quick)
    made.subscribe([topic])
    try:
        yield made
    finally:
        made.close()


def test_members_that_come_and_go_take_nothing_away(kafka_server: Server) -> None:
    """Two others subscribe with our group in the middle and go again: all is read, and once."""
    topic = Topic(kafka_server, "group.rebalance")
    topic.send(_EVENTS)
    reader = Reader(topic, "shared")
    eventually(lambda: reader.has(40))
    with member(kafka_server, "shared", topic.name) as first:
        eventually(lambda: first.poll(0.2) is not None or first.assignment())
        topic.send(_EVENTS)
        with member(kafka_server, "shared", topic.name) as second:
            eventually(lambda: (first.poll(0.1), second.poll(0.1))[1] or second.assignment())
            topic.send(_EVENTS)
            eventually(lambda: (first.poll(0.05), reader.has(_EVENTS))[1])
    topic.send(_EVENTS)
    eventually(lambda: reader.has(topic.sent))
    reader.stop()
    assert sorted(reader.ids) == topic.wanted()


def test_what_the_group_says_does_not_move_us(kafka_server: Server) -> None:
    """Another member commits the end and the beginning for us: we go on from our own place."""
    topic = Topic(kafka_server, "group.moved")
    topic.send(_EVENTS)
    reader = Reader(topic, "moved")
    eventually(lambda: reader.has(60))
    reader.stop()
    with member(kafka_server, "moved", topic.name) as other:
        eventually(lambda: other.poll(0.2) is not None or other.assignment())
        held = other.assignment()
        ends = [TopicPartition(each.topic, each.partition, 10_000) for each in held]
        other.commit(offsets=ends, asynchronous=False)
    again = Reader(topic, "moved", reader.position)
    eventually(lambda: len(reader.ids) + len(again.ids) >= topic.sent)
    again.stop()
    assert sorted([*reader.ids, *again.ids]) == topic.wanted()


def test_two_readers_of_one_group_each_read_everything(kafka_server: Server) -> None:
    """Two workspaces that were given one group: neither takes partitions from the other."""
    topic = Topic(kafka_server, "group.two")
    topic.send(_EVENTS)
    both = [Reader(topic, "two"), Reader(topic, "two")]
    topic.send(_EVENTS)
    eventually(lambda: all(each.has(topic.sent) for each in both))
    for each in both:
        each.stop()
        assert sorted(each.ids) == topic.wanted()


def test_the_group_is_told_when_the_others_are_gone(kafka_server: Server) -> None:
    """While others are in the group it may not take our offsets; afterwards it has them."""
    topic = Topic(kafka_server, "group.told")
    topic.send(_EVENTS)
    reader = Reader(topic, "told")
    with member(kafka_server, "told", topic.name) as other:
        eventually(lambda: other.poll(0.2) is not None or other.assignment())
    topic.send(40)
    eventually(lambda: reader.has(topic.sent))
    reader.stop()
    asking = Consumer(kafka_server.settings | {"group.id": "told"})
    places = [TopicPartition(topic.name, number) for number in range(_PARTITIONS)]
    told = {each.partition: each.offset for each in asking.committed(places, timeout=PATIENCE)}
    asking.close()
    assert sum(told.values()) == topic.sent


def test_the_group_is_told_while_nothing_comes(kafka_server: Server) -> None:
    """What is stored is seen by Kafka's own tools soon, also while the reader waits for more."""
    topic = Topic(kafka_server, "group.idle")
    topic.send(40)
    reader = Reader(topic, "idle")
    asking = Consumer(kafka_server.settings | {"group.id": "idle"})
    places = [TopicPartition(topic.name, number) for number in range(_PARTITIONS)]
    try:
        eventually(lambda: reader.has(topic.sent))
        eventually(
            lambda: sum(max(0, each.offset) for each in asking.committed(places, timeout=10)) == 40
        )
    finally:
        asking.close()
        reader.stop()
