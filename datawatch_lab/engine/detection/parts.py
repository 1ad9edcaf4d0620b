"""What within a metric moved: label values whose series explain a deviation, and error rates."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.core.anomalies import Contributor
from datawatch_lab.core.values import MeasureKind
from datawatch_lab.engine.detection.slots import Slot

Floats = NDArray[np.float64]

_MOST = 3
_LEAST_SHARE = 0.1
_FAILED = re.compile(r"(?i)(^|[_\W])(fail(ed|ure|s|ures)?|errors?|declined|rejected)($|[_\W])")


def parts_of(
    slots: Sequence[Slot], row: int, x: Floats, expected: Floats
) -> tuple[Contributor, ...]:
    """Label values that explain most of a row's deviation, largest first.

    Args:
        slots: of a table.
        row: the strange one; a part by label has no parts.
        x: values of one bucket, by slot.
        expected: what was expected.
    """
    whole = slots[row]
    off = float(x[row] - expected[row])
    if whole.labels or not off:
        return ()
    found = []
    for place, each in enumerate(slots):
        if not each.labels or not _is_part(each, whole):
            continue
        share = float(x[place] - expected[place]) / off
        if share >= _LEAST_SHARE:  # NaN is not
            name, value = each.labels[0]
            found.append(
                Contributor(
                    kind="label",
                    name=name,
                    value=value,
                    share=round(min(share, 1.0), 3),
                    actual=float(x[place]),
                    expected=float(expected[place]),
                )
            )
    return tuple(sorted(found, key=lambda each: -each.share)[:_MOST])


def _is_part(part: Slot, whole: Slot) -> bool:
    """Whether a series is made of some of the states that another is made of."""
    return part.fold == whole.fold and (
        part.metric.replace("_inserts_total", "_total")
        in (whole.metric, whole.metric.replace("_inserts_total", "_total"))
    )


def error_rate_of(slots: Sequence[Slot], row: int, x: Floats) -> float | None:
    """Share of failures that a row tells of; None when it tells of none.

    A ratio that somebody defined and named after errors is one itself, a share of nulls is none,
    whatever its column is called; a count of what failed is set against all that came.
    """
    slot = slots[row]
    if slot.is_share:
        is_own = slot.kind is MeasureKind.CUSTOM
        return float(x[row]) if is_own and _FAILED.search(slot.metric) else None
    named = any(_FAILED.search(value) for _, value in slot.labels) or _FAILED.search(slot.metric)
    if not named or not slot.counted:
        return None
    for place, each in enumerate(slots):
        if each.metric == slot.metric and not each.labels and x[place] > 0:
            return float(x[row] / x[place])
    return None
