"""Which stream a client's message means: the question, checked and in one form."""

from __future__ import annotations

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.who import UserRole
from datawatch_lab.service.live.messages import INTERVALS, Subscribe, listed
from datawatch_lab.service.live.stream import StreamKey
from datawatch_lab.service.live.topics import Question

METRICS = "metrics"
"""The topic of a subscription that names metrics."""

_HOW = ("start", "end", "step", "aggregation", "group_by", "filters")
_WIRE = {"start": "from", "end": "to"}


def topic_key(topic: str, interval: str, role: UserRole) -> StreamKey:
    """The stream of a whole topic.

    Raises:
        InputError: the interval is not offered.
    """
    if interval not in INTERVALS:
        raise InputError(
            f"interval {interval!r} is not offered. Intervals: {', '.join(INTERVALS)}."
        )
    return StreamKey(Question(topic), role, interval)


def follow_key(asked: Subscribe, role: UserRole, most: int) -> StreamKey:
    """The stream that a subscription means.

    Args:
        asked: the message.
        role: of who asks.
        most: metrics that one subscription may name.

    Raises:
        InputError: it names nothing to follow, or both metrics and a topic, or too many metrics,
            or an interval that is not offered.
    """
    names = listed(asked.metrics)
    topic = asked.topic or METRICS
    how = tuple((name, value) for name in _HOW if (value := _plain(getattr(asked, name))))
    plain = topic_key(topic, asked.interval, role)
    if topic != METRICS:
        if names or how:
            given = "metrics" if names else _WIRE.get(how[0][0], how[0][0])
            raise InputError(
                f"topic {topic!r} is followed as it is; {given!r} belongs to a subscription of "
                "metrics."
            )
        return plain
    if not names:
        raise InputError(
            "the subscription names nothing.",
            hint='Give "metrics": ["NAME"], or "topic": "dashboard".',
        )
    if len(names) > most:
        raise InputError(f"{len(names)} metrics in one subscription; {most} are the limit.")
    return StreamKey(Question(topic, names, how), role, asked.interval)


def _plain(value: str | list[str] | None) -> str | tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list) else value
