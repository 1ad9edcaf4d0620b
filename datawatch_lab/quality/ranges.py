"""Validity of numbers: ``positive``, ``non_negative``, ``in_range``; null is not looked at."""

from __future__ import annotations

import numpy as np
import polars as pl

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.images import Bools, Floats, Images, moments_of
from datawatch_lab.quality.verdict import Verdict, good


def positive(rule: Rule, images: Images) -> Verdict:
    """A number above 0; what is no number fails."""
    values, valid = images.numbers(rule.field)
    return good(images.filled(rule.field), valid & (values > 0))


def non_negative(rule: Rule, images: Images) -> Verdict:
    """A number of at least 0; what is no number fails."""
    values, valid = images.numbers(rule.field)
    return good(images.filled(rule.field), valid & (values >= 0))


def in_range(rule: Rule, images: Images) -> Verdict:
    """From ``min`` to ``max``, both included; of times when a bound is a text."""
    is_time = isinstance(rule.min, str) or isinstance(rule.max, str)
    values, valid = images.moments(rule.field) if is_time else images.numbers(rule.field)
    return good(images.filled(rule.field), valid & between(rule, values, moments=is_time))


def between(rule: Rule, values: Floats, *, moments: bool = False) -> Bools:
    """Where values are within the bounds of a rule."""
    inside = np.ones(len(values), dtype=np.bool_)
    if rule.min is not None:
        inside &= values >= _bound(rule, rule.min, moments=moments)
    if rule.max is not None:
        inside &= values <= _bound(rule, rule.max, moments=moments)
    return inside


def _bound(rule: Rule, given: float | str, *, moments: bool) -> float:
    if not moments and not isinstance(given, str):
        return float(given)
    seconds, valid = moments_of(pl.Series([str(given)]))
    if not valid[0]:
        raise InputError(f"{rule.title}: {given!r} is neither a number nor a time.")
    return float(seconds[0])
