"""The DataWatch envelope: the Savegress one with the operation under ``type``."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from datawatch_lab.ingest.envelopes.base import WordedChange


class _Change(WordedChange, kw_only=True, gc=False):
    op: str = msgspec.field(name="type")


class _ExactChange(_Change, kw_only=True, gc=False, forbid_unknown_fields=True):
    pass


class DataWatch:
    """Events of the shape ``{type, table, after | before, …}``."""

    name = "DataWatch"
    marker = "type"
    known = frozenset(_Change.__struct_encode_fields__)
    decode: Callable[[bytes], WordedChange] = msgspec.json.Decoder(_ExactChange).decode
    read: Callable[[bytes], WordedChange] = msgspec.json.Decoder(_Change).decode

    def matches(self, keys: Collection[str]) -> bool:
        """Whether there is a key ``type``."""
        return self.marker in keys
