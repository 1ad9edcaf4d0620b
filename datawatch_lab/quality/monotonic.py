"""``monotonic``: a value never goes back, in the order in which inserts are stored."""

from __future__ import annotations

import numpy as np

from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.images import Bools, Images
from datawatch_lab.quality.verdict import Verdict

_INSERTS = (ord("c"), ord("r"))


def monotonic(
    rule: Rule, images: Images, kept: Bools, highest: float | None
) -> tuple[Verdict, float | None]:
    """Which inserted values are below one that came before.

    Args:
        rule: with a field of numbers or times.
        images: in order of sequence number.
        kept: those that its filter lets through.
        highest: the largest value so far; None before the first.

    Returns:
        The verdict, and the largest value after these images.
    """
    values, valid = images.numbers(rule.field)
    if not valid.any():
        values, valid = images.moments(rule.field)
    looked = valid & images.filled(rule.field) & kept & np.isin(images.op, _INSERTS)
    mine = values[looked]
    failed = np.zeros(len(images), dtype=np.bool_)
    if not len(mine):
        return Verdict(looked, failed), highest
    start = -np.inf if highest is None else highest
    peaks = np.maximum.accumulate(np.concatenate([[start], mine]))
    failed[np.flatnonzero(looked)] = mine < peaks[:-1]
    return Verdict(looked, failed), float(peaks[-1])
