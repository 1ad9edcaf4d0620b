"""Which series are looked at more closely: those that people look at, and the busiest.

In this order: opened in a tuner or chosen, in an alert rule, on a dashboard, busiest. On these the
trees of ``ml`` have a say, and River's models give their verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from datawatch_lab.engine.detection.naming import Names, counts_changes
from datawatch_lab.engine.detection.preview import Histories
from datawatch_lab.engine.detection.slots import Key

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.run import Detectors
    from datawatch_lab.engine.detection.slots import Slot
    from datawatch_lab.engine.engine import Engine

BUSIEST = 200
"""Series that are looked at more closely in all, unless people look at more."""

MOST = 400
"""Even then."""


def roster(detectors: Detectors) -> list[Slot]:
    """Watched series that are looked at more closely, those that matter most first."""
    slots = {each.key: each for each in _watched(detectors)}
    engine = detectors.engine
    names = Names(engine, slots)
    found: dict[Key, None] = {}
    for key in _named(engine, detectors.chosen):
        if (known := names.watched(key)) is not None:
            found[known] = None
    for key in _by_size(detectors, slots):
        if len(found) >= BUSIEST:
            break
        found[key] = None
    return [slots[key] for key in list(found)[:MOST]]


def _watched(detectors: Detectors) -> Iterator[Slot]:
    for table in detectors.engine.tables():
        yield from (e for e in detectors.slots.of(table) if e.key in detectors.places)


def _named(engine: Engine, chosen: Iterable[Key]) -> Iterator[Key]:
    """Series that people look at; metrics as a whole."""
    from datawatch_lab.engine.alerting import Alerting
    from datawatch_lab.engine.dashboards import Dashboards

    yield from engine.beside(Histories).opened()
    yield from chosen
    for _, metrics, _, _ in engine.beside(Alerting).subjects():
        yield from ((each, ()) for each in sorted(metrics))
    yield from ((each, ()) for each in sorted(engine.beside(Dashboards).shown_metrics()))


def _by_size(detectors: Detectors, slots: Mapping[Key, Slot]) -> list[Key]:
    """Series by the rows of their table, those by the hour last."""
    sizes = detectors.bank.sizes
    rows: dict[int, float] = {}
    for key, slot in slots.items():
        if not slot.labels and counts_changes(slot):
            mine = float(sizes[detectors.places[key]])
            rows[slot.table_id] = max(rows.get(slot.table_id, 0.0), mine)

    def rank(key: Key) -> tuple[bool, bool, float, int]:
        place, slot = detectors.places[key], slots[key]
        by_hour = detectors.watched[place].step != 60
        return by_hour, bool(slot.labels), -rows.get(slot.table_id, 0.0), place

    return sorted(slots, key=rank)
