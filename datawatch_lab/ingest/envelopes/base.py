"""What every envelope format hands over: changes, and the protocol that a format implements."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import Declared
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

Members = Mapping[str, Raw]
"""The top-level members of an event, undecoded."""

TableKey = tuple[str, str]
"""Schema and table, as the envelope has them."""


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


class ToldChange(WordedChange, kw_only=True, gc=False):
    """A change that was worked out of another shape.

    Attributes:
        tx_order: order in the transaction.
        rest: further members for ``extra``, as JSON without the braces.
        declared: what the event says of its table.
        follows: it happened at the time of the event before it, if it has no time of its own.
    """

    tx_order: int | None = None
    rest: bytes = b""
    declared: Declared | None = None
    follows: bool = False


COLUMNS = (
    "id", "source", "schema", "table", "op", "timestamp", "transaction_id",
    "position", "before", "after", "metadata", "ddl_type", "ddl_command",
)  # fmt: skip
"""What `Columns.values` has for every event."""


_MEMBERS = {name: attrgetter(name) for name in COLUMNS}


@dataclass
class Columns:
    """The fields of events of one format, one entry an event.

    Attributes:
        values: by name of `COLUMNS`; a column that no event has may be missing.
        tx_order: order in the transaction; None when the position tells.
        rest: further members for ``extra``, as JSON without the braces, by index.
        declared: what the events say of their tables.
        follows: events without a time that happened when the event before them did.
    """

    values: dict[str, Sequence[Any]]
    tx_order: Sequence[int | None] | None = None
    rest: dict[int, bytes] = field(default_factory=dict)
    declared: dict[TableKey, Declared] = field(default_factory=dict)
    follows: Sequence[int] = ()


def plain_columns(changes: Sequence[Change]) -> Columns:
    """The columns of `WordedChange` structs."""
    return Columns({name: list(map(member, changes)) for name, member in _MEMBERS.items()})


def told_columns(changes: Sequence[ToldChange]) -> Columns:
    """The columns of `ToldChange` structs."""
    columns = plain_columns(changes)
    columns.tx_order = [change.tx_order for change in changes]
    columns.rest = {at: change.rest for at, change in enumerate(changes) if change.rest}
    columns.follows = [at for at, change in enumerate(changes) if change.follows]
    last: dict[TableKey, Declared] = {}
    for change in changes:
        told = change.declared
        if told is not None:
            key = change.schema or "", change.table or ""
            if last.get(key) is not told:
                last[key] = told
                columns.declared[key] = merged(columns.declared.get(key), told)
    return columns


def merged(older: Declared | None, newer: Declared) -> Declared:
    """What is known after a newer declaration; what that one does not speak of holds on."""
    if older is None or older == newer:
        return newer
    key = older.key if newer.key is None else newer.key
    return Declared(key, {**older.types, **newer.types})


def members_of(item: bytes) -> dict[str, Raw]:
    """The members of a JSON object; raises msgspec's errors for anything else."""
    return msgspec.json.decode(item, type=dict[str, Raw])


def inner(members: Mapping[str, Any]) -> bytes:
    """JSON members without the braces; refuses what is not UTF-8, which a decoder does not see."""
    text = msgspec.json.encode(members)[1:-1]
    text.decode("utf-8")
    return text


def rest_of(members: Members, known: Collection[str]) -> bytes:
    """The members that have no column, for ``extra``."""
    left = {name: value for name, value in members.items() if name not in known}
    return inner(left) if left else b""


def text_of(member: Raw | None) -> str:
    """A member that is a string; '' for what is none."""
    if member is None or bytes(member)[:1] != b'"':
        return ""
    return str(msgspec.json.decode(member))


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
    def decode(self) -> Callable[[bytes], Any]:
        """Decode one event; raises msgspec's errors when it is not exactly of this format."""
        ...

    def columns(self, changes: Sequence[Any]) -> Columns:
        """The columns of what `decode` gave."""
        ...

    def read(self, item: bytes, members: Members) -> Iterable[ToldChange]:
        """The changes of any event of this format; one event may tell of several.

        Raises:
            Malformed: it is no event; msgspec's errors: a member cannot be read.
        """
        ...

    def matches(self, members: Members) -> bool:
        """Whether an object with these top-level members is of this format."""
        ...
