"""Metrics about what the product itself finds: quality scores, anomalies, alerts.

They are not stored: their values are worked out from what is on record.
"""

from datawatch_lab.engine.own_metrics.base import Values

__all__ = ["Values"]
