"""A consumer group: what is stored is acknowledged, also at an end; what goes may come again."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import SourceError
from datawatch_lab.core.watching import Watch
from datawatch_lab.engine import sources
from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.redis import RedisOptions, RedisSource, driver
from datawatch_lab.ingest.sources.redis.entries import Entry
from datawatch_lab.ingest.sources.redis.given import Given
from tests.services.redis import Server
from tests.waiting import PATIENCE, eventually

_NUMBERS = itertools.count()
_ADDRESS = Endpoint.parse("redis://nowhere", driver.SCHEME)


class Client:
    """Remembers what is acknowledged; may be away."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[Any, ...]] = []
        self.away = False

    def xack(self, *what: Any) -> None:
        """Take it, or fail."""
        if self.away:
            raise redis.TimeoutError("timed out")
        self.acknowledged.append(what)


def entry(number: int, stream: str = "s") -> Entry:
    """One of a stream."""
    return Entry(stream, f"{number}-0", {b"n": b"1"})


def test_what_is_stored_is_acknowledged_by_the_reader() -> None:
    """Saying what is stored asks nobody; the reader tells the group, in order, and once."""
    given, client = Given(_ADDRESS, "g"), Client()
    for number in (1, 2, 3):
        given.add(number, [entry(number), entry(number, "t")])
    given.stored(2)
    assert client.acknowledged == []
    given.acknowledge(client)
    given.acknowledge(client)
    told = [("s", "g", "1-0"), ("t", "g", "1-0"), ("s", "g", "2-0"), ("t", "g", "2-0")]
    assert client.acknowledged == told


def test_what_could_not_be_acknowledged_is_later() -> None:
    """A server that is away is told when it is back, and nothing is forgotten."""
    given, client = Given(_ADDRESS, "g"), Client()
    given.add(1, [entry(1)])
    given.stored(1)
    client.away = True
    with pytest.raises(SourceError, match="timed out"):
        given.acknowledge(client)
    given.forget()  # as after connecting again
    client.away = False
    given.acknowledge(client)
    assert client.acknowledged == [("s", "g", "1-0")]


def test_an_end_waits_for_the_store() -> None:
    """What is on its way when reading ends is acknowledged as soon as it is stored."""
    given, client = Given(_ADDRESS, "g"), Client()
    given.add(1, [entry(1)])
    ending = threading.Thread(target=given.settle, args=(client,))
    ending.start()
    given.stored(1)
    ending.join(PATIENCE)
    assert client.acknowledged == [("s", "g", "1-0")]


class Streams:
    """A stream on the server, and who reads it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = f"stream{next(_NUMBERS)}"
        self.client = server.client()

    def url(self, more: str = "") -> str:
        """Its address."""
        return self.server.url(f"?streams={self.name}{more}")

    def send(self, *numbers: int) -> None:
        """Add entries."""
        for number in numbers:
            self.client.xadd(self.name, {"n": str(number)})

    def pending(self, group: str) -> int:
        """Entries that were given and not acknowledged."""
        return int(self.client.xpending(self.name, group)["pending"])

    def groups(self) -> list[str]:
        """Names of the groups."""
        return [group["name"].decode() for group in self.client.xinfo_groups(self.name)]


@pytest.fixture
def streams(redis_server: Server) -> Iterator[Streams]:
    """A stream of this test alone."""
    made = Streams(redis_server)
    yield made
    made.client.close()


class Reading:
    """A source that is read in a thread.

    Args:
        store: what becomes of each batch, after it was counted.
    """

    def __init__(self, source: RedisSource, store: Callable[[DecodedBatch], None]) -> None:
        self.source = source
        self.seen: list[str] = []
        self.fault: BaseException | None = None
        self._store = store
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            for batch in self.source.batches(None):
                self.seen += batch.events["after"].to_pylist()
                self._store(batch)
        except BaseException as error:  # noqa: BLE001 — looked at by `has`
            self.fault = error

    def has(self, count: int) -> bool:
        """Whether so many came; fails when reading has failed."""
        assert self.fault is None, self.fault
        return len(self.seen) >= count

    def end(self) -> None:
        """Stop it."""
        self.source.stop()
        self._thread.join(PATIENCE)
        assert self.fault is None, self.fault


@contextlib.contextmanager
def reading(source: RedisSource, store: Callable[[DecodedBatch], None]) -> Iterator[Reading]:
    """A source while it is read."""
    made = Reading(source, store)
    try:
        yield made
    finally:
        made.end()


@pytest.mark.services
def test_the_last_batches_are_acknowledged_at_a_stop(streams: Streams) -> None:
    """Stored after reading was asked to end, they do not come again."""
    streams.send(1, 2, 3)
    source = RedisSource(streams.url(), RedisOptions(slot="g"))
    kept: list[DecodedBatch] = []
    with reading(source, kept.append) as run:
        eventually(lambda: run.has(3))
        source.stop()
        for batch in kept:
            assert batch.offset is not None
            source.stored(batch.offset.position)
    assert streams.pending("g") == 0


@pytest.mark.services
@pytest.mark.parametrize("gone", ["group", "stream"])
def test_what_is_removed_while_it_is_read_is_joined_again(streams: Streams, gone: str) -> None:
    """A group that somebody destroys, or a stream that is deleted and made anew: it goes on."""
    streams.send(1, 2)
    source = RedisSource(streams.url(), RedisOptions(slot="g"))

    def store(batch: DecodedBatch) -> None:
        assert batch.offset is not None
        source.stored(batch.offset.position)

    with reading(source, store) as run:
        eventually(lambda: run.has(2))
        if gone == "group":
            streams.client.xgroup_destroy(streams.name, "g")
        else:
            streams.client.delete(streams.name)
            eventually(lambda: source.trouble is not None or run.fault)
            streams.client.xadd(streams.name, {"n": "0"}, id="5-1")  # before those that went
            eventually(lambda: run.has(3))
        streams.send(3)
        wanted = 3 if gone == "group" else 4
        eventually(lambda: run.has(wanted))
    assert len(run.seen) == wanted


def _watched(url: str) -> Watch:
    return Watch(name="w", url=url, slot="mine")


@pytest.mark.services
def test_removing_leaves_a_group_of_somebody_else(streams: Streams) -> None:
    """A group that the address names stays; our consumer goes, unless it holds entries."""
    streams.client.xgroup_create(streams.name, "billing", id="0-0", mkstream=True)
    streams.send(1)
    url = streams.url("&group=billing")
    streams.client.xreadgroup("billing", "mine", {streams.name: ">"})
    with pytest.raises(SourceError, match="1 entries were given to the consumer mine") as raised:
        sources.remove_watched(_watched(url), url)
    assert "XAUTOCLAIM" in raised.value.hint
    assert len(streams.client.xinfo_consumers(streams.name, "billing")) == 1
    streams.client.xack(
        streams.name, "billing", *[i for i, _ in streams.client.xrange(streams.name)]
    )
    sources.remove_watched(_watched(url), url)
    assert streams.groups() == ["billing"]
    assert streams.client.xinfo_consumers(streams.name, "billing") == []


@pytest.mark.services
def test_removing_finds_streams_that_were_included(streams: Streams) -> None:
    """Ours goes from all streams that were read, also those that the address does not name."""
    streams.client.xgroup_create(streams.name, "mine", id="0-0", mkstream=True)
    streams.client.xgroup_create(streams.name, "theirs", id="0-0")
    url = streams.server.url()
    watch = Watch(name="w", url=url, slot="mine", include=(streams.name,))
    sources.remove_watched(watch, url)
    assert streams.groups() == ["theirs"]
