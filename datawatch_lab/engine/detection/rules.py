"""From a sensitivity to the rules of episodes.

A workspace has hundreds of series. If each were heard at the threshold that suits one that somebody
looks at, the false alarms of all together would drown it. So series by label, which nobody chose,
have to be stranger than whole metrics.
"""

from __future__ import annotations

from dataclasses import dataclass

from datawatch_lab.anomaly.sensitivity import Sensitivity, threshold

PART_STEP = 1.5
"""Added to the threshold for parts of a metric by label."""

HELD_MOST = {60: 120, 3_600: 24}
"""Strange buckets in a row, by step, after which a series gets used to them."""

_GOES_ON = 0.5


def goes_on_at(opens: float) -> float:
    """Score from which a bucket belongs to the episode that is open."""
    return _GOES_ON * opens


def gap_of(step: int) -> int:
    """Ordinary buckets that an episode bridges."""
    return 10 if step == 60 else 1


@dataclass(frozen=True)
class Thresholds:
    """What a sensitivity means for the series of a workspace.

    Attributes:
        sensitivity: as in the settings.
    """

    sensitivity: Sensitivity

    def opens(self, *, whole: bool) -> float:
        """Score from which on a bucket opens an episode.

        Args:
            whole: the series is a whole metric, not a part by label.
        """
        return threshold(self.sensitivity) + (0.0 if whole else PART_STEP)
