"""Metrics of one's own in a notebook: define, wait until they are filled from the log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from datawatch_lab.notebook.progress import face
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.metrics import MetricDetail

_PAUSE_SECONDS, _LONGEST_SECONDS = 0.05, 0.5


def define(
    workspace: Workspace, name: str, what: Mapping[str, Any], *, replace: bool
) -> MetricDetail:
    """Define a metric and wait for its past; how far it is is shown where somebody watches.

    Args:
        workspace: that takes it.
        name: of the metric.
        what: its parts; see `service.operations.custom.MetricBody`.
        replace: define it anew where it exists.
    """
    exists = replace and any(each.name == name for each in workspace.metrics())
    made = (workspace.change_metric if exists else workspace.define_metric)(name, **what)
    shown, pause = None, _PAUSE_SECONDS
    while made.backfill is not None and made.backfill.wanted and not made.backfill.complete:
        shown = shown or face()
        if shown is not None:
            share = made.backfill.share
            shown.show(share, f"{name}: filled from the log, {share:.0%}")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_SECONDS)
        made = workspace.metric(name)
    if shown is not None:
        shown.end()
    return made
