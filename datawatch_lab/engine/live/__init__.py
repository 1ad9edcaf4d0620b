"""Live tables: from changes to current rows, and what that did to them."""

from datawatch_lab.engine.live.changes import Changed, LiveResult
from datawatch_lab.engine.live.tables import LiveTables

__all__ = ["Changed", "LiveResult", "LiveTables"]
