"""The workspace file in DuckDB: change log, measures, ledger, quarantine; all SQL is in here."""

from datawatch_lab.store.duck import DuckStore
from datawatch_lab.store.lock import Lock, OwnerInfo, acquire, owner
from datawatch_lab.store.summaries import SourceSummary, TableCounts

__all__ = ["DuckStore", "Lock", "OwnerInfo", "SourceSummary", "TableCounts", "acquire", "owner"]
