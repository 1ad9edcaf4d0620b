"""Episodes that come to an end: their buckets are ordinary again, or nobody looks any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.engine.detection.state import Going
from datawatch_lab.engine.detection.words import moment

if TYPE_CHECKING:
    from datawatch_lab.anomaly.episodes import Episode
    from datawatch_lab.core.anomalies import Anomaly
    from datawatch_lab.engine.detection.run import Detectors


def end(detectors: Detectors, going: Going, episode: Episode, *, past: bool = False) -> None:
    """End the episode that is open in a series.

    Args:
        detectors: that hold it.
        going: as it was before its last bucket.
        episode: as it is now.
        past: it ended in the history that a detector is trained on.
    """
    known, place = going.anomaly, going.place
    ended = msgspec.structs.replace(
        known, ended_at=moment(episode.last + known.step), past=past or known.past
    )
    del detectors.going[place]
    detectors.open[place] = False
    detectors.recent[ended.id] = Going(place=place, episode=episode, anomaly=ended)
    detectors.changed[ended.id] = ended


def end_unwatched(detectors: Detectors) -> None:
    """End the episodes of series that there are no more: of a metric that was dropped, say."""
    names = {each.anomaly.table for each in detectors.going.values()}
    if not names:
        return
    tables = [each for each in detectors.engine.tables() if each.name in names]
    keys = {slot.key for table in tables for slot in detectors.slots.of(table)}
    for place, going in list(detectors.going.items()):
        watched = detectors.watched[place]
        if (watched.metric, watched.labels) not in keys:
            end(detectors, going, going.episode)


def end_forgotten(detectors: Detectors, active: Sequence[Anomaly]) -> None:
    """End anomalies that go on in the store and that no detector knows of.

    They were found after the last stored state and are not found again, since the settings are
    others now, or the detectors were made anew.

    Args:
        detectors: that have gone through all that is closed.
        active: anomalies as they are stored.
    """
    known = {each.anomaly.id for each in detectors.going.values()}
    for each in active:
        if each.id not in known and each.id not in detectors.changed:
            detectors.changed[each.id] = msgspec.structs.replace(each, ended_at=each.until)
