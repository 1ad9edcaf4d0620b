"""What a forecast means, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from datawatch_lab.forecast.choice import Outcome

_LOW, _HIGH = 1 / 3, 2 / 3


@dataclass(frozen=True)
class Crossing:
    """When a forecast passes a threshold.

    Attributes:
        threshold: the value that is passed.
        step: of the forecast that is the first beyond it, from 0.
        likely: the forecast itself passes it; else only the end of its interval does.
        rises: from below to above.
    """

    threshold: float
    step: int
    likely: bool
    rises: bool


def crossings(outcome: Outcome, now: float, thresholds: Sequence[float]) -> list[Crossing]:
    """The thresholds that a forecast passes, the likely and the soonest first."""
    found = []
    for each in thresholds:
        rises = now <= each
        edge = outcome.high if rises else outcome.low
        for likely, line in ((True, outcome.values), (False, edge)):
            beyond = (line > each) if rises else (line < each)
            if beyond.any():
                found.append(Crossing(each, int(beyond.argmax()), likely, rises))
                break
    return sorted(found, key=lambda each: (not each.likely, each.step))


def recommend(
    metric: str,
    outcome: Outcome,
    *,
    now: float,
    ahead: Sequence[timedelta],
    horizon: timedelta,
    level: float,
    unit: str = "",
    thresholds: Sequence[float] = (),
) -> str:
    """A sentence or two: what is coming, and when a threshold is passed.

    Args:
        metric: its name.
        outcome: of its series.
        now: the last known value.
        ahead: how far each step begins from now; the first may have begun before.
        horizon: as it was asked for.
        level: of the interval.
        unit: of the values.
        thresholds: that somebody cares about; those of alert rules.
    """
    passed = crossings(outcome, now, thresholds)
    if passed:
        sentence = _passing(metric, passed[0], ahead, level, unit)
    elif thresholds:
        nearest = min(thresholds, key=lambda each: abs(each - now))
        side = "below" if now <= nearest else "above"
        sentence = f"{metric} stays {side} {amount(nearest, unit)} for {span(horizon)}."
    else:
        sentence = _course(metric, outcome, now, horizon, unit)
    return f"{sentence} {_sureness(outcome, level, unit)}"


def _passing(
    metric: str, crossing: Crossing, ahead: Sequence[timedelta], level: float, unit: str
) -> str:
    threshold, when = amount(crossing.threshold, unit), _when(ahead, crossing.step)
    if crossing.likely:
        verb = "pass" if crossing.rises else "fall below"
        return f"{metric} will {verb} {threshold} {when}."
    verb = "pass" if crossing.rises else "fall below"
    return f"{metric} may {verb} {threshold} {when}: the {level:.0%} interval reaches it."


def _when(ahead: Sequence[timedelta], step: int) -> str:
    """``in 40 minutes``: when a step begins, in whole steps from now; ``now`` for the open one."""
    if ahead[step] <= timedelta(0):
        return "now"
    if len(ahead) == 1:
        return f"in {span(ahead[step])}"
    width = ahead[1] - ahead[0]
    return f"in {span(-(-ahead[step] // width) * width)}"


def _course(metric: str, outcome: Outcome, now: float, horizon: timedelta, unit: str) -> str:
    end = float(outcome.values[-1])
    width = float(outcome.high[-1] - outcome.low[-1])
    if abs(end - now) <= width / 4:
        return f"{metric} stays about {amount(end, unit)} for {span(horizon)}."
    verb = "rises" if end > now else "falls"
    return (
        f"{metric} {verb} from {amount(now, unit)} to about {amount(end, unit)} in {span(horizon)}."
    )


def _sureness(outcome: Outcome, level: float, unit: str) -> str:
    word = confidence_word(outcome.confidence)
    low, high = amount(float(outcome.low[-1]), unit), amount(float(outcome.high[-1]), unit)
    return f"{level:.0%} sure: {low} to {high} at the end; confidence is {word}."


def confidence_word(confidence: float) -> str:
    """``low``, ``medium`` or ``high``.

    >>> confidence_word(0.2), confidence_word(0.5), confidence_word(0.9)
    ('low', 'medium', 'high')
    """
    if confidence < _LOW:
        return "low"
    return "medium" if confidence < _HIGH else "high"


def amount(value: float, unit: str) -> str:
    """A value with its unit, in four digits.

    >>> amount(80.0, "percent"), amount(1234567.0, "1"), amount(0.5, "s")
    ('80 %', '1,235,000', '0.5 s')
    """
    mark = {"percent": " %", "1": "", "": "", "ratio": "", "1/min": " per minute"}
    rounded = float(f"{value:.4g}")
    text = f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"
    return text + mark.get(unit, f" {unit}")


def span(time: timedelta) -> str:
    """A duration in its largest unit that leaves no fraction.

    >>> span(timedelta(minutes=40)), span(timedelta(hours=1)), span(timedelta(days=3))
    ('40 minutes', '1 hour', '3 days')
    """
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, rest = divmod(round(time.total_seconds()), size)
        if count and not rest:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{time.total_seconds():g} seconds"
