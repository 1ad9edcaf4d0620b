"""Anomalies: the bank of detectors stepped at bucket closes, and what it finds."""

from datawatch_lab.engine.detection.listing import Listing
from datawatch_lab.engine.detection.stage import Detection, detection_of

__all__ = ["Detection", "Listing", "detection_of"]
