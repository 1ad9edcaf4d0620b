"""From an episode to the anomaly that people see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from datawatch_lab.anomaly.episodes import Bucket, Episode
from datawatch_lab.anomaly.kinds import algorithms_of, kind_of
from datawatch_lab.core.anomalies import Anomaly, Contributor, Expected, anomaly_id, severity_of
from datawatch_lab.engine.detection.slots import Slot

BAND = 3.0
"""Half the width of the expected band, in standard deviations."""

_TWICE = 1.5
_MOST_DEVIATION = 1_000.0


def moment(seconds: float) -> datetime:
    """Epoch seconds as UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def unit_score(raw: float) -> float:
    """A raw score in [0, 1): 1 − 10^(−raw / 2).

    >>> unit_score(2.0), round(unit_score(4.0), 2)
    (0.9, 0.99)
    """
    return float(1.0 - 10.0 ** (-raw / 2.0))


def expected_of(slot: Slot, bucket: Bucket) -> Expected:
    """The band of a bucket; counts and shares are never below 0."""
    low = bucket.expected - BAND * bucket.sigma
    high = bucket.expected + BAND * bucket.sigma
    if slot.counted or slot.unit in ("ratio", "s"):
        low, high = max(low, 0.0), max(high, 0.0)
    return Expected(low, high)


def anomaly_of(
    slot: Slot,
    episode: Episode,
    step: int,
    *,
    found: datetime,
    error_rate: float | None = None,
    contributors: Sequence[Contributor] = (),
    past: bool = False,
    ended: bool = False,
) -> Anomaly:
    """The anomaly of an episode.

    Args:
        slot: its series.
        episode: its buckets.
        step: seconds of a bucket.
        found: when it was found, by the clock.
        error_rate: share that failed in the strangest bucket, where it is known.
        contributors: parts that moved most.
        past: it is in the history that the detector is trained on.
        ended: it is over.
    """
    peak = episode.peak
    deviation = min(max(peak.deviation, -_MOST_DEVIATION), _MOST_DEVIATION)
    start = moment(episode.first)
    band = expected_of(slot, peak)
    return Anomaly(
        id=str(anomaly_id(slot.metric, slot.labels, step, start)),
        metric_name=slot.metric,
        table=slot.table,
        labels=dict(slot.labels),
        type=kind_of(episode, counted=slot.counted, spread=slot.spread),
        severity=severity_of(deviation, error_rate),
        value=peak.value,
        expected=band,
        deviation=deviation,
        score=unit_score(episode.top),
        step=step,
        detected_at=found,
        started_at=start,
        peak_at=moment(peak.start),
        ended_at=moment(episode.last + step) if ended else None,
        buckets=episode.count,
        description=described(slot, peak, band, step),
        algorithms=algorithms_of(episode),
        unit=slot.unit,
        contributors=tuple(contributors),
        past=past,
    )


def grown(slot: Slot, known: Anomaly, episode: Episode) -> Anomaly:
    """An anomaly whose episode goes on, with the same strangest bucket."""
    return msgspec.structs.replace(
        known,
        type=kind_of(episode, counted=slot.counted, spread=slot.spread),
        score=unit_score(episode.top),
        buckets=episode.count,
        algorithms=algorithms_of(episode),
    )


def described(slot: Slot, peak: Bucket, band: Expected, step: int) -> str:
    """One sentence: what, how much, when, what was expected."""
    labels = ", ".join(f"{name}={value}" for name, value in slot.labels)
    what = f"{slot.metric} ({labels})" if labels else slot.metric
    width = "minute" if step == 60 else "hour"
    at = moment(peak.start)
    words = f"{what} was {_number(peak.value)} in the {width} from {at:%Y-%m-%d %H:%M} UTC"
    return f"{words}, {_against(peak)}; expected were {_number(band.min)} to {_number(band.max)}."


def _against(peak: Bucket) -> str:
    usual, value = peak.expected, peak.value
    if value == 0.0:
        return "nothing"
    if usual > 0.0 and value > _TWICE * usual:
        return f"{_number(value / usual)} times what is usual"
    if usual > 0.0 and 0.0 < value < usual / _TWICE:
        return f"{100.0 * (1.0 - value / usual):.0f} % less than usual"
    size = abs(peak.deviation)
    return f"{_number(size)} standard deviations {'above' if peak.deviation > 0 else 'below'}"


def _number(value: float) -> str:
    """Three digits that count, with separators.

    >>> _number(1234.56), _number(0.012345), _number(3.0)
    ('1,235', '0.0123', '3')
    """
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"
