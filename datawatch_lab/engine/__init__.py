"""Composition: the one place where stages meet. Owns the threads and the transactions."""

from datawatch_lab.engine.engine import Engine

__all__ = ["Engine"]
