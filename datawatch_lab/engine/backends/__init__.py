"""Metric back ends of an engine: closed minutes are sent, questions are asked of them."""

from datawatch_lab.engine.backends.stage import Backends
from datawatch_lab.store.backends import configured

__all__ = ["Backends", "configured"]
