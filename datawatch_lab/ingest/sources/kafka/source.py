"""The Kafka source: change events out of topics, offsets stored with the data."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datawatch_lab.core.batches import DecodedBatch, Offset, nothing
from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.kafka.driver import (
    LOST,
    SCHEME,
    Client,
    package,
    refusal,
    telling,
)
from datawatch_lab.ingest.sources.kafka.messages import decode_messages
from datawatch_lab.ingest.sources.kafka.options import KafkaOptions
from datawatch_lab.ingest.sources.kafka.position import Position
from datawatch_lab.ingest.sources.postgres.options import CopyProgress
from datawatch_lab.ingest.sources.retrying import Retrying

log = logging.getLogger(__name__)

_TAKE = 0.25  # seconds that a batch waits for its messages at most
_LOOK_AGAIN = 30.0  # seconds between looks for new topics and partitions
_QUIET = 3.0  # seconds after which a connection that broke is told of


class KafkaSource:
    """Reads all partitions of some topics, each in its order.

    Offsets are stored in the transaction that stores the messages, and a restart goes on from them;
    the group is told of them afterwards, so that the lag is seen by Kafka's own tools. Partitions
    are not shared with other members of the group: a workspace has one reader.

    Args:
        url: ``kafka://user:password@host:port,host/topic,pattern*?sasl.mechanisms=…``.
        options: how they are read.
        progress: told of how far the messages are that were there at the beginning.

    Raises:
        InputError: the address cannot be read.
    """

    def __init__(
        self,
        url: str,
        options: KafkaOptions | None = None,
        *,
        progress: Callable[[CopyProgress], None] | None = None,
    ) -> None:
        self.address = Endpoint.parse(url, SCHEME)
        self.options = options or KafkaOptions()
        self.progress = progress
        self.patterns = [each for each in self.address.path.split(",") if each]
        self._retrying = Retrying()
        self._stored: dict[tuple[str, int], int] = {}
        self._told: dict[tuple[str, int], int] = {}  # to the group
        self._behind: dict[tuple[str, int], int] = {}  # ends at the beginning, not yet reached
        self._began: dict[tuple[str, int], int] = {}
        self._connected = False

    def __repr__(self) -> str:
        return f"KafkaSource({str(self.address)!r})"

    @property
    def name(self) -> str:
        """Name of the source in the ledger."""
        return self.options.name or self.address.name

    @property
    def reading(self) -> bool:
        """Whether it is connected, and has read what was there at the beginning."""
        return self._connected and not self._behind and self.trouble is None

    @property
    def trouble(self) -> SourceError | None:
        """Why it is connecting again now; None while all is well."""
        return self._retrying.trouble

    def stop(self) -> None:
        """Ask it to end after the batch in hand; safe from another thread."""
        self._retrying.halt.set()

    def stored(self, position: Mapping[str, object]) -> None:
        """Hear that all up to the position of an offset is durable; the group is told soon.

        Safe from another thread, and asks nobody. Nothing depends on what the group knows.
        """
        self._stored = Position.read(position).next

    def lag(self) -> int:
        """Messages that are not stored yet, over all partitions.

        Raises:
            SourceError: the cluster cannot be reached or refuses.
        """
        stored = self._stored
        topics: dict[str, list[int]] = {}
        for topic, partition in stored:
            topics.setdefault(topic, []).append(partition)
        with contextlib.closing(Client(self.address, self.options)) as client:
            ends = client.ends(topics)
        return sum(max(0, high - stored[place]) for place, (_, high) in ends.items())

    def check(self) -> dict[str, list[int]]:
        """The partitions of the topics that are wanted.

        Raises:
            SourceError: the cluster cannot be reached, refuses, or has none of them.
        """
        with contextlib.closing(Client(self.address, self.options)) as client:
            return self._wanted(client)[1]

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """Messages from where each partition was left.

        Raises:
            SourceError: the cluster cannot be reached at first, refuses, has none of the topics, or
                keeps no longer what comes next; says how to fix it.
        """
        position = self._begin(resume)
        self._stored = dict(position.next)
        yield from self._retrying.run(
            lambda: self._listen(position), lambda: sum(position.next.values())
        )

    def _begin(self, resume: Mapping[str, object] | None) -> Position:
        slot = self.options.slot
        position = Position.read(resume) if resume else Position("")
        if position.slot not in ("", slot):  # removed and watched again: from what is kept now
            position = Position("")
        position.slot = slot
        return position

    # ------------------------------------------------------------------ one connection

    def _listen(self, position: Position) -> Iterator[DecodedBatch]:
        client = Client(self.address, self.options)
        try:
            cluster, topics = self._wanted(client)
            if position.cluster and position.cluster != cluster:
                raise SourceError(
                    f"{self.address}: this is another cluster than the one read before under the "
                    f"name {self.name!r}.",
                    hint="Give the source another name, or correct the address.",
                )
            position.cluster = cluster
            self._assign(client, position, topics, first=not position.next)
            self._connected, self._retrying.trouble = True, None
            yield nothing(self.name, Offset(self.name, position.plain()))
            yield from self._take(client, position)
        finally:
            self._connected = False
            self._tell_group(client, wait=True)
            client.close()

    def _wanted(self, client: Client) -> tuple[str, dict[str, list[int]]]:
        cluster, topics = client.partitions(lambda name: self.options.wants(name, self.patterns))
        if not topics:
            asked = ", ".join([*self.patterns, *self.options.include]) or "none was named"
            raise SourceError(
                f"{self.address}: no topic to read ({asked}).",
                hint="Name topics in the address, kafka://host/shop.public.orders,shop.*; or make "
                "them, or let the user describe them.",
            )
        return cluster, topics

    def _assign(
        self,
        client: Client,
        position: Position,
        topics: Mapping[str, Sequence[int]],
        *,
        first: bool,
    ) -> None:
        """Begin each partition where it was left; new ones at their beginning, or the end."""
        new = {
            topic: missing
            for topic, numbers in topics.items()
            if (missing := [n for n in numbers if (topic, n) not in position.next])
        }
        for place, (low, high) in client.ends(new).items():
            skip = first and not self.options.snapshot
            position.next[place] = max(0, high if skip else low)
            if first and not skip and high > low:
                self._behind[place], self._began[place] = high, low
        kafka = package()
        client.consumer.assign(
            [
                kafka.TopicPartition(topic, number, offset)
                for (topic, number), offset in position.next.items()
                if number in topics.get(topic, ())
            ]
        )

    def _take(self, client: Client, position: Position) -> Iterator[DecodedBatch]:
        assigned = {(each.topic, each.partition) for each in client.consumer.assignment()}
        open_ends, look_at, silent = set(assigned), time.monotonic() + _LOOK_AGAIN, 0.0
        while not self._retrying.halt.is_set():
            with telling(self.address):
                taken = client.consumer.consume(self.options.batch_messages, _TAKE)
            good, past = [], bool(self._behind)
            for message in taken:
                if message.error() is not None:
                    self._heed(message, open_ends)
                    continue
                good.append(message)
                open_ends.add((message.topic(), message.partition()))
            complaint = client.complaint
            self._tell_group(client)
            if good:
                silent, self._retrying.trouble = 0.0, None
                yield self._batch(good, position, backfill=past)
            elif complaint is not None:
                silent = silent or time.monotonic()
                self._doubt(complaint, silent)
            if not self.options.follow and not open_ends:
                return
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + _LOOK_AGAIN
                self._look_again(client, position, assigned)

    def _heed(self, message: Any, open_ends: set[tuple[str, int]]) -> None:
        error, place = message.error(), (message.topic(), message.partition())
        if error.code() == package().KafkaError._PARTITION_EOF:  # noqa: SLF001 — its public name
            open_ends.discard(place)
            self._behind.pop(place, None)
            self._retrying.trouble = None
            return
        told = refusal(self.address, error)
        if error.name() in ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"):
            where = f"{place[0]}[{place[1]}]"
            raise SourceError(
                f"{self.address}: {where} does not go on where it was left.", hint=LOST
            )
        if not told.details.get("retry"):
            raise told
        self._retrying.trouble = told

    def _doubt(self, complaint: Any, since: float) -> None:
        """A client connects again by itself; refusals end it, silence is shown."""
        told = refusal(self.address, complaint)
        if not told.details.get("retry"):
            raise told
        if complaint.name() == "_ALL_BROKERS_DOWN" or time.monotonic() - since > _QUIET:
            self._retrying.trouble = told

    def _look_again(
        self, client: Client, position: Position, assigned: set[tuple[str, int]]
    ) -> None:
        """Read topics and partitions that were made since."""
        try:
            _, topics = self._wanted(client)
        except SourceError as error:
            log.info("%s", error)
            return
        there = {(topic, number) for topic, numbers in topics.items() for number in numbers}
        if there - assigned:
            self._assign(client, position, topics, first=False)
            assigned |= there

    # ------------------------------------------------------------------ batches

    def _batch(
        self, messages: Sequence[Any], position: Position, *, backfill: bool
    ) -> DecodedBatch:
        for message in messages:
            place = (message.topic(), message.partition())
            position.next[place] = message.offset() + 1
        for place in [p for p, end in self._behind.items() if position.next[p] >= end]:
            del self._behind[place]
        self._show(position)
        offset = Offset(self.name, position.plain())
        batch = decode_messages(messages, source=self.name, offset=offset)
        return replace(batch, backfill=backfill)

    def _show(self, position: Position) -> None:
        if self.progress is None or not self._behind:
            return
        begun = sum(position.next[place] - low for place, low in self._began.items())
        left = sum(end - position.next[place] for place, end in self._behind.items())
        topics = sorted({topic for topic, _ in self._behind})
        every = {topic for topic, _ in self._began}
        self.progress(
            CopyProgress(
                table=topics[0],
                rows=begun,
                expected=begun + left,
                estimated=False,
                tables_done=len(every) - len(topics),
                tables=len(every),
                all_rows=begun,
                all_expected=begun + left,
            )
        )

    def _tell_group(self, client: Client, *, wait: bool = False) -> None:
        """Commit what is stored to the group; a failure is a line in the log."""
        stored, kafka = self._stored, package()
        if not stored or (stored == self._told and not wait):
            return
        self._told = stored
        offsets = [kafka.TopicPartition(t, n, offset) for (t, n), offset in stored.items()]
        try:
            client.consumer.commit(offsets=offsets, asynchronous=not wait)
        except kafka.KafkaException as error:
            log.info("%s", refusal(self.address, error.args[0]))
