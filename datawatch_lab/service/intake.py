"""Reading a source into a workspace, whether its engine is here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from datawatch_lab.core.sources import Source
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine import transfer
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace

Progress = Callable[[LedgerCounts], None]


def ingest_source(
    workspace: Workspace, source: Source, progress: Progress | None = None
) -> LedgerCounts:
    """Read a source to its end (or until it is stopped), exactly once.

    It goes on from the offset that the workspace holds for it. Each batch is stored together with
    its offset, so an interrupted run continues where it was.

    Args:
        workspace: where to; if another process owns it, batches are sent there.
        source: what to read.
        progress: called with the counts so far after each stored batch.
    """
    caller = workspace.caller
    if isinstance(caller, LocalCaller):
        return caller.engine.run(source, progress)
    total = LedgerCounts()
    position = workspace.offset(source.name).position
    for number, batch in enumerate(source.batches(position)):
        fresh = number == 0 and position is None
        answer = workspace.submit_packed(transfer.pack(replace(batch, fresh=fresh or batch.fresh)))
        total += LedgerCounts(
            answer.received, answer.applied, answer.duplicate, answer.late, answer.quarantined
        )
        if progress:
            progress(total)
    return total


def file_source(path: str, **how: object) -> Source:
    """A file as a source; see `ingest.sources.file.FileSource`."""
    from datawatch_lab.engine.sources import open_file

    return open_file(path, **how)
