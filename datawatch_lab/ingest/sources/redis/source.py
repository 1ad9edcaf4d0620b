"""The Redis source: entries of streams by a consumer group, acknowledged when they are stored."""

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
from datawatch_lab.ingest.sources.postgres.options import CopyProgress
from datawatch_lab.ingest.sources.redis import driver
from datawatch_lab.ingest.sources.redis.entries import Entry, decode_entries, order_of
from datawatch_lab.ingest.sources.redis.given import Given
from datawatch_lab.ingest.sources.redis.options import RedisOptions
from datawatch_lab.ingest.sources.retrying import Retrying

log = logging.getLogger(__name__)

_BLOCK = 250  # milliseconds that a read waits for entries
_LOOK_AGAIN = 15.0  # seconds between looks for new streams, and for entries that others left
_PAGE = 1_000

Last = dict[str, str]
"""By stream, the id of the last entry that was given."""


class RedisSource:
    """Reads some streams as a consumer of a group.

    An entry is acknowledged after the commit that stores it. What was given and not acknowledged
    before a crash comes again, with the same identity; what another consumer of the group left is
    taken over after a while.

    Args:
        url: ``redis://user:password@host:port/0?streams=orders,shop:*&group=name``.
        options: how they are read.
        progress: told of how far the entries are that were there at the beginning.

    Raises:
        InputError: the address cannot be read.
    """

    def __init__(
        self,
        url: str,
        options: RedisOptions | None = None,
        *,
        progress: Callable[[CopyProgress], None] | None = None,
    ) -> None:
        self.address = Endpoint.parse(url, driver.SCHEME)
        self.options = options or RedisOptions()
        self.progress = progress
        given = self.address.options.get("streams", "")
        self.patterns = [each for each in given.split(",") if each]
        self.group = self.address.options.get("group") or self.options.slot
        self._retrying = Retrying()
        self._given = Given(self.address, self.group)
        self._number = 0
        self._client: Any = None
        self._behind = 0  # entries that were there at the beginning, not yet given
        self._at_first = 0

    def __repr__(self) -> str:
        return f"RedisSource({str(self.address)!r}, group={self.group!r})"

    @property
    def name(self) -> str:
        """Name of the source in the ledger."""
        streams = ",".join([*self.patterns, *self.options.include])
        return self.options.name or f"{self.address.name}{f'/{streams}' if streams else ''}"

    @property
    def reading(self) -> bool:
        """Whether it is connected, and has read what was there at the beginning."""
        return self._client is not None and self._behind <= 0 and self.trouble is None

    @property
    def trouble(self) -> SourceError | None:
        """Why it is connecting again now; None while all is well."""
        return self._retrying.trouble

    def stop(self) -> None:
        """Ask it to end after the batch in hand; safe from another thread."""
        self._retrying.halt.set()

    def stored(self, position: Mapping[str, object]) -> None:
        """Hear that all batches up to the position of an offset are durable.

        Safe from another thread, and asks nobody: the reader acknowledges their entries soon.
        """
        number = position.get("batch")
        if isinstance(number, int):
            self._given.stored(number)

    def lag(self) -> int:
        """Entries that are not acknowledged yet, over all streams.

        Raises:
            SourceError: the server cannot be reached or refuses.
        """
        client = driver.connect(self.address)
        try:
            with driver.telling(self.address):
                return sum(self._left(client, stream) for stream in self._streams(client))
        finally:
            client.close()

    def _left(self, client: Any, stream: str) -> int:
        """Delivered and not acknowledged, and not delivered (which Redis 7 knows)."""
        for group in client.xinfo_groups(stream):
            if group["name"].decode() == self.group:
                return int(group["pending"]) + int(group.get("lag") or 0)
        return int(client.xlen(stream))

    def check(self) -> list[str]:
        """The streams that are wanted.

        Raises:
            SourceError: the server cannot be reached, refuses, or has none of them.
        """
        client = driver.connect(self.address)
        try:
            with driver.telling(self.address):
                return self._wanted(client)
        finally:
            client.close()

    def remove_group(self) -> None:
        """Take the group back from all streams; of one that the address names, our consumer.

        Raises:
            SourceError: the server cannot be reached or refuses, or our consumer has entries that
                another one of its group is to take over.
        """
        client = driver.connect(self.address)
        try:
            with driver.telling(self.address):
                for stream in self._streams(client):
                    if "group" in self.address.options:
                        self._leave(client, stream)
                    else:
                        client.xgroup_destroy(stream, self.group)
        finally:
            client.close()

    def _leave(self, client: Any, stream: str) -> None:
        """Take our consumer out of a group that is somebody else's."""
        groups = {group["name"] for group in client.xinfo_groups(stream)}
        own = self.options.slot.encode()
        if self.group.encode() not in groups:
            return
        for each in client.xinfo_consumers(stream, self.group):
            if each["name"] == own and each["pending"]:
                raise SourceError(
                    f"{self.address}: in {stream}, {each['pending']} entries were given to the "
                    f"consumer {self.options.slot} of the group {self.group} and not stored.",
                    hint="Another consumer of the group can take them over by XAUTOCLAIM.",
                )
        client.xgroup_delconsumer(stream, self.group, self.options.slot)

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """Entries that were given before and not stored, then those that nobody was given.

        Raises:
            SourceError: the server cannot be reached at first, refuses, or has none of the streams;
                says how to fix it.
        """
        last = _last(resume)
        first = resume is None
        reached = lambda: self._number  # noqa: E731
        yield from self._retrying.run(lambda: self._listen(last, first=first), reached)

    # ------------------------------------------------------------------ one connection

    def _listen(self, last: Last, *, first: bool) -> Iterator[DecodedBatch]:
        client = driver.connect(self.address)
        try:
            with driver.telling(self.address):
                streams = self._wanted(client, again=bool(last))
                for stream in streams:
                    self._join(client, stream, last, skip=first and not self.options.snapshot)
                self._behind = self._at_first = sum(self._left(client, each) for each in streams)
            self._given.settle(client)
            self._given.forget()
            self._client, self._retrying.trouble = client, None
            yield nothing(self.name, Offset(self.name, self._position(last)))
            yield from self._take(client, streams, last)
            try:
                self._given.settle(client)
            except SourceError as error:
                log.info("%s What was stored comes again, as duplicates.", error)
        finally:
            self._client = None
            with contextlib.suppress(driver.package().RedisError, OSError):
                client.close()

    def _streams(self, client: Any) -> list[str]:
        """Streams of the server that are wanted."""
        literal = [p for p in (*self.patterns, *self.options.include) if not set(p) & set("*?[")]
        found = {name for name in literal if client.type(name) == b"stream"}
        if len(literal) < len(self.patterns) + len(self.options.include):
            found |= {name.decode() for name in client.scan_iter(_type="stream", count=_PAGE)}
        return sorted(name for name in found if self.options.wants(name, self.patterns))

    def _wanted(self, client: Any, *, again: bool = False) -> list[str]:
        """The streams that are there; what was read ``again`` may be made anew."""
        client.ping()
        streams = self._streams(client)
        if not streams:
            asked = ", ".join([*self.patterns, *self.options.include]) or "none was named"
            raise SourceError(
                f"{self.address}: no stream to read ({asked}).",
                hint="Name streams in the address, redis://host:6379/0?streams=orders,shop:*; or "
                "add a first entry to them.",
                details={"retry": again},
            )
        return streams

    def _join(self, client: Any, stream: str, last: Last, *, skip: bool) -> None:
        """Make the group where it is not there: it goes on behind what is stored."""
        held = last.get(stream)
        if held and order_of(held) > order_of(_newest(client, stream)):  # it was made anew
            last[stream] = held = "0-0"
        begin = held or ("$" if skip else "0-0")
        try:
            client.xgroup_create(stream, self.group, id=begin)
        except driver.package().ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        last.setdefault(stream, "0-0")

    def _take(self, client: Any, streams: list[str], last: Last) -> Iterator[DecodedBatch]:
        for entries in self._unfinished(client, streams):
            yield from self._batch(entries, last)
        look_at = 0.0
        while not self._retrying.halt.is_set():
            self._given.acknowledge(client)
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + _LOOK_AGAIN
                for entries in self._left_by_others(client, streams):
                    yield from self._batch(entries, last)
                streams = self._look_again(client, streams, last)
            entries = self._read(client, dict.fromkeys(streams, ">"))
            yield from self._batch(entries, last)
            if not entries:
                self._behind, self._retrying.trouble = 0, None
                if not self.options.follow:
                    return

    def _read(self, client: Any, where: Mapping[str, str]) -> list[Entry]:
        count = max(1, self.options.batch_entries // max(1, len(where)))
        block = {"block": _BLOCK} if self.options.follow else {}
        with driver.telling(self.address):
            found = client.xreadgroup(self.group, self.options.slot, where, count=count, **block)
        pairs = found.items() if isinstance(found, dict) else found
        return [
            Entry(stream.decode(), id_.decode(), fields)
            for stream, listed in pairs
            for id_, fields in _flat(listed)
        ]

    def _unfinished(self, client: Any, streams: Sequence[str]) -> Iterator[list[Entry]]:
        """What this consumer was given and did not acknowledge before."""
        for stream in streams:
            after = "0-0"
            while entries := self._read(client, {stream: after}):
                yield entries
                after = entries[-1].id

    def _left_by_others(self, client: Any, streams: Sequence[str]) -> Iterator[list[Entry]]:
        """What other consumers of the group were given long ago and did not acknowledge."""
        idle = int(self.options.claim_after.total_seconds() * 1000)
        for stream in streams:
            after: Any = "0-0"
            while True:
                with driver.telling(self.address):
                    others = self._others(client, stream)
                    if not others:
                        break
                    found = client.xautoclaim(
                        stream, self.group, self.options.slot, idle, after, count=_PAGE
                    )
                after = found[0]
                yield [Entry(stream, id_.decode(), fields) for id_, fields in found[1] if id_]
                if after in (b"0-0", "0-0"):
                    break

    def _others(self, client: Any, stream: str) -> bool:
        """Whether another consumer has something pending: what is ours is on its way."""
        own = self.options.slot.encode()
        found = client.xinfo_consumers(stream, self.group)
        return any(each["name"] != own and each["pending"] for each in found)

    def _look_again(self, client: Any, streams: list[str], last: Last) -> list[str]:
        with driver.telling(self.address):
            now = self._streams(client)
            for stream in now:
                if stream not in streams:
                    self._join(client, stream, last, skip=False)
        return now or streams

    # ------------------------------------------------------------------ batches

    def _batch(self, entries: Sequence[Entry], last: Last) -> Iterator[DecodedBatch]:
        if not entries:
            return
        self._retrying.trouble = None
        for entry in entries:
            if entry.order > order_of(last.get(entry.stream, "0-0")):
                last[entry.stream] = entry.id
        self._number += 1
        self._given.add(self._number, entries)
        backfill = self._behind > 0
        self._behind -= len(entries)
        self._show(entries[0].stream)
        there = [entry for entry in entries if entry.fields]
        offset = Offset(self.name, self._position(last))
        yield replace(decode_entries(there, source=self.name, offset=offset), backfill=backfill)

    def _position(self, last: Last) -> dict[str, object]:
        return {"streams": dict(last), "batch": self._number}

    def _show(self, stream: str) -> None:
        if self.progress is not None and self._behind > 0:
            given = self._at_first - self._behind
            self.progress(
                CopyProgress(
                    table=stream,
                    rows=given,
                    expected=self._at_first,
                    estimated=False,
                    tables_done=0,
                    tables=1,
                    all_rows=given,
                    all_expected=self._at_first,
                )
            )


def _flat(listed: Any) -> Iterator[tuple[bytes, Any]]:
    """Entries of one stream; the newer protocol nests them once more."""
    for each in listed:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _newest(client: Any, stream: str) -> str:
    """Id of the last entry that a stream was given."""
    newest: bytes = client.xinfo_stream(stream)["last-generated-id"]
    return newest.decode()


def _last(resume: Mapping[str, object] | None) -> Last:
    if resume is None:
        return {}
    streams = resume.get("streams")
    if not isinstance(streams, Mapping):
        raise SourceError(
            "redis: the stored position is none of this source.",
            hint="Give the source another name, so that it starts anew.",
        )
    return {str(stream): str(id_) for stream, id_ in streams.items()}
