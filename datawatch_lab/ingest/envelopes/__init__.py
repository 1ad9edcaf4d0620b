"""Envelope formats: one file each, detected by shape, event by event, in the order listed here."""

from __future__ import annotations

from collections.abc import Sequence

from datawatch_lab.ingest.envelopes.base import (
    Columns,
    Envelope,
    Malformed,
    Members,
    TableKey,
    ToldChange,
    told_columns,
)
from datawatch_lab.ingest.envelopes.datawatch import DataWatch
from datawatch_lab.ingest.envelopes.debezium import Debezium, DebeziumWithSchema
from datawatch_lab.ingest.envelopes.keyed import Keyed
from datawatch_lab.ingest.envelopes.maxwell import Maxwell
from datawatch_lab.ingest.envelopes.savegress import Savegress
from datawatch_lab.ingest.envelopes.wal2json import Wal2Json

_VALUES: tuple[Envelope, ...] = (
    Savegress(),
    DebeziumWithSchema(),
    Debezium(),
    Wal2Json(),
    Maxwell(),
    DataWatch(),
)

ENVELOPES: tuple[Envelope, ...] = (_VALUES[0], Keyed(_VALUES), *_VALUES[1:])
"""Every known format; the first whose shape matches reads the event."""


class _Told:
    """Changes that a format's `read` gave; they are of one struct, whatever the format."""

    def columns(self, changes: Sequence[ToldChange]) -> Columns:
        """The fields as they are."""
        return told_columns(changes)


TOLD = _Told()

__all__ = ["ENVELOPES", "TOLD", "Columns", "Envelope", "Malformed", "Members", "TableKey"]
