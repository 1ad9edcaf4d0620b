"""What every envelope format hands over: a `Change`, and the protocol that a format implements."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

import msgspec
from msgspec import Raw

from datawatch_lab.core.values import Op

NOTHING = Raw(b"")
"""Stands for a field that the envelope does not have; ``null`` is another thing."""

OPERATIONS: dict[str, Op] = {
    "INSERT": Op.INSERT,
    "UPDATE": Op.UPDATE,
    "DELETE": Op.DELETE,
    "DDL": Op.DDL,
    "BEGIN": Op.BEGIN,
    "COMMIT": Op.COMMIT,
    "SNAPSHOT": Op.SNAPSHOT,
    "READ": Op.SNAPSHOT,
    "TRUNCATE": Op.TRUNCATE,
}
"""Operation words in capitals, as Savegress and DataWatch write them, and what they mean."""


class Malformed(Exception):  # noqa: N818 - bad data is a result here, not an error of the program
    """An item is no event; the message is the reason, one sentence.

    Attributes:
        schema, table: what it is about, as far as that could be read.
    """

    def __init__(self, reason: str, *, schema: str = "", table: str = "") -> None:
        super().__init__(reason)
        self.schema = schema
        self.table = table


class Change(msgspec.Struct, kw_only=True, gc=False):
    """One change as every format ends up, its row images still raw JSON.

    A format's own struct is a subclass that adds ``op`` under the key the format uses.
    """

    id: str | int | None = None
    source: str | None = None
    schema: str | None = None
    table: str | None = None
    timestamp: str | int | float | None = None
    transaction_id: str | int | None = None
    position: Raw = NOTHING
    before: Raw = NOTHING
    after: Raw = NOTHING
    metadata: Raw = NOTHING
    ddl_type: str | None = None
    ddl_command: str | None = None


class WordedChange(Change, kw_only=True, gc=False):
    """A `Change` whose operation is a word of `OPERATIONS`, in any case."""

    op: str


class Envelope(Protocol):
    """One envelope format.

    Law: `decode` is the fast way in and takes only events that have no field unknown to the
    format, so that nothing is lost on it; `read` takes every event for which `matches` is true.
    """

    @property
    def name(self) -> str:
        """Name of the format, for messages."""
        ...

    @property
    def marker(self) -> str:
        """The key that its events cannot be without, for messages."""
        ...

    @property
    def known(self) -> frozenset[str]:
        """Keys that become columns; all others go to ``extra``."""
        ...

    @property
    def decode(self) -> Callable[[bytes], WordedChange]:
        """Decode one event; raises msgspec's errors when it is not exactly of this format."""
        ...

    @property
    def read(self) -> Callable[[bytes], WordedChange]:
        """The same, with unknown fields passed over."""
        ...

    def matches(self, keys: Collection[str]) -> bool:
        """Whether an object with these top-level keys is of this format."""
        ...
