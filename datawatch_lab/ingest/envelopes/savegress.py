"""The Savegress envelope: one JSON object a change, with the operation under ``operation``."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from datawatch_lab.ingest.envelopes.base import WordedChange


class _Change(WordedChange, kw_only=True, gc=False):
    op: str = msgspec.field(name="operation")


class _ExactChange(_Change, kw_only=True, gc=False, forbid_unknown_fields=True):
    pass


class Savegress:
    """Events of the shape ``{operation, table, after | before, …}``."""

    name = "Savegress"
    marker = "operation"
    known = frozenset(_Change.__struct_encode_fields__)
    decode: Callable[[bytes], WordedChange] = msgspec.json.Decoder(_ExactChange).decode
    read: Callable[[bytes], WordedChange] = msgspec.json.Decoder(_Change).decode

    def matches(self, keys: Collection[str]) -> bool:
        """Whether there is a key ``operation``."""
        return self.marker in keys
