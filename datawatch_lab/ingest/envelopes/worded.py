"""The Savegress envelope, and the DataWatch one, which differs by the key of the operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from datawatch_lab.ingest.envelopes.base import (
    Change,
    Columns,
    Malformed,
    Members,
    ToldChange,
    WordedChange,
    plain_columns,
    rest_of,
    text_of,
)


class Worded:
    """Events of the shape ``{<marker>, table, after | before, …}``.

    Args:
        name: of the format, for messages.
        marker: the key of the operation.
        exact: the format's struct, which refuses unknown fields.
        loose: the same, passing over them.
    """

    def __init__(
        self, name: str, marker: str, exact: type[WordedChange], loose: type[WordedChange]
    ) -> None:
        self.name = name
        self.marker = marker
        self.known = frozenset(loose.__struct_encode_fields__)
        self.decode: Callable[[bytes], WordedChange] = msgspec.json.Decoder(exact).decode
        self._loose: Callable[[bytes], WordedChange] = msgspec.json.Decoder(loose).decode

    def columns(self, changes: Sequence[Change]) -> Columns:
        """The fields as they are."""
        return plain_columns(changes)

    def read(self, item: bytes, members: Members) -> Iterable[ToldChange]:
        """The one change; unknown members are kept."""
        try:
            change = self._loose(item)
        except msgspec.ValidationError as error:
            schema, table = text_of(members.get("schema")), text_of(members.get("table"))
            raise Malformed(self._fault(error), schema=schema, table=table) from None
        return [ToldChange(**msgspec.structs.asdict(change), rest=rest_of(members, self.known))]

    def matches(self, members: Members) -> bool:
        """Whether there is the key of the operation."""
        return self.marker in members

    def _fault(self, error: msgspec.ValidationError) -> str:
        text = str(error)
        name = text.rpartition("$.")[2].rstrip("`") if "$." in text else ""
        if name == "timestamp":
            return f"the timestamp is not ISO 8601 text or an epoch number ({text.lower()})"
        return f"{self.name} event: {name or 'the envelope'} cannot be read: {text}"
