"""Answers that are kept for those who ask the same again, as long as they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, Literal, TypeVar

from datawatch_lab.core.settings import Settings

T = TypeVar("T")

Lifetime = Literal["live", "aggregates", "dashboards"]
"""How long an answer is kept at most: of a range that goes on, one value over a range that is over,
or points over such a range, which is what charts ask for."""


@dataclass(frozen=True)
class Basis:
    """What an answer is made of, so that it can be told whether it still holds.

    Attributes:
        version: data version before it was made.
        tables: ids of the tables it is made of; None for all.
        start, end: event time that it is made of, UTC.
        besides: all else that it depends on and that is cheap to find out, compared as it is.
    """

    version: int
    tables: frozenset[int] | None
    start: datetime
    end: datetime
    besides: Hashable = None


@dataclass(frozen=True)
class CacheCounts:
    """How the cache is doing.

    Attributes:
        hits, misses: questions that were answered from it, and that were not, since the start.
        answers: kept now.
        bytes: that these take, about.
    """

    hits: int
    misses: int
    answers: int
    bytes: int


@dataclass(frozen=True)
class Kept(Generic[T]):
    """An answer with what it rests on."""

    value: T
    basis: Basis
    expires: datetime
    bytes: int


class AnswerCache(Generic[T]):
    """The answers used last, within a size; any thread may use it.

    It knows nothing of data: the caller says whether what it finds still holds.
    """

    def __init__(self, settings: Settings) -> None:
        self._lifetimes: dict[Lifetime, timedelta] = {
            "live": settings.cache_live,
            "aggregates": settings.cache_aggregates,
            "dashboards": settings.cache_dashboards,
        }
        self._most = settings.cache_bytes
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Kept[T]] = OrderedDict()
        self._bytes = self._hits = self._misses = 0

    def find(self, key: Hashable, now: datetime) -> Kept[T] | None:
        """The answer to a question, unless it is too old; the caller calls `count` afterwards."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None and found.expires <= now:
                self._drop(key)
                return None
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def count(self, *, hit: bool) -> None:
        """Note whether a question was answered from here."""
        with self._lock:
            self._hits += hit
            self._misses += not hit

    def put(
        self,
        key: Hashable,
        value: T,
        basis: Basis,
        lifetime: Lifetime,
        *,
        now: datetime,
        size: int,
    ) -> None:
        """Keep an answer, in place of an earlier one; those used least recently make room.

        Args:
            key: the question.
            value: never changed by anyone who is given it.
            basis: what it rests on.
            lifetime: which kind it is.
            now: the moment of asking.
            size: bytes that it takes, about; one that is larger than all room is not kept.
        """
        span = self._lifetimes[lifetime]
        with self._lock:
            self._drop(key)
            if size > self._most or not span:
                return
            self._kept[key] = Kept(value, basis, now + span, size)
            self._bytes += size
            while self._bytes > self._most:
                self._drop(next(iter(self._kept)))

    @property
    def counts(self) -> CacheCounts:
        """How it is doing."""
        with self._lock:
            return CacheCounts(self._hits, self._misses, len(self._kept), self._bytes)

    def _drop(self, key: Hashable) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= gone.bytes
