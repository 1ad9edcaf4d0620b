"""From a sensitivity to the rules of episodes.

A workspace has hundreds of series. If each were heard at the threshold that suits one that somebody
looks at, the false alarms of all together would drown it. So series by label, which nobody chose,
have to be stranger than whole metrics.
"""

from __future__ import annotations

from dataclasses import dataclass

from datawatch_lab.anomaly.sensitivity import NAMED, Sensitivity, threshold

WHOLE_STEP, PART_STEP = 0.4, 0.7
"""Added to the threshold for a metric that nobody chose a sensitivity for, and for its parts."""

HELD_MOST = {60: 120, 3_600: 24}
"""Strange buckets in a row, by step, after which a series gets used to them."""

SPARSE_SIGMA = 1.0
"""Least variance of a count."""

_GOES_ON = 0.6


def goes_on_at(opens: float) -> float:
    """Raw score from which a bucket belongs to the episode that is open."""
    return _GOES_ON * opens


def gap_of(step: int) -> int:
    """Ordinary buckets that an episode bridges."""
    return 5 if step == 60 else 1


@dataclass(frozen=True)
class Thresholds:
    """What a sensitivity means for the series of a workspace.

    Attributes:
        sensitivity: as in the settings.
    """

    sensitivity: Sensitivity

    @property
    def deviation(self) -> float:
        """Least distance from what was expected, in standard deviations."""
        return least_deviation(self.sensitivity)

    def opens(self, *, whole: bool) -> float:
        """Score from which on a bucket opens an episode.

        Args:
            whole: the series is a whole metric, not a part by label.
        """
        return threshold(self.sensitivity) + (WHOLE_STEP if whole else PART_STEP)


def least_deviation(sensitivity: Sensitivity) -> float:
    """Least distance from what was expected that is strange, in standard deviations.

    >>> least_deviation("medium"), least_deviation(0.5), least_deviation(2.5)
    (4.0, 4.0, 2.5)
    """
    number = NAMED.get(sensitivity) if isinstance(sensitivity, str) else float(sensitivity)
    if number is None:
        threshold(sensitivity)  # says what is possible
        raise AssertionError(sensitivity)
    return number if number > 1.0 else 6.0 - 4.0 * number
