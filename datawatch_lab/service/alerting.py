"""Alerts of the configuration, handed to the engine of a workspace."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.alerting import AlertSettings
from datawatch_lab.core.config_alerts import channels_of, rules_of

if TYPE_CHECKING:
    from datawatch_lab.core.config_keys import Config
    from datawatch_lab.engine import Engine

_MINUTE = timedelta(minutes=1)  # what is closed, and so decided, is whole minutes


def apply_alerts(engine: Engine, config: Config) -> None:
    """Evaluate the rules of the configuration from now on, and tell its channels.

    Channels and their secrets come from the configuration alone; none of them is stored.

    Raises:
        InputError: an option of a rule is wrong; names the rule.
    """
    from datawatch_lab.engine.alerting import Alerting

    section = config.alerts
    channels = channels_of(config.channels)
    settings = AlertSettings(
        enabled=section.enabled,
        evaluation_interval=max(1, ceil(section.evaluation_interval / _MINUTE)) * _MINUTE,
        baseline_window=config.anomaly.baseline_window,
        history=section.history,
        routing=section.routing,
        channels=tuple(
            msgspec.structs.replace(each, allow_private=section.private_targets)
            for each in channels
        ),
    )
    engine.beside(Alerting).start(settings, rules_of(config.alert_rules))
