"""Episodes that turn out to be others, or none: after late data, and after a clock was set back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.anomaly.episodes import revise
from datawatch_lab.anomaly.kinds import RIVER
from datawatch_lab.core.anomalies import Anomaly
from datawatch_lab.engine.detection.state import Going
from datawatch_lab.engine.detection.values import values
from datawatch_lab.engine.detection.words import anomaly_of, moment
from datawatch_lab.metrics.spans import EPOCH, floor_to

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.run import Detectors
    from datawatch_lab.engine.detection.slots import Slot
    from datawatch_lab.engine.detection.work import Closed


def revise_episodes(detectors: Detectors) -> None:
    """Look again at episodes whose buckets late events changed since the last time.

    The band of a bucket stays as it was. A value that lies within it now is ordinary after all; an
    episode without a strange bucket left is withdrawn.
    """
    every = (*detectors.going.values(), *detectors.recent.values())
    first = min((each.start for one in every for each in one.episode.buckets), default=None)
    oldest = None if first is None else moment(first)
    late = detectors.engine.store.anomalies.corrected_since(detectors.corrected, oldest)
    for going, slot in list(_touched(detectors, late.minutes)) if late.minutes else ():
        minutes = [at for series in slot.members for at in late.minutes.get(series, ())]
        _look_again(detectors, going, slot, minutes)
    detectors.corrected = late.version


def take_back(detectors: Detectors, closed: Closed) -> None:
    """Withdraw episodes of buckets that are still to come.

    There are none, unless a clock that was ahead closed minutes and was set back since. These
    minutes close again, and what is strange in them is found again.
    """
    for going in (*detectors.going.values(), *detectors.recent.values()):
        if going.anomaly.table != closed.table.name or going.anomaly.withdrawn:
            continue
        start = floor_to(closed.start, timedelta(seconds=going.anomaly.step))
        if going.episode.first >= (start - EPOCH).total_seconds():
            _withdraw(detectors, going, going.episode.last)


def _touched(
    detectors: Detectors, late: Mapping[int, Sequence[datetime]]
) -> Iterator[tuple[Going, Slot]]:
    """Episodes of slots that are made of some of the series."""
    slots = detectors.slots.by_key()
    for going in (*detectors.going.values(), *detectors.recent.values()):
        watched = detectors.watched[going.place]
        slot = slots.get((watched.metric, watched.labels))
        if slot is not None and not late.keys().isdisjoint(slot.members):
            yield going, slot


def _look_again(detectors: Detectors, going: Going, slot: Slot, minutes: list[datetime]) -> None:
    width = timedelta(seconds=going.anomaly.step)
    known = {each.start for each in going.episode.buckets}
    episode, changed = going.episode, False
    for start in sorted({floor_to(at, width) for at in minutes}):
        seconds = int((start - EPOCH).total_seconds())
        if seconds not in known:
            continue
        found = values(detectors.engine, [slot], start, start + width, width, first=False)
        left = revise(episode, seconds, float(found[0, 0]))
        changed = True
        if left is None:
            _withdraw(detectors, going, episode.last)
            return
        episode = left
    if changed:
        _keep(detectors, msgspec.structs.replace(going, episode=episode), slot)


def _keep(detectors: Detectors, going: Going, slot: Slot) -> None:
    old = going.anomaly
    made = anomaly_of(
        slot,
        going.episode,
        old.step,
        found=old.detected_at,
        contributors=old.contributors,
        past=old.past,
        ended=old.ended_at is not None,
    )
    going.anomaly = msgspec.structs.replace(
        made,
        id=old.id,
        severity="critical" if _stays_critical(old, made) else made.severity,
        algorithms=(*made.algorithms, *(each for each in RIVER if each in old.algorithms)),
        revised=True,
        opened_at=old.opened_at or old.started_at,
    )
    if going.place in detectors.going and detectors.going[going.place].anomaly.id == old.id:
        detectors.going[going.place] = going
    else:
        detectors.recent[old.id] = going
    detectors.changed[old.id] = going.anomaly


def _stays_critical(old: Anomaly, made: Anomaly) -> bool:
    """Whether it failed as well when it was found, and is as far off as that asks for."""
    return old.severity == "critical" and made.severity == "high"


def _withdraw(detectors: Detectors, going: Going, last: int) -> None:
    old = going.anomaly
    ended = old.ended_at or moment(last + old.step)
    gone = msgspec.structs.replace(old, revised=True, withdrawn=True, ended_at=ended)
    detectors.changed[gone.id] = gone
    detectors.recent.pop(gone.id, None)
    mine = detectors.going.get(going.place)
    if mine is not None and mine.anomaly.id == gone.id:
        del detectors.going[going.place]
        detectors.open[going.place] = False
