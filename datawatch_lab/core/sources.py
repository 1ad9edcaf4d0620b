"""The protocol of a source: what reads an input and hands over decoded batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from datawatch_lab.core.batches import DecodedBatch


class Source(Protocol):
    """Reads one input.

    Law: `batches` may be called once. Each batch carries the offset from which a new source would
    continue after it; nothing before that offset is given again, nothing after it is skipped.
    It may block while the input is quiet only when `follow` was asked for, and ends soon after
    `stop`, between batches.
    """

    @property
    def name(self) -> str:
        """Name of the source in the ledger; watermarks are kept by it."""
        ...

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """Decoded batches from where ``resume`` (an `Offset.position`) says, or from the start."""
        ...

    def stop(self) -> None:
        """Ask it to end; safe from another thread."""
        ...


@runtime_checkable
class Acknowledged(Protocol):
    """A source whose server keeps what it sent until it is told that it is stored."""

    def stored(self, position: Mapping[str, object]) -> None:
        """Hear that all up to an `Offset.position` is durable; from any thread, in order."""
        ...
