"""Names: how source names become parts of metric names."""

from __future__ import annotations

import re

DEFAULT_SCHEMAS = frozenset({"", "public", "dbo", "main"})
"""Schemas whose tables keep their bare name."""


def slug(name: str) -> str:
    """A name usable inside a metric name; case is kept, since names may differ only by case.

    >>> slug("unit price (€)"), slug("Orders")
    ('unit_price', 'Orders')
    """
    return re.sub(r"\W+", "_", name.strip()).strip("_") or "unnamed"
