"""Versions of dashboards: what became of them, and by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

What = Literal["made", "changed", "autosaved", "restored", "dropped"]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a dashboard, which made a version of it.

    Attributes:
        dashboard: its id.
        version: from 1.
        at: when, UTC.
        who: whoever made it.
        what: made, changed, autosaved, restored or dropped.
        words: what differs from the version before.
        after_seq: sequence number of the last event of the log before it.
    """

    dashboard: str
    version: int
    at: datetime
    who: str
    what: What
    words: str = ""
    after_seq: int = 0
