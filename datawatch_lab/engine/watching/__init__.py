"""Watches: sources that are followed, each in a thread."""

from datawatch_lab.engine.watching.watches import Watching

__all__ = ["Watching"]
