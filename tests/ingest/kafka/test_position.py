from __future__ import annotations

import pytest

from datawatch_lab.ingest.sources.kafka import KafkaOptions, KafkaSource
from datawatch_lab.ingest.sources.kafka.position import Position
from tests.ingest.kafka.test_group import Topic
from tests.services.kafka import Server


def test_what_is_stored_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in the writer's thread, which no broker may hold up."""
    source = KafkaSource("kafka://127.0.0.1:9/orders")

    def refused(*_: object, **__: object) -> None:
        pytest.fail("the broker was asked")

    monkeypatch.setattr(source, "_tell_group", refused)
    source.stored(Position("one", {("orders", 0): 7}).plain())


def test_a_position_of_an_older_version_is_read() -> None:
    """It has no slot: it is of the watch that reads it."""
    read = Position.read({"cluster": "one", "topics": {"orders": {"0": 7}}})
    assert read == Position("one", {("orders", 0): 7})
    assert Position.read(Position("one", {("orders", 0): 7}, "mine").plain()).slot == "mine"


@pytest.mark.services
def test_a_topic_that_was_made_anew_is_read_when_it_is_watched_anew(kafka_server: Server) -> None:
    """Its messages end before the stored place; another slot begins with what is kept now."""
    topic = Topic(kafka_server, "position.anew")
    topic.send(40)

    def read(slot: str, resume: dict[str, object] | None) -> tuple[int, dict[str, object]]:
        options = KafkaOptions(slot=slot, follow=False)
        batches = list(KafkaSource(kafka_server.url(topic.name), options).batches(resume))
        assert batches[-1].offset is not None
        return sum(batch.received for batch in batches), dict(batches[-1].offset.position)

    count, place = read("first", None)
    assert count == 40
    assert read("first", place)[0] == 0
    far = {topic.name: dict.fromkeys(map(str, range(4)), 10_000)}
    count, after = read("second", place | {"topics": far})
    assert (count, after["slot"]) == (40, "second")
    assert read("second", after)[0] == 0
