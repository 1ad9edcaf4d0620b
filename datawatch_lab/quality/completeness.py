"""Completeness: ``not_null`` and ``not_empty``; a field that an image lacks is not looked at."""

from __future__ import annotations

import polars as pl

from datawatch_lab.core.columns import true_where
from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.images import Images
from datawatch_lab.quality.verdict import Verdict, good


def not_null(rule: Rule, images: Images) -> Verdict:
    """There is a value."""
    return good(images.present(rule.field), images.filled(rule.field))


def not_empty(rule: Rule, images: Images) -> Verdict:
    """There is a value, and it is not an empty text, nor one of blanks, ``[]`` or ``{}``."""
    filled = images.filled(rule.field)
    column = images.column(rule.field)
    if column.dtype == pl.String:
        bare = column.str.strip_chars()
        empty = bare == ""
        if rule.field in images.frame.json:
            empty = empty | bare.is_in(["[]", "{}", '""', "null"])
        filled = filled & ~true_where(empty)
    return good(images.present(rule.field), filled)
