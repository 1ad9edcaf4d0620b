"""What is still there to be read: how far back each level and the sketches of minutes go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import LEVEL_SECONDS, LevelName

_FINE_FIRST: tuple[LevelName, ...] = ("1s", "1m", "5m", "1h", "1d")
_NO_SKETCH = ("1m", "5m")


@dataclass(frozen=True)
class Kept:
    """From when on the levels are there.

    Attributes:
        since: start of the first bucket that a level has for sure; a level that is not named is
            there from the first event on.
        sketches: the same for the sketches of the levels 1m and 5m. Before it, each of their
            buckets has its finalised quantiles and distinct count, which do not merge.
    """

    since: Mapping[LevelName, datetime] = field(default_factory=dict)
    sketches: datetime | None = None

    def finest(self, moment: datetime, *, sketch: bool) -> timedelta:
        """Width of the finest level that can be merged at a moment.

        Args:
            moment: UTC.
            sketch: whether quantiles or distinct counts are wanted.
        """
        widths = [
            timedelta(seconds=LEVEL_SECONDS[level])
            for level in _FINE_FIRST
            if self._has(level, moment, sketch=sketch)
        ]
        return widths[0] if widths else timedelta(days=1)

    def _has(self, level: LevelName, moment: datetime, *, sketch: bool) -> bool:
        if moment < self.since.get(level, moment):
            return False
        return not (sketch and level in _NO_SKETCH and self._is_folded(moment))

    def _is_folded(self, moment: datetime) -> bool:
        return self.sketches is not None and moment < self.sketches

    def needs_finalised(self, level: LevelName, start: datetime, *, sketch: bool) -> bool:
        """Whether a range of steps that begins at ``start`` reads finalised quantiles."""
        return sketch and level in _NO_SKETCH and self._is_folded(start)

    def check(self, level: LevelName, step: timedelta, start: datetime, *, sketch: bool) -> None:
        """Refuse steps that can no longer be had.

        Args:
            level: that the steps are made of.
            step: their width.
            start: of the range, UTC.
            sketch: whether quantiles or distinct counts are wanted.

        Raises:
            InputError: says from when on they can be had, and what can be had before.
        """
        since = self.since.get(level)
        if since is not None and start < since:
            finest = self.finest(start, sketch=False)
            below = "steps below a minute are" if level == "1s" else f"the level {level} is"
            steps = (
                "of whole minutes"
                if finest == timedelta(minutes=1)
                else f"of at least {format_duration(finest)}"
            )
            raise InputError(
                f"{below} kept from {since:%Y-%m-%dT%H:%M:%SZ} on; "
                f"the range starts at {start:%Y-%m-%dT%H:%M:%SZ}.",
                hint=f"Take a step {steps}, or a later 'from'.",
            )
        exact = step == timedelta(seconds=LEVEL_SECONDS[level])
        if self.needs_finalised(level, start, sketch=sketch) and not exact and self.sketches:
            raise InputError(
                f"before {self.sketches:%Y-%m-%dT%H:%M:%SZ} the quantiles of minutes are final and "
                f"cannot be merged to steps of {step}.",
                hint="Take a step of 1m, 5m or whole hours, or a later 'from'.",
            )
