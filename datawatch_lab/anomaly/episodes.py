"""From strange buckets to episodes: a pure fold over the buckets of one series, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, isnan

import msgspec
import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.combined import Combined

KEPT = 300
"""Buckets that an episode remembers, the newest ones."""

_ORDINARY = 1.0


class Bucket(msgspec.Struct, frozen=True):
    """One scored bucket.

    Attributes:
        start: epoch seconds.
        value: of the series; NaN for none.
        expected: middle of the band; NaN while nothing is known.
        sigma: standard deviation around it, > 0.
        score: on the scale of thresholds.
        shift: of level, in standard deviations, signed.
        off: distance from the series' mean, by the usual one.
        parts: the six surprises.
    """

    start: int
    value: float
    expected: float
    sigma: float
    score: float
    shift: float = 0.0
    off: float = 0.0
    parts: tuple[float, ...] = ()

    @property
    def deviation(self) -> float:
        """Distance from what was expected, in standard deviations; NaN without a value."""
        return (self.value - self.expected) / self.sigma

    @property
    def strength(self) -> float:
        """The larger of deviation and shift, signed."""
        away = self.deviation
        return self.shift if isnan(away) or abs(self.shift) > abs(away) else away


class Rules(msgspec.Struct, frozen=True):
    """When an episode opens, and how long it goes on.

    Attributes:
        opens: score from which on a bucket opens one.
        goes_on: score from which on a bucket belongs to the one that is open.
        least: strength that a bucket must have to open one, in standard deviations.
        gap: so many buckets in a row may be ordinary within an episode.
    """

    opens: float
    goes_on: float
    least: float = 0.0
    gap: int = 2


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """Strange buckets that belong together.

    Attributes:
        buckets: the strange ones, oldest first; `KEPT` at most.
        count: how many were strange.
        first, last: starts of the first and the last strange one.
        peak: the one furthest from what was expected.
        top: the largest score.
        strongest: the largest strength, signed.
        quiet: ordinary buckets since the last strange one.
    """

    buckets: tuple[Bucket, ...]
    count: int
    first: int
    last: int
    peak: Bucket
    top: float
    strongest: float
    quiet: int = 0


def is_strange(bucket: Bucket, rules: Rules, episode: Episode | None) -> bool:
    """Whether a bucket opens an episode, or belongs to the one that is open.

    A bucket on the other side of what was expected does not belong to it.
    """
    if isnan(bucket.value) or isnan(bucket.expected):
        return False
    if episode is None:
        return bucket.score >= rules.opens and abs(bucket.strength) >= rules.least
    same = copysign(1.0, bucket.strength) == copysign(1.0, episode.strongest)
    return same and bucket.score >= rules.goes_on


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
        return Episode(
            buckets=(bucket,),
            count=1,
            first=at,
            last=at,
            peak=bucket,
            top=bucket.score,
            strongest=bucket.strength,
        )
    return Episode(
        buckets=(*episode.buckets, bucket)[-KEPT:],
        count=episode.count + 1,
        first=episode.first,
        last=bucket.start,
        peak=_peak((episode.peak, bucket), episode.strongest),
        top=max(episode.top, bucket.score),
        strongest=max(episode.strongest, bucket.strength, key=abs),
    )


def _peak(buckets: Sequence[Bucket], towards: float) -> Bucket:
    """The bucket that is furthest off in a direction; the first of equal ones."""
    return max(buckets, key=lambda each: copysign(1.0, towards) * each.deviation)


def revise(episode: Episode, start: int, value: float) -> Episode | None:
    """An episode with another value in one of its buckets; None when nothing is strange any more.

    The band stays as it was: it was made before the bucket. A bucket is ordinary after all when its
    new value lies within one standard deviation, or on the other side of what was expected.
    """
    sign = copysign(1.0, episode.strongest)
    changed = [
        msgspec.structs.replace(each, value=value) if each.start == start else each
        for each in episode.buckets
    ]
    left = tuple(
        each for each in changed if each.start != start or sign * each.deviation >= _ORDINARY
    )
    if not left:
        return None
    dropped = len(episode.buckets) - len(left)
    return msgspec.structs.replace(
        episode,
        buckets=left,
        count=episode.count - dropped,
        first=left[0].start if episode.count <= KEPT else episode.first,
        last=left[-1].start,
        peak=_peak(left, episode.strongest),
    )


def fold(
    starts: Sequence[int], x: NDArray[np.float64], scored: Combined, rules: Rules
) -> list[Episode]:
    """Episodes of a scored history, the last of which may go on.

    It says what `advance` says bucket by bucket, and looks only at buckets that may matter.

    Args:
        starts: of the buckets, epoch seconds, ascending.
        x: values; NaN for none.
        scored: of each bucket.
        rules: of the series.
    """
    found: list[Episode] = []
    here = 0
    for first in np.flatnonzero(scored.score >= rules.opens).tolist():
        if first < here:
            continue
        episode: Episode | None = None
        here = first
        while here < len(starts):
            bucket = Bucket(
                int(starts[here]),
                float(x[here]),
                float(scored.expected[here]),
                float(scored.sigma[here]),
                float(scored.score[here]),
                float(scored.shift[here]),
            )
            here += 1
            episode, over = advance(episode, bucket, rules)
            if over is not None:
                found.append(over)
            if episode is None:
                break
        if episode is not None:
            found.append(episode)
    return found
