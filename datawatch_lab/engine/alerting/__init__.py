"""Alert rules: evaluated at bucket closes, remembered, told."""

from datawatch_lab.engine.alerting.stage import Alerting

__all__ = ["Alerting"]
