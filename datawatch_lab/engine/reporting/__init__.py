"""Reports that run by themselves: in processes of their own, filed and mailed."""

from datawatch_lab.engine.reporting.stage import Reporting, Standing

__all__ = ["Reporting", "Standing"]
