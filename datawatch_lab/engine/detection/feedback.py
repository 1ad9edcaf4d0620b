"""What people say of an anomaly changes what is flagged from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datawatch_lab.core.anomalies import Feedback

if TYPE_CHECKING:
    from datawatch_lab.core.anomalies import Anomaly
    from datawatch_lab.engine.detection.run import Detectors
    from datawatch_lab.store.anomalies import Mark

REAL_STEP = -0.1
"""Added to the threshold of a series whose anomaly was real: a little more is heard of it."""

LEAST_OFFSET = -0.5


def feed_back(detectors: Detectors, mark: Mark) -> None:
    """Let the model follow what was said; harmless for a series that is not watched."""
    anomaly = detectors.engine.store.anomalies.one(mark.id)
    if anomaly is not None and isinstance(mark.said, Feedback):
        apply(detectors, anomaly, mark.said)


def apply(detectors: Detectors, anomaly: Anomaly, said: Feedback) -> None:
    """Change the series of an anomaly.

    ``expected``: it has to be stranger than this one was to be flagged. ``real``: the threshold
    falls a little. ``known_event``: nothing changes, the span stays out of the baseline as it is.
    """
    place = detectors.places.get((anomaly.metric_name, tuple(sorted(anomaly.labels.items()))))
    if place is None:
        return
    series = detectors.watched[place]
    if said.verdict == "real":
        series.offset = max(series.offset + REAL_STEP, LEAST_OFFSET)
    elif said.verdict == "expected":
        known = [*detectors.going.values(), *detectors.recent.values()]
        mine = next((each for each in known if each.anomaly.id == anomaly.id), None)
        reached = abs(mine.episode.strongest if mine else anomaly.deviation)
        series.floor = max(series.floor, reached * 1.05)
