"""Signals: what alert rules are about beside metrics, as values over windows of time.

Quality, schema changes, services, errors and anomalies each give rows on the same grid as metrics,
so that one state machine decides them, live and in back-tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.engine.signals import anomalies, errors, quality, schema, services
from datawatch_lab.engine.signals.base import Signal

SIGNALS: Mapping[str, Signal] = {
    each.name: each
    for module in (quality, schema, services, errors, anomalies)
    for each in module.SIGNALS
}
"""All signals by name, such as ``quality.score``."""

DEFAULTS: Mapping[str, tuple[str, str]] = {
    "quality": ("quality.score", "failing > 0"),
    "schema": ("schema.breaking", "> 0"),
    "service": ("service.status", ">= 2"),
    "errors": ("errors.rate", "> 5%"),
    "anomaly": ("anomaly.active", "> 0"),
}
"""By type of rule: the signal that a condition without a name is about, and the condition of a rule
that has none."""

__all__ = ["DEFAULTS", "SIGNALS", "Signal"]
