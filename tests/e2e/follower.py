"""A process with the whole engine that follows a server, and can die inside a named section.

Run as ``python -m tests.e2e.follower '{"url": …, "workspace": …, "follow": …, "kill": …}'``.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.watching import Watch
from datawatch_lab.engine.watching.kinds import kind_of
from datawatch_lab.ingest.sources.file import FileSource
from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.intake import ingest_source
from datawatch_lab.store.duck import DuckStore
from tests.e2e.pg_engine import Death

SECTIONS = ("batch", "commit", "feedback")
"""Where it can die: with a batch in hand, inside the store's transaction, or when a batch is stored
and the source was not told of it."""


LAST = "the last event"
"""An event whose id begins so ends the following of a file, which has no end of its own."""


class Followed:
    """A source that may die.

    Args:
        source: what is read.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self.name = source.name
        self.death: Death | None = None

    def batches(self, resume: Any) -> Iterator[DecodedBatch]:
        """The source's batches."""
        for batch in self._source.batches(resume):
            if batch.events.num_rows:
                self._around("batch", lambda: time.sleep(0.005))
            yield batch
            if any(str(each).startswith(LAST) for each in batch.events["event_id"].to_pylist()):
                self._source.stop()

    def stored(self, position: Any) -> None:
        """Pass it on, or die before; a file need not be told."""
        self._around("feedback", lambda: time.sleep(0.005))
        if hasattr(self._source, "stored"):
            self._source.stored(position)

    def stop(self) -> None:
        """Ask it to end."""
        self._source.stop()

    def _around(self, section: str, run: Callable[[], Any]) -> None:
        if self.death is not None and self.death.section == section:
            self.death.around(run)


def source_of(url: str, *, follow: bool, small: bool = False) -> Any:
    """A source as a watch makes it, with small batches where that is asked for."""
    if url.startswith("file:"):
        size = 20_000 if small else 1_000_000
        return FileSource(url.removeprefix("file:"), follow=True, name="followed", batch_bytes=size)
    kind = kind_of(url)
    assert kind is not None
    source = kind.open(Watch(name="followed", url=url, slot="followed"), url, None)
    source.options = replace(source.options, follow=follow)
    if small:
        sizes = {"batch_bytes": 20_000, "copy_rows": 500, "batch_messages": 200,
                 "batch_entries": 200}  # fmt: skip
        held = {name: size for name, size in sizes.items() if hasattr(source.options, name)}
        source.options = replace(source.options, **held)
    return source


def arm_commit(death: Death) -> None:
    """Die inside a commit that stores events."""
    whole = DuckStore.commit

    def commit(self: DuckStore, given: Any) -> int:
        if not given.log.num_rows:
            return whole(self, given)
        return int(death.around(lambda: whole(self, given)))

    DuckStore.commit = commit  # type: ignore[assignment,method-assign]


def follow(given: dict[str, Any]) -> None:
    """Follow until told to stop by SIGTERM, or to the end of what there is."""
    source = Followed(source_of(given["url"], follow=given["follow"], small=given["follow"]))
    if given.get("kill"):
        source.death = Death(**given["kill"])
        if source.death.section == "commit":
            arm_commit(source.death)
    signal.signal(signal.SIGTERM, lambda *_: source.stop())
    with open_workspace(given["workspace"]) as workspace:
        ingest_source(workspace, source)


if __name__ == "__main__":
    follow(json.loads(sys.argv[1]))
