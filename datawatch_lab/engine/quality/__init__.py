"""Quality rules, evaluated over changes as they come, with violations and scores."""

from datawatch_lab.engine.quality.stage import Quality

__all__ = ["Quality"]
