"""How single series are looked at: chosen, kept, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datawatch_lab.anomaly.sensitivity import episodes_per_week, threshold
from datawatch_lab.core.anomalies import ALGORITHMS, DetectorSetting
from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.engine.detection.slots import slot_of

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.stage import Detection


def choose(detection: Detection, setting: DetectorSetting) -> DetectorSetting:
    """Look at a series like this from the next bucket on; what was chosen before is replaced.

    Raises:
        NotFoundError: there is no such metric or series.
        InputError: the metric is not looked at, or there is no such sensitivity or algorithm.
    """
    slot_of(detection.engine, *setting.key)
    threshold(setting.sensitivity)
    check_algorithms(setting.algorithms)
    _keep(detection, setting.id, setting)
    return setting


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


__all__ = ["choose", "chosen", "episodes_per_week", "one", "take_back", "threshold"]
