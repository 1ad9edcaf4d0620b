"""Upkeep: what keeps a workspace small and its buckets closed, between commits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from datawatch_lab.core.batches import nothing
from datawatch_lab.engine.committing import Committer
from datawatch_lab.engine.journal import LIMIT_BYTES
from datawatch_lab.engine.retention import Retention
from datawatch_lab.engine.submission import Submission

_COMPACT_EVERY = 100  # commits; a large one counts for several
_COMPACT_PAUSE = timedelta(seconds=20)  # between two passes in a flood …
_COMPACT_AT_ONCE = 1_500  # … unless so much has come that questions would feel it
_FOLD_EVERY = timedelta(seconds=1)
_COMPACT_SECONDS = 0.15  # between two commits; a pass that needs longer goes on after the next


class Upkeep:
    """Runs in the writer's thread after each commit, and when there is nothing to store.

    Each part takes a bounded step and goes on with the next call.

    Attributes:
        retention: drops what is older than it is kept.
        stored: called with the number of the last stored record of the journal, and the bytes from
            which on it is to be emptied.
    """

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._folded_at = self._compacted_at = committer.clock.now()
        self.retention = Retention(
            committer.store,
            committer.settings,
            lambda: {each.id: each.name for each in committer.registry},
        )
        self.retention.dropped = committer.touched.forget
        self.stored: Callable[[int, int], object] = lambda _number, _bytes: None

    def run(self, idle: bool) -> None:  # noqa: FBT001 — the writer says which
        """Close buckets, compact, fold live tables, drop what is old; more when idle."""
        committer = self._committer
        committer.store.revive()
        now = committer.clock.now()
        committer.close_by_clock()
        if idle:
            self.store_endings()
        self.stored(committer.journaled, 0 if idle else LIMIT_BYTES)
        if self._is_due(now, idle=idle):
            committer.weight = 0
            self._compacted_at = now
            self.retention.look(now, force=True)
            committer.store.compact(_COMPACT_SECONDS)
        elif committer.store.compaction.under_way:
            committer.store.compact(_COMPACT_SECONDS)
        self._fold_live()
        self.retention.look(now)
        self.retention.run(idle=idle)

    def _is_due(self, now: datetime, *, idle: bool) -> bool:
        """Whether a compaction is worth its cost now."""
        weight = self._committer.weight
        if idle and self._committer.store.compaction.much_is_new:
            return not self._committer.store.compaction.under_way
        if idle or weight >= _COMPACT_AT_ONCE:
            return weight >= 1
        return weight >= _COMPACT_EVERY and now - self._compacted_at >= _COMPACT_PAUSE

    def store_endings(self) -> None:
        """Store which runs are over."""
        ended = self._committer.ended
        while ended:
            source, ending = ended.popitem()
            now = self._committer.clock.now()
            self._committer.commit([Submission(nothing(source, ending), now)])

    def _fold_live(self) -> None:
        """Fold live tables that have grown, a bounded step a second, until nothing is left."""
        committer = self._committer
        now = committer.clock.now()
        if now - self._folded_at < _FOLD_EVERY:
            return
        counts = committer.store.table_counts().values()
        newest = [each.last_ts for each in counts if each.last_ts]
        horizon = min(newest) - committer.settings.raw_kept if newest else None
        if not committer.store.compact_live(horizon):
            self._folded_at = now
