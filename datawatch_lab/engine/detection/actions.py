"""What people do with an anomaly: look after it, and say what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datawatch_lab.anomaly.episodes import Rules
from datawatch_lab.core.anomalies import Anomaly, Feedback, Verdict
from datawatch_lab.engine.detection.feedback import apply
from datawatch_lab.engine.detection.preview import DAYS, History, history_of
from datawatch_lab.store.anomalies import Acknowledged, Mark

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.stage import Detection


@dataclass(frozen=True)
class Changed:
    """What feedback changed.

    Attributes:
        before, after: rules of the series.
        days: of history that both are tried on.
        flagged_before, flagged_after: episodes there.
        said: in words.
    """

    anomaly: Anomaly
    before: Rules
    after: Rules
    days: float
    flagged_before: int
    flagged_after: int
    said: str


def acknowledge(detection: Detection, id_: str, user: str) -> Anomaly:
    """Note who looks after an anomaly.

    Raises:
        NotFoundError: there is none of that id.
    """
    anomaly = detection.get(id_)
    said = Acknowledged(user, detection.engine.clock.now())
    detection.mark(Mark(id=anomaly.id, number=detection.number, said=said))
    done = detection.get(id_)
    detection.tell([done])
    return done


def say(detection: Detection, id_: str, verdict: Verdict, user: str, note: str) -> Changed:
    """Note what an anomaly was; the model of its series follows.

    Raises:
        NotFoundError: there is none of that id.
    """
    anomaly = detection.get(id_)
    said = Feedback(verdict=verdict, by=user, at=detection.engine.clock.now(), note=note)
    with detection.with_detectors() as detectors:
        place = detectors.places.get((anomaly.metric_name, tuple(sorted(anomaly.labels.items()))))
        before = detectors.rules(place or 0) if place is not None else Rules(0.0, 0.0)
        apply(detectors, anomaly, said)
        after = detectors.rules(place) if place is not None else before
        detection.mark(Mark(id=anomaly.id, number=detection.number, said=said), state=True)
    done = detection.get(id_)
    detection.tell([done])
    history = history_of(detection.engine, anomaly.metric_name, anomaly.labels, DAYS)
    counts = [len(history.episodes(each)) for each in (before, after)]
    return Changed(
        anomaly=done,
        before=before,
        after=after,
        days=history.days,
        flagged_before=counts[0],
        flagged_after=counts[1],
        said=_words(verdict, before, after, history, counts),
    )


def _words(
    verdict: Verdict, before: Rules, after: Rules, history: History, counts: list[int]
) -> str:
    if before == after:
        return {
            "known_event": "Its span stays out of the baseline; nothing else changes.",
            "real": "The threshold is as low as feedback makes it.",
            "expected": "The series is not watched any more.",
        }[verdict]
    over = f"over the last {history.days:.3g} days {counts[0]} would have been flagged before"
    return (
        f"Flagged from now on: scores from {after.opens:.2f} (before {before.opens:.2f}) that are "
        f"{after.least:.1f} standard deviations off (before {before.least:.1f}); {over}, "
        f"{counts[1]} now."
    )
