"""What a rule says of the rows of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.images import Bools, Images


@dataclass(frozen=True)
class Verdict:
    """Which images a rule looks at, and which of these fail; ``failed`` is a part of ``looked``."""

    looked: Bools
    failed: Bools

    def within(self, kept: Bools) -> Verdict:
        """The same over some of the images."""
        return Verdict(self.looked & kept, self.failed & kept)


Check = Callable[[Rule, Images], Verdict]
"""A rule of one family over the images of a batch."""

Condition = Callable[[str, Images], tuple[Bools, Bools]]
"""Works a condition out: where it is known, and where it is true."""


def good(looked: Bools, passes: Bools) -> Verdict:
    """The verdict where it is known which images pass."""
    return Verdict(looked, looked & ~passes)


def nothing(images: Images) -> Verdict:
    """No image is looked at."""
    none = np.zeros(len(images), dtype=np.bool_)
    return Verdict(none, none)
