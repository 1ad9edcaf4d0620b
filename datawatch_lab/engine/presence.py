"""Over which time a table has data: every question of a tick asks it, and seldom has it changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Span = tuple[datetime, datetime]

_MOST = 2_000
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _Found:
    """A span, and when it was found.

    Attributes:
        version: data version before it was asked for.
        generation: of the states; those of another have nothing to do with these.
        kept: what retention had left.
    """

    version: int
    generation: int
    kept: object
    span: Span | None


class Presence:
    """The spans of series; any thread may ask. One per engine, ``engine.beside(Presence)``.

    Args:
        engine: of the workspace.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._known: dict[tuple[int, ...], _Found] = {}

    def span(
        self, series: tuple[int, ...], kept: object, tables: Iterable[int] | None = None
    ) -> Span | None:
        """Start of the first and end of the last bucket that any of the series has; None for none.

        Args:
            series: ids.
            kept: what retention has left of them; a span from before it changed counts no more.
            tables: ids of theirs; a span that commits to others followed holds. None for any.
        """
        found = self._same(series, kept)
        if found is not None and self._first_changed(found, tables) is None:
            return found.span
        return self._find(series, kept)

    def first(
        self, series: tuple[int, ...], kept: object, tables: Iterable[int] | None = None
    ) -> datetime | None:
        """Start of the first bucket, as of `span`; what came after it leaves it as it is."""
        found = self._same(series, kept)
        if found is not None:
            changed = self._first_changed(found, tables)
            if changed is None or (found.span is not None and changed >= found.span[0]):
                return None if found.span is None else found.span[0]
        span = self._find(series, kept)
        return None if span is None else span[0]

    def _same(self, series: tuple[int, ...], kept: object) -> _Found | None:
        with self._lock:
            found = self._known.get(series)
        if found is None or found.generation != self._engine.touched.generation:
            return None
        return found if found.kept == kept else None

    def _first_changed(self, found: _Found, tables: Iterable[int] | None) -> datetime | None:
        """The oldest moment that has changed since; the beginning of time where nobody knows."""
        version, touched = self._engine.version, self._engine.touched
        if found.version == version:
            return None
        if tables is None or touched.version < version:  # a commit that is not noted yet
            return _BEGINNING
        asked = [touched.first_changed(each, found.version) for each in tables]
        if not all(is_sure for _, is_sure in asked):
            return _BEGINNING
        return min((first for first, _ in asked if first is not None), default=None)

    def _find(self, series: tuple[int, ...], kept: object) -> Span | None:
        # The version is read first: what is committed meanwhile is in the span, and asked again.
        version, generation = self._engine.version, self._engine.touched.generation
        span = self._engine.store.measure_span(series)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[series] = _Found(version, generation, kept, span)
        return span
