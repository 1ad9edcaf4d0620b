"""Live tables: from changes to current rows, and what that did to them."""

from datawatch_lab.engine.live.tables import LiveResult, LiveTables

__all__ = ["LiveResult", "LiveTables"]
