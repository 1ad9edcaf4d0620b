"""The DataWatch envelope: one JSON object a change, with the operation under ``type``."""

from __future__ import annotations

import msgspec

from datawatch_lab.ingest.envelopes.base import WordedChange
from datawatch_lab.ingest.envelopes.worded import Worded


class _Change(WordedChange, kw_only=True, gc=False):
    op: str = msgspec.field(name="type")


class _ExactChange(_Change, kw_only=True, gc=False, forbid_unknown_fields=True):
    pass


class DataWatch(Worded):
    """Events of the shape ``{type, table, after | before, …}``."""

    def __init__(self) -> None:
        super().__init__("DataWatch", "type", _ExactChange, _Change)
