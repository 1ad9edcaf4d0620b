from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import pytest

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.kafka import KafkaOptions, KafkaSource
from tests.ingest.source_contract import Rig, Rows, SourceContract, fresh, sink
from tests.services.broker_shop import Items
from tests.services.kafka import Server

__all__ = ["fresh", "sink"]

pytestmark = pytest.mark.services

_PARTITIONS = 3


def make_source(url: str, *, follow: bool, small: bool = False) -> KafkaSource:
    """A source as the suite wants it; ``small`` batches and buffers show what lies between them."""
    sizes = {"batch_messages": 500, "buffer_kilobytes": 64} if small else {}
    return KafkaSource(url, KafkaOptions(follow=follow, **sizes))  # type: ignore[arg-type]


class KafkaRig(Rig):
    """A topic of a private broker, a new one for each test."""

    copies = False

    def __init__(self, server: Server) -> None:
        self.server = server
        self.version = f"Kafka ({server.version})"
        self.items = Items(self._send)
        self._producer = server.producer()
        self._number = 0
        self._last: KafkaSource | None = None

    @property
    def topic(self) -> str:
        """Of the test in turn."""
        return f"contract{self._number}.items"

    def _send(self, events: Sequence[tuple[str, bytes]]) -> None:
        for key, event in events:
            partition = crc32(key.encode()) % _PARTITIONS if '"id": -1' not in key else 0
            partition = 0 if '"id": null' in key else partition
            self._producer.produce(self.topic, key=key, value=event, partition=partition)
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def reset(self) -> None:
        self._number += 1
        self.server.make(self.topic, _PARTITIONS)
        self.items = Items(self._send)

    def source(self, *, follow: bool, **options: Any) -> KafkaSource:
        self._last = make_source(self.server.url(self.topic), follow=follow, **options)
        return self._last

    def factory(self, *, follow: bool) -> tuple[str, dict[str, Any]]:
        arguments = {"url": self.server.url(self.topic), "follow": follow, "small": True}
        return "tests.ingest.kafka.test_contract:make_source", arguments

    def insert(self, first: int, count: int) -> None:
        self.items.insert(first, count)

    def churn(self, seed: int, changes: int) -> None:
        self.items.churn(seed, changes)

    def rows(self) -> Rows:
        return {(key,): row for key, row in self.items.rows.items()}

    def add_column(self) -> None:
        self.items.add_column()

    def restart(self) -> None:
        self.server.proxy.cut(0.5)

    def wrong_credentials(self) -> tuple[KafkaSource, str]:
        secret = "not-the-s3cret"  # noqa: S105 — of no server
        guarded = Server(authentication=True)
        self._guarded = guarded
        url = f"kafka://reader:{secret}@127.0.0.1:{guarded.port}/x?sasl.mechanisms=SCRAM-SHA-512"
        return KafkaSource(url, KafkaOptions(follow=False)), secret

    def missing_rights(self) -> KafkaSource:
        url = self.server.url("no.such.topic")
        return KafkaSource(url, KafkaOptions(follow=False))

    def behind(self) -> int:
        assert self._last is not None
        return self.items.sent - sum(self._last._stored.values())

    def close(self) -> None:
        """Stop the broker that asked for a password."""
        if hasattr(self, "_guarded"):
            self._guarded.close()


@pytest.fixture(scope="module")
def rig(kafka_server: Server) -> Iterator[KafkaRig]:
    """The broker with one topic for each test in turn."""
    made = KafkaRig(kafka_server)
    yield made
    made.close()


class TestKafka(SourceContract):
    """The contract, kept by a broker that speaks Kafka's protocol.

    It keeps all in memory, so a restart of it is a cut of all connections. It knows no rights to
    topics: who may not see one and who names one that is not there get the same answer.
    """

    patience = 2.0
    flood = 10_000
    sections = ("commit", "feedback")

    def test_a_restart_needs_the_stored_offset_only(self, fresh: KafkaRig, sink: Any) -> None:
        """What the group knows does not matter: the offset in the store is the one that counts."""
        fresh.insert(1, 30)
        source = fresh.source(follow=False)
        for batch in source.batches(None):
            sink.store(batch)
            fresh.exchanged += batch.received
            assert batch.offset is not None
            position = dict(batch.offset.position)
            position["topics"] = {fresh.topic: {"0": 0, "1": 0, "2": 0}}
        again = fresh.source(follow=False)
        assert sum(batch.received for batch in again.batches(sink.offset)) == 0
        whole = fresh.source(follow=False)
        assert sum(batch.received for batch in whole.batches(position)) == 30

    def test_another_cluster_is_not_read_under_the_name(self, fresh: KafkaRig) -> None:
        """Offsets of one cluster mean nothing in another: reading ends, with the way out."""
        fresh.insert(1, 3)
        (first, *_) = fresh.source(follow=False).batches(None)
        assert first.offset is not None
        with pytest.raises(SourceError, match="another cluster"):
            list(fresh.source(follow=False).batches({**first.offset.position, "cluster": "other"}))
