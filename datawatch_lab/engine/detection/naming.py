"""Names of one series: several metrics may be made of the same states, and one is watched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.values import MeasureKind
from datawatch_lab.engine.detection.slots import Key, slot_of

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.slots import Slot
    from datawatch_lab.engine.engine import Engine


class Names:
    """Which of some watched series a name means.

    Args:
        engine: of the workspace.
        slots: the series; of those that say the same the first counts.
    """

    def __init__(self, engine: Engine, slots: Mapping[Key, Slot]) -> None:
        self._engine, self._slots = engine, slots
        self._same: dict[object, Key] = {}
        for key, slot in slots.items():
            self._same.setdefault(_made_of(slot), key)

    def watched(self, key: Key) -> Key | None:
        """The watched series of that name, or the one that says the same by another; else None."""
        if key in self._slots:
            return key
        try:
            slot = slot_of(self._engine, *key)
        except DataWatchError:  # a formula, a quantile, a metric that is gone: nothing to look at
            return None
        return self._same.get(_made_of(slot))


def counts_changes(slot: Slot) -> bool:
    """Whether a series counts changes; their sum, their number and their rate are the same."""
    return slot.kind is MeasureKind.CHANGES


def _made_of(slot: Slot) -> object:
    """How states become the value of a series, of which they are, and with which labels."""
    return "" if counts_changes(slot) else slot.fold, slot.members, slot.labels
