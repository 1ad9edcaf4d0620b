"""What the figures must reach, and the goal: one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.model import Better


@dataclass(frozen=True)
class Target:
    """The must and the goal of a figure.

    Attributes:
        of: whether they are about the value or about its ratio to the baseline.
        must, goal: in the unit of the figure, or as a ratio.
    """

    of: Literal["value", "ratio"]
    must: float
    goal: float


TARGETS: dict[str, Target] = {
    "ingest_4_tables": Target("ratio", 0.25, 0.6),
    "ingest_200_tables": Target("ratio", 0.1, 0.3),
    "visible": Target("value", 500, 150),
    "post_single": Target("value", 3, 1),
    "post_single_p99": Target("value", 15, 5),
    "range_query": Target("value", 100, 15),
    "live_upkeep": Target("value", 50, 15),
    "quality_rules": Target("value", 20, 10),
    "alert_rules": Target("value", 2, 0.5),
    "bank": Target("value", 500_000, 2_000_000),
    "bank_memory": Target("value", 4, 1.5),
    "detection_load": Target("value", 25, 10),
    "dashboard": Target("value", 10, 2),
    "sockets": Target("value", 500, 200),
    "board": Target("value", 500, 200),
    "board_drawn": Target("value", 1.0, 0.5),
    "kill": Target("value", 50, 500),
    "restart": Target("value", 5, 1),
    "import_time": Target("value", 0.3, 0.1),
    "import_time_help": Target("value", 0.6, 0.3),
}
"""By figure; one that is not here has no target."""


def reaches(
    wanted: float, found: float | None, better: Better, attempted: float | None = None
) -> bool:
    """Whether a number is as good as is wanted; one that is missing is not.

    Where successes are counted, no more than were attempted can be asked for.

    >>> reaches(0.25, 0.3, "higher"), reaches(500, 620, "lower"), reaches(50, 3, "higher", 3)
    (True, False, True)
    """
    if found is None:
        return False
    if better == "lower":
        return found <= wanted
    return found >= (wanted if attempted is None else min(wanted, attempted))
