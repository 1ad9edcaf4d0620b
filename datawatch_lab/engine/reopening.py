"""Opening the journal of a workspace: what a crash left in it is stored first."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.engine.acceptance import unpacked
from datawatch_lab.engine.committing import Committer
from datawatch_lab.engine.journal import Journal, Record, read_journal
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.singles import unpacked_single
from datawatch_lab.engine.submission import Single, Submission
from datawatch_lab.engine.writer import Writer

_PATIENCE_SECONDS = 10.0


def reopened(workspace: Path, committer: Committer, writer: Writer) -> Journal:
    """Store what a crash left in the journal, and begin anew.

    Args:
        workspace: path of its file, beside which the journal stands.
        committer: knows which records are stored.
        writer: stores the others.

    Raises:
        WorkspaceError: the journal cannot be used, or what it holds cannot be stored.
    """
    path = workspace.with_name(workspace.name + ".journal")
    stored = committer.journaled
    left = []
    with _named(workspace, path):
        records = [*read_journal(path, stored)]
    for record in records:
        left.append(writer.put(_taken(record)))
        stored = record.number
    for each in left:
        _await_stored(each, writer, workspace, path)
    with _named(workspace, path):
        journal = Journal(path, stored + 1)
    journal.forget(stored)
    return journal


def _taken(record: Record) -> Submission | Single:
    """What was answered for; single events are decoded together with others, as when they came."""
    if (single := unpacked_single(record.payload)) is not None:
        return replace(single, journal=record.number)
    batch, received = unpacked(record.payload)
    return Submission(batch, received, journal=record.number)


@contextmanager
def _named(workspace: Path, journal: Path) -> Iterator[None]:
    """Name the journal where the system refuses it."""
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{workspace} cannot be opened: its journal {journal} cannot be used "
            f"({error.strerror or error}).",
            hint="It holds events that were answered for; see to its rights and to the disk.",
        ) from error


def _await_stored(left: Future[Receipt], writer: Writer, workspace: Path, journal: Path) -> None:
    """Wait for what a crash left.

    Raises:
        WorkspaceError: it cannot be stored.
    """
    while True:
        try:
            left.result(_PATIENCE_SECONDS)
            return
        except TimeoutError:
            problem = writer.problem
        if problem:
            raise WorkspaceError(
                f"{workspace} cannot be opened: what was answered for before a crash cannot "
                f"be stored. {problem}",
                hint=f"It is kept in {journal}. Make room, then open again.",
            )
