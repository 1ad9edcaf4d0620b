"""Judging detectors on labelled data: what the command line needs of it, beside the operations."""

from __future__ import annotations

from datawatch_lab.engine.judging import DETECTORS, SETS, Evaluation, evaluate, update_report

__all__ = ["DETECTORS", "SETS", "Evaluation", "evaluate", "update_report"]
