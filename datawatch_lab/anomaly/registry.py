"""The detectors by name."""

from __future__ import annotations

from importlib import import_module

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.core.errors import not_found

DETECTORS = {
    "metric": "metric_detector:MetricDetector",
    "metric-ml": "metric_detector:JointDetector",
    "z-score": "z_score:ZScore",
    "mad": "mad:MedianDeviation",
    "gaussian": "ewma:GaussianTail",
    "seasonal": "seasonal:SeasonalProfile",
    "half-space-trees": "half_space:HalfSpace",
    "holt-winters": "predictive:Predictive",
    "adwin": "drift:AdwinTrend",
    "page-hinkley": "drift:PageHinkleyTrend",
    "missing": "missing:MissingData",
    "stl": "stl:StlResidual",
    "isolation-forest": "isolation:IsolationWindows",
}
"""Name → module of this folder and class; loaded when asked for, some need large libraries."""


def make(name: str) -> SeriesDetector:
    """A new detector with its default parameters.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name not in DETECTORS:
        raise not_found("detector", name, DETECTORS)
    module, _, kind = DETECTORS[name].partition(":")
    detector: SeriesDetector = getattr(import_module(f"{__package__}.{module}"), kind)()
    return detector
