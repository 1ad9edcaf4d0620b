"""The command `datawatch`: one file a group of verbs; heavy libraries load inside the verbs."""

from datawatch_lab.cli.program import main, run

__all__ = ["main", "run"]
