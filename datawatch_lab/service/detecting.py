"""Detection as the configuration says it, handed to the engine of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datawatch_lab.core.anomalies import AnomalySettings

if TYPE_CHECKING:
    from datawatch_lab.core.config.keys import Config
    from datawatch_lab.engine import Engine


def apply_anomalies(engine: Engine, config: Config) -> None:
    """Look for anomalies as the section ``anomaly`` says, from now on.

    Raises:
        InputError: the sensitivity is none; says which there are.
    """
    from datawatch_lab.engine.detection import Detection

    section = config.anomaly
    engine.beside(Detection).configure(
        AnomalySettings(
            enabled=section.enabled,
            algorithms=section.algorithms,
            sensitivity=section.sensitivity,
            baseline_window=section.baseline_window,
        )
    )
