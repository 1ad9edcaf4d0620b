"""Envelope formats: one file each, detected by shape, event by event, in the order listed here."""

from __future__ import annotations

from datawatch_lab.ingest.envelopes.base import Change, Envelope, Malformed, WordedChange
from datawatch_lab.ingest.envelopes.datawatch import DataWatch
from datawatch_lab.ingest.envelopes.savegress import Savegress

ENVELOPES: tuple[Envelope, ...] = (
    Savegress(),
    DataWatch(),
)
"""Every known format; the first whose shape matches reads the event."""

__all__ = ["ENVELOPES", "Change", "Envelope", "Malformed", "WordedChange"]
