"""Alerts of the configuration, handed to the engine of a workspace."""

from __future__ import annotations

from collections.abc import Sequence

from datawatch_lab.core.alerting import AlertRule, AlertSettings
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace


def configure_alerts(
    workspace: Workspace, settings: AlertSettings, rules: Sequence[AlertRule]
) -> None:
    """Evaluate the rules of the configuration from now on, and tell its channels.

    Channels and their secrets come from the configuration file alone, so only the process that
    owns the workspace takes them.

    Raises:
        InputError: another process owns the workspace.
    """
    from datawatch_lab.engine.alerting import Alerting

    if not isinstance(workspace.caller, LocalCaller):
        raise InputError("alerts are configured where the workspace is served.")
    workspace.caller.engine.beside(Alerting).start(settings, rules)
