"""How single series are looked at: chosen, kept, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.anomaly.sensitivity import episodes_per_week, threshold
from datawatch_lab.core.anomalies import ALGORITHMS, DetectorSetting
from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.engine.detection.naming import Names
from datawatch_lab.engine.detection.slots import Key, Slots, slot_of

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.stage import Detection
    from datawatch_lab.engine.engine import Engine


def choose(detection: Detection, setting: DetectorSetting) -> DetectorSetting:
    """Look at a series like this from the next bucket on; what was chosen before is replaced.

    Gives the setting as it is kept: under the name by which the series is watched.

    Raises:
        NotFoundError: there is no such metric or series.
        InputError: the metric is not looked at, or there is no such sensitivity or algorithm.
    """
    slot_of(detection.engine, *setting.key)
    threshold(setting.sensitivity)
    check_algorithms(setting.algorithms)
    metric, labels = _watched(detection.engine, setting.key)
    setting = msgspec.structs.replace(setting, metric=metric, labels=dict(labels))
    _keep(detection, setting.id, setting)
    return setting


def watched_name(engine: Engine, metric: str) -> str:
    """The name by which a whole metric is watched; its own where it is not."""
    found = _found(engine, (metric, ()))
    return metric if found is None else found[0]


def _watched(engine: Engine, key: Key) -> Key:
    """The watched series that a name means.

    Raises:
        InputError: none is; says which of the table are.
    """
    found = _found(engine, key)
    if found is not None:
        return found
    metric, labels = key
    table = engine.metric(metric).table
    names = sorted({each.metric for each in engine.beside(Slots).of(engine.table(table))})
    of = f" of {', '.join(f'{name}={value}' for name, value in labels)}" if labels else ""
    raise InputError(
        f"{metric}{of} is not watched for anomalies.",
        hint=f"Watched of {table}: {', '.join(names) or 'nothing'}.",
    )


def _found(engine: Engine, key: Key) -> Key | None:
    """A series by any of its names, or a metric of which parts are watched; None for none."""
    slots = engine.beside(Slots).by_key()
    metric, labels = key
    if not labels and any(each == metric for each, _ in slots):
        return key
    return Names(engine, slots).watched(key)


def chosen(detection: Detection) -> list[DetectorSetting]:
    """What was chosen, oldest first."""
    return detection.engine.store.anomalies.chosen()


def one(detection: Detection, id_: str) -> DetectorSetting:
    """What was chosen, by id.

    Raises:
        NotFoundError: nothing was chosen by that id.
    """
    known = {each.id: each for each in chosen(detection)}
    if id_ not in known:
        raise not_found("detector setting", id_, known)
    return known[id_]


def take_back(detection: Detection, id_: str) -> DetectorSetting:
    """Look at a series as its metric, or the workspace, says again.

    Raises:
        NotFoundError: nothing was chosen by that id.
    """
    found = one(detection, id_)
    _keep(detection, id_, None)
    return found


def check_algorithms(algorithms: Sequence[str] | None) -> None:
    """Let a choice of algorithms through; None is that of the workspace.

    Raises:
        InputError: there is none among them, or one that there is not; says which there are.
    """
    if algorithms is None:
        return
    unknown = [each for each in algorithms if each not in ALGORITHMS]
    if unknown or not algorithms:
        raise InputError(
            f"algorithms: {', '.join(unknown) or 'none'}; they are some of {', '.join(ALGORITHMS)}."
        )


def _keep(detection: Detection, id_: str, setting: DetectorSetting | None) -> None:
    """Change the detectors and store their state, so that a replay begins after the change."""
    with detection.with_detectors() as detectors:
        others = [each for each in detectors.chosen.values() if each.id != id_]
        detectors.choose(others if setting is None else [*others, setting])
        state = detection.state_now()
        detection.engine.store.anomalies.choose(id_, setting, state)


__all__ = [
    "choose",
    "chosen",
    "episodes_per_week",
    "one",
    "take_back",
    "threshold",
    "watched_name",
]
