"""What quality hands to listeners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from datawatch_lab.core.quality import StoredRule


@dataclass(frozen=True)
class Found:
    """New violations of one evaluation, for who listens: rule, table, number and first words."""

    rule: StoredRule
    count: int
    at: datetime
