"""Alerts of the configuration, handed to the engine of a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.alerting import AlertRule, AlertSettings
from datawatch_lab.core.config.alerts import channels_of, rules_of
from datawatch_lab.core.config.sections import AlertsSection
from datawatch_lab.core.plans import plan_named

if TYPE_CHECKING:
    from datawatch_lab.core.config.keys import Config
    from datawatch_lab.engine import Engine

BREAKING = AlertRule(
    name="Breaking schema change",
    type="schema",
    condition="breaking > 0 over 5m",
    group_by=("table", "kind"),
    severity="critical",
    description="schema.alert_on_breaking is true.",
)
"""Told to the channels of its severity."""

_MINUTE = timedelta(minutes=1)  # what is closed, and so decided, is whole minutes


def apply_alerts(engine: Engine, config: Config, *, told: bool = True) -> None:
    """Evaluate the rules of the configuration from now on, and tell its channels.

    Channels and their secrets come from the configuration alone; none of them is stored.

    Args:
        engine: of the workspace.
        config: as it was read.
        told: whether there is a file that says which rules there are. Without one, those that an
            earlier one said stay as they are, and so do the settings of alerts.

    Raises:
        InputError: an option of a rule is wrong; names the rule.
    """
    from datawatch_lab.engine.alerting import Alerting

    alerting, rules = engine.beside(Alerting), rules_of(config.alert_rules)
    section = config.alerts
    settings = alerting.settings
    if told or section != AlertsSection():
        settings = AlertSettings(
            enabled=section.enabled,
            evaluation_interval=max(1, ceil(section.evaluation_interval / _MINUTE)) * _MINUTE,
            baseline_window=config.anomaly.baseline_window,
            history=engine.settings.alerts_kept,
            routing=section.routing,
        )
    channels = tuple(
        msgspec.structs.replace(each, allow_private=section.private_targets)
        for each in channels_of(config.channels)
    )
    settings = msgspec.structs.replace(settings, channels=channels)
    if not (told or rules):
        stored = [each.rule for each in alerting.rules() if each.configured]
        rules = tuple(each for each in stored if each != BREAKING)
    alerting.start(settings, (*rules, *_built_in(engine, rules)))


def _built_in(engine: Engine, rules: Sequence[AlertRule]) -> tuple[AlertRule, ...]:
    """The rule of ``schema.alert_on_breaking``, unless the configuration has one of that name."""
    plan = plan_named(engine.settings.plan)
    wanted = engine.settings.track_schema and engine.settings.alert_on_breaking
    has_room = plan.alert_rules is None or plan.alert_rules > len(rules)
    if not (wanted and has_room and "schema" in plan.features):
        return ()
    return () if BREAKING.name in {each.name for each in rules} else (BREAKING,)
