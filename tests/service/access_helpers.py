"""What tests of access share: a clock that stands still, and passwords that are cheap to check."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from argon2 import PasswordHasher

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.service.access.access import Access

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"  # noqa: S105 — of a user that ends with its test


def cheap() -> PasswordHasher:
    """A hasher that takes a millisecond."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def access_in(folder: Path, clock: ManualClock | None = None) -> Access:
    """The access file of a workspace in a folder; nothing is there yet."""
    return Access(folder / "w.duckdb", clock or ManualClock(START), cheap())
