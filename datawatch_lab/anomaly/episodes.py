"""From strange buckets to episodes: a pure fold over the buckets of one series, in their order."""

from __future__ import annotations

from math import copysign

import msgspec

KEPT = 300
"""Buckets that an episode remembers, its newest and its strangest ones."""


class Bucket(msgspec.Struct, frozen=True):
    """One scored bucket.

    Attributes:
        start: epoch seconds.
        value: of the series; NaN for none.
        expected: middle of the band.
        sigma: standard deviation around it, > 0.
        score: after the alert policy.
        raw: without it.
        off: distance from the series' mean, by the usual one.
        parts: the six surprises.
    """

    start: int
    value: float
    expected: float
    sigma: float
    score: float
    raw: float
    off: float = 0.0
    parts: tuple[float, ...] = ()

    @property
    def deviation(self) -> float:
        """Distance from what was expected, in standard deviations; NaN without a value."""
        return (self.value - self.expected) / self.sigma


class Rules(msgspec.Struct, frozen=True):
    """When an episode opens, and how long it goes on.

    Attributes:
        opens: score from which on a bucket opens one.
        goes_on: raw score from which on a bucket belongs to the one that is open.
        deviation: least distance from what was expected, in standard deviations.
        gap: so many buckets in a row may be ordinary within an episode.
    """

    opens: float
    goes_on: float
    deviation: float = 3.0
    gap: int = 2


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """Strange buckets that belong together.

    Attributes:
        buckets: the strange ones, oldest first; `KEPT` at most.
        count: how many were strange.
        first, last: starts of the first and the last strange one.
        peak: the strangest.
        quiet: ordinary buckets since the last strange one.
    """

    buckets: tuple[Bucket, ...]
    count: int
    first: int
    last: int
    peak: Bucket
    quiet: int = 0


def is_strange(bucket: Bucket, rules: Rules, episode: Episode | None) -> bool:
    """Whether a bucket opens an episode, or belongs to the one that is open.

    A bucket on the other side of what was expected does not belong to it.
    """
    away = abs(bucket.deviation)
    if not away >= rules.deviation:  # NaN is not strange
        return (
            episode is not None and away >= 2.0 * rules.deviation / 3.0 and _same(bucket, episode)
        )
    if episode is None:
        return bucket.score >= rules.opens
    return _same(bucket, episode) and (
        bucket.raw >= rules.goes_on or away >= abs(episode.peak.deviation) / 2.0
    )


def _same(bucket: Bucket, episode: Episode) -> bool:
    return copysign(1.0, bucket.deviation) == copysign(1.0, episode.peak.deviation)


def advance(
    episode: Episode | None, bucket: Bucket, rules: Rules
) -> tuple[Episode | None, Episode | None]:
    """What a bucket does to the episode of its series.

    Args:
        episode: that is open, or None.
        bucket: the next one; a NaN value counts as an ordinary bucket.
        rules: of the series.

    Returns:
        The episode that is open afterwards, and the one that this bucket ended; either may be None.
    """
    if is_strange(bucket, rules, episode):
        return _with(episode, bucket), None
    if episode is None:
        return None, None
    quiet = msgspec.structs.replace(episode, quiet=episode.quiet + 1)
    return (None, quiet) if quiet.quiet > rules.gap else (quiet, None)


def _with(episode: Episode | None, bucket: Bucket) -> Episode:
    if episode is None:
        at = bucket.start
        return Episode(buckets=(bucket,), count=1, first=at, last=at, peak=bucket)
    peak = max(episode.peak, bucket, key=lambda each: (each.raw, abs(each.deviation)))
    buckets = (*episode.buckets, bucket)
    return Episode(
        buckets=buckets if len(buckets) <= KEPT else buckets[-KEPT:],
        count=episode.count + 1,
        first=episode.first,
        last=bucket.start,
        peak=peak,
    )


def revise(episode: Episode, start: int, value: float, least: float) -> Episode | None:
    """An episode with another value in one of its buckets; None when nothing is strange any more.

    The band stays as it was: it was made before the bucket. A bucket whose value lies within
    ``least`` standard deviations is ordinary after all.
    """
    changed = [
        msgspec.structs.replace(each, value=value) if each.start == start else each
        for each in episode.buckets
    ]
    left = tuple(each for each in changed if abs(each.deviation) >= least)
    if not left:
        return None
    dropped = len(episode.buckets) - len(left)
    return msgspec.structs.replace(
        episode,
        buckets=left,
        count=episode.count - dropped,
        first=left[0].start if episode.count <= KEPT else episode.first,
        last=left[-1].start,
        peak=max(left, key=lambda each: (each.raw, abs(each.deviation))),
    )
