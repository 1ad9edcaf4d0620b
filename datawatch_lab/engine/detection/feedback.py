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

BEYOND = 1.05
"""What is flagged where something was expected: so many times as strange."""


def feed_back(detectors: Detectors, mark: Mark) -> bool:
    """Let the model follow what was said; False while the series is not watched."""
    anomaly = detectors.engine.store.anomalies.one(mark.id)
    if anomaly is None or not isinstance(mark.said, Feedback):
        return True
    return apply(detectors, anomaly, mark.said)


def apply(detectors: Detectors, anomaly: Anomaly, said: Feedback) -> bool:
    """Change the series of an anomaly by what was said last of each of its anomalies.

    ``expected``: it has to be stranger than this one was to be flagged. ``real``: the threshold
    falls a little. ``known_event``: nothing; the span stays out of the baseline as it is. So
    saying the same again changes nothing, and saying something else takes back what was said.

    Returns:
        Whether there is such a series now.
    """
    place = detectors.places.get((anomaly.metric_name, tuple(sorted(anomaly.labels.items()))))
    if place is None:
        return False
    series = detectors.watched[place]
    series.said = {**series.said, anomaly.id: (said.verdict, _reached(detectors, place, anomaly))}
    real = sum(verdict == "real" for verdict, _ in series.said.values())
    series.offset = max(real * REAL_STEP, LEAST_OFFSET)
    expected = [far for verdict, far in series.said.values() if verdict == "expected"]
    series.floor = max((far * BEYOND for far in expected), default=0.0)
    return True


def _reached(detectors: Detectors, place: int, anomaly: Anomaly) -> float:
    """How strange an anomaly was, in standard deviations; its episode knows best."""
    known = [*detectors.going.values(), *detectors.recent.values()]
    mine = next((each for each in known if each.anomaly.id == anomaly.id), None)
    if mine is not None:
        return abs(mine.episode.strongest)
    before = detectors.watched[place].said.get(anomaly.id)
    return abs(anomaly.deviation) if before is None else before[1]
