"""Dashboards: documents with versions, and what they refer to."""

from datawatch_lab.engine.dashboards.documents import Dashboards

__all__ = ["Dashboards"]
