"""Freshness of events: ``event_freshness``, the time from an event to its receipt."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.images import Images
from datawatch_lab.quality.verdict import Verdict, good, nothing

_MICRO = timedelta(microseconds=1)
_SNAPSHOT = ord("r")


def event_freshness(rule: Rule, images: Images) -> Verdict:
    """Received soon enough; the past that is brought on purpose is not looked at."""
    if images.backfill:
        return nothing(images)
    looked = images.op != _SNAPSHOT
    return good(np.asarray(looked), images.lag <= rule.age // _MICRO)
