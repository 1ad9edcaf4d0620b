"""What a file holds: how its bytes are cut into items, and how items become events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal, Protocol

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.cutting import Cut, Cutter, Mode
from datawatch_lab.ingest.decode import decode, decode_block
from datawatch_lab.ingest.templates import Templates
from datawatch_lab.ingest.texts import FEW

FormatName = Literal["auto", "json", "csv", "parquet"]
"""How an input is read; ``auto``: by its name and its first bytes."""

_PACKED = frozenset({".gz", ".gzip", ".zst", ".zstd"})
_SUFFIXES: dict[str, FormatName] = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".psv": "csv",
    ".parquet": "parquet", ".pq": "parquet", ".parq": "parquet",
}  # fmt: skip
_MAGIC = b"PAR1"


class AnyCutter(Protocol):
    """Cuts a stream of bytes; see `ingest.cutting.Cutter`."""

    offset: int
    line: int

    @property
    def mode(self) -> Mode:
        """How the input is laid out at the place where it stands."""
        ...

    def feed(self, data: bytes) -> Cut:
        """The items that are complete once ``data`` has come."""
        ...

    def finish(self, damage: str = "") -> Cut:
        """What is left at the end of the input."""
        ...


class Form(Protocol):
    """One way to write events in a file; it may learn of the file while it reads."""

    def cutter(self, offset: int = 0, line: int = 1, mode: Mode = "") -> AnyCutter:
        """A cutter that begins at a place."""
        ...

    def restore(self, kept: object) -> None:
        """Know again what was known of this file when it was read before."""
        ...

    def kept(self) -> Mapping[str, object]:
        """What must be known to go on reading; JSON-serialisable, and part of the offset."""
        ...

    def decode(self, cut: Cut, source: str) -> DecodedBatch:
        """The events of some items."""
        ...


class JsonForm:
    """NDJSON, JSON arrays and values over many lines; learns how events are written."""

    def __init__(self) -> None:
        self._templates = Templates()

    def cutter(self, offset: int = 0, line: int = 1, mode: Mode = "") -> AnyCutter:
        """A cutter of JSON values."""
        return Cutter(offset, line, mode)

    def restore(self, kept: object) -> None:
        """There is nothing to know."""

    def kept(self) -> Mapping[str, object]:
        """There is nothing to know."""
        return {}

    def decode(self, cut: Cut, source: str) -> DecodedBatch:
        """The events of JSON values."""
        if cut.block is not None and len(cut.block) > FEW:
            return decode_block(cut.block, self._templates, source=source)
        return decode(cut.items, cut.lines, cut.offsets, source=source, refused=cut.refused)


def format_of(name: str, head: bytes) -> FormatName:
    """How a file is read, by its name and first bytes (as far as they were looked at).

    >>> format_of("orders.csv.gz", b"id,amount"), format_of("x.csv", b'{"op":'), format_of("-", b"")
    ('csv', 'json', 'json')
    """
    if head.startswith(_MAGIC):
        return "parquet"
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    last = next((suffix for suffix in reversed(suffixes) if suffix not in _PACKED), "")
    found = _SUFFIXES.get(last, "json")
    if found == "csv" and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:2] in (b'{"', b"[{"):
        return "json"
    return found


def table_name(name: str) -> str:
    """The table that the rows of a file belong to: its name without folders and endings.

    >>> table_name("/data/orders.csv.gz"), table_name("daily.2026.parquet"), table_name("-")
    ('orders', 'daily.2026', 'rows')
    """
    path = PurePath(name)
    while path.suffix.lower() in _PACKED or path.suffix.lower() in _SUFFIXES:
        path = path.with_suffix("")
    return path.name if path.name not in ("", "-") else "rows"
