"""Validity by domain: ``in_set`` and ``not_in_set``; values are compared as texts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from datawatch_lab.core.columns import true_where
from datawatch_lab.core.quality import Rule, Scalar
from datawatch_lab.quality.images import Bools, Images, text_of
from datawatch_lab.quality.verdict import Verdict, good


def in_set(rule: Rule, images: Images) -> Verdict:
    """One of the values."""
    return good(images.filled(rule.field), _among(rule, images))


def not_in_set(rule: Rule, images: Images) -> Verdict:
    """None of the values."""
    return good(images.filled(rule.field), ~_among(rule, images))


def _among(rule: Rule, images: Images) -> Bools:
    texts = images.texts(rule.field)
    if not len(texts):
        return np.zeros(0, dtype=np.bool_)
    return true_where(texts.is_in(domain(rule.values)))


def domain(values: Iterable[Scalar]) -> list[str]:
    """Values of a rule as texts, as those of rows are.

    >>> domain([1, 2.0, "paid", True])
    ['1', '2', 'paid', 'true']
    """
    return [_text(value) for value in values]


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(text_of(pl.Series([value]))[0])
