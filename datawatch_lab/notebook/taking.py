"""Taking data in from a notebook: files, events, the simulated shop, databases."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook.feed import Feed, shop_options
from datawatch_lab.notebook.held import Held
from datawatch_lab.notebook.progress import Bar, face
from datawatch_lab.notebook.sources import Watched, connect_source
from datawatch_lab.notebook.trust import Taken
from datawatch_lab.service.answers import EventsAnswer

if TYPE_CHECKING:
    from datawatch_lab.core.sources import Source
    from datawatch_lab.service.handle import Workspace


class Taking(Held):
    """The part of a `Lab` that takes data in."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._feeds: list[Feed] = []

    def ingest(
        self, path: str | os.PathLike[str], *, speed: float | None = None, progress: bool = True
    ) -> Taken:
        """Read a file of change events, each event exactly once; a second time, all duplicates.

        When interrupted it stops between two batches; the same call goes on from there.

        Args:
            path: NDJSON or a JSON array, plain, gzip or zstd.
            speed: replay at this many times the pace of the events; None: as fast as possible.
            progress: show a bar where somebody watches.
        """
        from datawatch_lab.service.intake import file_source

        with Bar(os.path.basename(path), face() if progress else None) as bar:  # noqa: PTH119
            return self._take(file_source(os.fspath(path), speed=speed, progress=bar.done))

    def ingest_demo(
        self,
        days: float = 2.0,
        *,
        rate: float | None = None,
        seed: int | None = None,
        progress: bool = True,
    ) -> Taken:
        """Read the past of a simulated shop, up to the present: customers, orders, payments.

        Called again it brings what would have happened since.

        Args:
            days: of history that a new shop brings along.
            rate: orders a minute of a new shop; 8 when None.
            seed: the same seed is the same shop; 7 when None.
            progress: show a bar where somebody watches.
        """
        from datawatch_lab.service.intake import demo_source

        if days <= 0:
            raise InputError(f"ingest_demo: days is {days:g}; it must be above 0.")
        shop = shop_options(self.workspace, rate=rate, seed=seed)
        with Bar("demo", face() if progress else None) as bar:
            return self._take(
                demo_source(history=timedelta(days=days), live=False, progress=bar.done, **shop)
            )

    def start_demo(self, *, seed: int | None = None) -> Feed:
        """Let the simulated shop go on from where it is, in the background, until it is stopped.

        Args:
            seed: of a new shop; that of the one that `ingest_demo` brought is known.
        """
        from datawatch_lab.service.intake import demo_source

        shop = shop_options(self.workspace, rate=None, seed=seed)
        feed = Feed(self.workspace, demo_source(history=timedelta(0), **shop))
        self._feeds.append(feed)
        return feed

    def connect(self, url: str, **how: Any) -> Watched:
        """Watch a database: its tables first, then every change; said again, it goes on.

        Args:
            url: ``postgresql://user:password@host/database``, ``mysql://…``, ``kafka://host/topic``
                or ``redis://host/0?streams=orders``; ``${NAME}`` is of the environment, so
                that no password stands in the notebook.
            how: ``name``, ``include``, ``exclude``, ``snapshot``; see `notebook.sources`.
        """
        self.forget()
        return connect_source(self.workspace, url, **how)

    def sources(self) -> list[Watched]:
        """The databases that are watched."""
        return [Watched(self.workspace, each) for each in self.workspace.sources()]

    def _take(self, source: Source) -> Taken:
        from datawatch_lab.service.intake import ingest_source

        began = time.monotonic()
        try:
            counts = ingest_source(self.workspace, source)
        except KeyboardInterrupt:
            source.stop()
            raise
        finally:
            self.forget()
        return Taken(source.name, counts, time.monotonic() - began)

    def post(self, events: bytes | str | Mapping[str, Any] | list[Any]) -> EventsAnswer:
        """Take events in; the answer comes once they are durable and in metrics.

        Args:
            events: JSON text (one object, an array or NDJSON), or the events themselves.
        """
        if isinstance(events, str):
            body = events.encode()
        else:
            body = events if isinstance(events, bytes) else msgspec.json.encode(events)
        self.forget()
        return self.workspace.post(body)
