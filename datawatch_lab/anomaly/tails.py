"""How rarely something as large was seen: a decayed histogram of logarithmic bins.

Kind: estimator of a survival function. Memory: `BINS` counts. Cost: one logarithm and one sum.
The bins follow growth: what lies above the highest one shifts them, so any scale fits. One huge
size may shift them so far that all others are alike; a tail that is `blind` so has to begin anew.
"""

from __future__ import annotations

from math import log2, log10

BINS = 36
PER_OCTAVE = 4
FLOOR = 0.1
"""Added to every size before its logarithm, so that sizes far below 1 are all alike."""

HALF_LIFE = 4_000.0
"""Rows after which what was seen counts half."""

PRIOR = 0.5
"""Rows as large, and as many smaller ones, that are taken as seen before the first."""

GROWTH = 2.0 ** (1.0 / HALF_LIFE)
LIMIT = 2.0**60
"""Weight of a new row at which all weights are divided by it, a power of two to lose no digit."""

ALIKE = 0.5
"""Of the rows in the same bin at least this share counts as as large: values that repeat tie."""

BLIND_YOUNG, BLIND = 0.0031, 5e-5
"""Share of the weight above the lowest bin below which a tail is blind: of one that knows fewer
than `YOUNG` rows, whose first ones were no measure, and later, when a single row is more than that.
"""

YOUNG = 1_000

LOWEST = PER_OCTAVE * -4
"""Bin of the floor."""


class Tail:
    """The sizes seen so far, weighted by age.

    Old rows are not multiplied down at each step: the weight of a new one grows instead.

    Attributes:
        counts: weight by bin; bin 0 holds all that is smaller too.
        total: weight of all.
        weight: of the next row.
        base: number of the lowest bin, where bin k starts at 2 ** (k / PER_OCTAVE).
    """

    __slots__ = ("base", "counts", "total", "weight")

    def __init__(self) -> None:
        self.counts = [0.0] * BINS
        self.total = 0.0
        self.weight = 1.0
        self.base = LOWEST

    def surprise(self, size: float) -> float:
        """−log10 of the share of rows at least as large, ≥ 0; at most log10(2 n + 2) after n rows.

        Args:
            size: in units of the usual size; finite, ≥ 0.
        """
        place = max(PER_OCTAVE * log2(size + FLOOR) - self.base, 0.0)
        above = 0.0
        if place < BINS:
            k = int(place)
            above = sum(self.counts[k + 1 :]) + self.counts[k] * (1.0 - (1.0 - ALIKE) * (place - k))
        prior = PRIOR * self.weight
        return -log10((above + prior) / (self.total + 2.0 * prior))

    def add(self, size: float) -> None:
        """Count one row."""
        k = int(max(PER_OCTAVE * log2(size + FLOOR) - self.base, 0.0))
        if k >= BINS:
            self._shift(k - BINS + 1)
            k = BINS - 1
        self.weight *= GROWTH
        self.counts[k] += self.weight
        self.total += self.weight
        if self.weight > LIMIT:
            self.counts = [count / LIMIT for count in self.counts]
            self.total /= LIMIT
            self.weight /= LIMIT

    @property
    def blind(self) -> bool:
        """Whether bins have shifted to where hardly anything is any more."""
        if self.base == LOWEST:
            return False
        least = BLIND_YOUNG if self.total < YOUNG * self.weight else BLIND
        return sum(self.counts[1:]) < least * self.total

    def _shift(self, bins: int) -> None:
        """Drop the lowest bins into one and make room above."""
        kept = self.counts[bins:]
        dropped = sum(self.counts[:bins])
        self.counts = [*kept, *[0.0] * (BINS - len(kept))]
        self.counts[0] += dropped
        self.base += bins
