"""Detectors judged on labelled data; no workspace is needed."""

from __future__ import annotations

from datawatch_lab.anomaly.judge.evaluation import SETS, Evaluation, evaluate
from datawatch_lab.anomaly.judge.report import update_report
from datawatch_lab.anomaly.registry import DETECTORS

__all__ = ["DETECTORS", "SETS", "Evaluation", "evaluate", "update_report"]
