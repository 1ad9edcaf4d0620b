"""Anomaly detection: detectors of single series, the bank that steps many, and their judgement.

- `metric_detector`: the default, the public door `MetricDetector`; made of `evidence`, `tails`
  and `policy`, with thresholds by `sensitivity`.
- `bank`: the same for all series at once, state as arrays.
- `judge/`: labelled data, scoring rules, reports.
"""

from __future__ import annotations

from datawatch_lab.anomaly.metric_detector import MetricDetector

__all__ = ["MetricDetector"]
