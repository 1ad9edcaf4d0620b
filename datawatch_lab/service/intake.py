"""Reading a source into a workspace, whether its engine is here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from datawatch_lab.core.batches import nothing
from datawatch_lab.core.sources import Source
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine import intake, transfer
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
        return intake.run(caller.engine, source, progress)
    total = LedgerCounts()
    position = workspace.offset(source.name).position
    for number, batch in enumerate(source.batches(position)):
        fresh = number == 0 and position is None
        answer = workspace.submit_packed(transfer.pack(replace(batch, fresh=fresh or batch.fresh)))
        intake.acknowledge(source, batch.offset)
        total += LedgerCounts(
            answer.received, answer.applied, answer.duplicate, answer.late, answer.quarantined
        )
        if progress:
            progress(total)
    ending = intake.ending_of(source.name, workspace.offset(source.name).position)
    if ending is not None:
        workspace.submit_packed(transfer.pack(nothing(source.name, ending)))
    return total


def file_source(path: str, **how: object) -> Source:
    """A file as a source; see `ingest.sources.file.FileSource`."""
    from datawatch_lab.engine.sources import open_file

    return open_file(path, **how)


def demo_source(
    *,
    seed: int = 7,
    orders_per_minute: float = 8.0,
    history: timedelta = timedelta(days=7),
    live: bool = True,
    progress: Callable[[float, float, int], None] | None = None,
) -> Source:
    """The simulated shop of ``datawatch demo`` as a source.

    Args:
        seed: the same seed is the same shop.
        orders_per_minute: on average over a week, at its opening.
        history: how much of its past a new shop brings along.
        live: go on with events as they fall due, until `Source.stop`; otherwise end at the present.
        progress: told of history as it is made: seconds done, seconds in all, events so far.
    """
    from datawatch_lab.core.clock import SystemClock
    from datawatch_lab.engine.sources import open_demo

    return open_demo(
        SystemClock(),
        seed=seed,
        orders_per_minute=orders_per_minute,
        history=history,
        live=live,
        progress=progress,
    )
