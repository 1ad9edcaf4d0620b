"""When the workspace's own metrics (scores, anomalies, alerts) of closed minutes can be sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.engine.detection import Detection

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_MOMENT = 0.5  # seconds that one look may wait
_PATIENCE = 60.0  # seconds; anomalies may be looked for by hand, or fail


@dataclass(frozen=True)
class OwnDue:
    """Minutes that are closed and wait for those who judge them.

    Attributes:
        until: minutes before this are due.
        seq: sequence number of the last event when they were.
        since: ``time.monotonic()`` then.
    """

    until: datetime
    seq: int
    since: float

    def is_seen(self, engine: Engine) -> bool:
        """Whether the rules have seen the events, and detection the closes or had its time."""
        rules = engine.quality
        if rules.enabled and rules.rules and rules.cursor < self.seq:
            return False
        return time.monotonic() - self.since > _PATIENCE or engine.beside(Detection).settle(_MOMENT)


def first_minute(engine: Engine, until: datetime) -> datetime:
    """The first minute that any table has states of; ``until`` when none has."""
    series = [
        each.id
        for measure in engine.measures.all
        for each in tuple(engine.measures.book.of(measure.id))
    ]
    span = engine.store.measure_span(series) if series else None
    return until if span is None else min(span[0], until)
