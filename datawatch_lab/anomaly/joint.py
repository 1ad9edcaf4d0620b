"""A second opinion: River's Half-Space Trees on four departures of a row together.

The mean of the six surprises does not see on which side of the usual a row lies, nor how departures
go together. The trees are given the hour of week's, those of the two pairs of means and the second
difference, with their signs, as logarithms scaled to [0, 1]. A row's mass in them is set against
those of the rows before, so that it is a surprise like the six others.

This is the say of ``ml``. Alone the trees find little, so they raise no score: they object. A row
that is rarer by the six than by the trees loses `SHARE` of the difference.

Source of the trees: Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import copysign, isnan, log2, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.tails import FLOOR, Tail

Floats = NDArray[np.float64]
Nodes = NDArray[np.int64]

OF = (1, 3, 4, 5)
"""The departures of `evidence` that the trees are given."""

SHARE = 0.1
"""Of the difference between the six and the trees, where the trees find a row more ordinary."""

TREES, HEIGHT, WINDOW, SEED = 10, 6, 1_000, 42
KNOWN = 2 * WINDOW
"""Rows before the trees are heard: one window to fill them, one to see how they score."""

SPAN = 10.0
"""Octaves of a departure between nothing and the edge of the trees, on either side."""

NODES = 2 ** (HEIGHT + 1)
"""Places for the nodes of a tree: the root is 1, below k are 2 k and 2 k + 1."""

_ALL = TREES * WINDOW * (NODES - 1)
_ENOUGH = 0.1 * WINDOW
_LOWEST = log2(FLOOR)


class Shape(NamedTuple):
    """The splits of the trees, which do not depend on data; shape (`TREES`, `NODES` / 2)."""

    feature: Nodes
    threshold: Floats


def new_trees() -> Any:
    """River's trees that have seen nothing."""
    from river import anomaly  # here: most that look at scores need no trees

    return anomaly.HalfSpaceTrees(n_trees=TREES, height=HEIGHT, window_size=WINDOW, seed=SEED)


@cache
def shape_of(count: int) -> Shape:
    """The splits that River makes for so many features."""
    trees = new_trees()
    trees.learn_one(dict.fromkeys(range(count), 0.5))
    feature = np.zeros((TREES, NODES // 2), dtype=np.int64)
    threshold = np.zeros((TREES, NODES // 2))
    for number, root in enumerate(trees.trees):
        here = [(1, root)]
        while here:
            place, node = here.pop()
            if place < NODES // 2:
                feature[number, place], threshold[number, place] = node.feature, node.threshold
                here += [(2 * place, node.children[0]), (2 * place + 1, node.children[1])]
    return Shape(feature, threshold)


def scaled(departures: Floats) -> Floats:
    """Signed departures as features in [0, 1]; 0.5 for none, 0 and 1 from a hundred spreads on."""
    sizes = np.clip((np.log2(np.abs(departures) + FLOOR) - _LOWEST) / SPAN, 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.copysign(sizes, departures))


def objected(mean: Floats, said: Floats) -> Floats:
    """Means of six surprises after what the trees said of each row; NaN says nothing."""
    return np.asarray(mean - SHARE * np.fmax(mean - said, 0.0))


def paths(departures: Floats) -> Nodes:
    """The nodes that rows, shape (n, 6), come to, level by level: (n, `TREES`, `HEIGHT` + 1)."""
    features = scaled(departures[:, OF])
    shape = shape_of(features.shape[1])
    found = np.empty((len(features), TREES, HEIGHT + 1), dtype=np.int64)
    found[:, :, 0] = node = np.ones((len(features), TREES), dtype=np.int64)
    values, first = features.ravel(), features.shape[1] * np.arange(len(features))[:, None]
    feature, threshold = shape.feature.ravel(), shape.threshold.ravel()
    tree = NODES // 2 * np.arange(TREES)
    for level in range(HEIGHT):
        at = node + tree
        above = values.take(feature.take(at) + first) >= threshold.take(at)
        found[:, :, level + 1] = node = 2 * node + above
    return found


def rarity(masses: Floats) -> Floats:
    """How rare rows are, ≥ 1, from the masses of their nodes, (n, `TREES`, `HEIGHT` + 1).

    One over the share of the largest score that River's trees could give.
    """
    reached = np.ones(masses.shape[:2], dtype=bool)
    weighed = np.zeros(masses.shape[:2])
    for level in range(HEIGHT + 1):
        here = masses[:, :, level]
        weighed += np.where(reached, here, 0.0) * 2.0**level
        reached &= here >= _ENOUGH
    return np.asarray(_ALL / weighed.sum(axis=1))


class Joint:
    """The trees of one series and what they said so far."""

    __slots__ = ("_known", "_tail", "_trees")

    def __init__(self) -> None:
        self._trees = new_trees()
        self._tail = Tail()
        self._known = 0

    def surprise(self, departures: Sequence[float]) -> float:
        """−log10 of the share of rows at least as rare; NaN for the first `KNOWN` rows."""
        return self._tail.surprise(self._rarity(departures)) if self._known >= KNOWN else nan

    def objected(self, mean: float, departures: Sequence[float]) -> float:
        """The mean of the six surprises after what the trees say of the row."""
        said = self.surprise(departures)
        return mean if isnan(said) else mean - SHARE * max(mean - said, 0.0)

    def _rarity(self, departures: Sequence[float]) -> float:
        return float(1.0 / (1.0 - self._trees.score_one(_features(departures))))

    def learn(self, departures: Sequence[float]) -> None:
        """Count a row."""
        if self._known >= WINDOW:
            self._tail.add(self._rarity(departures))
            if self._tail.blind:
                self._tail = Tail()
        self._trees.learn_one(_features(departures))
        self._known += 1


def _features(departures: Sequence[float]) -> dict[int, float]:
    found = {}
    for name, each in enumerate(OF):
        departure = departures[each]
        size = min(max((log2(abs(departure) + FLOOR) - _LOWEST) / SPAN, 0.0), 1.0)
        found[name] = 0.5 + 0.5 * copysign(size, departure)
    return found


def rarity_history(departures: Floats) -> Floats:
    """Rarity of each row of a history, shape (n, 6), by the window before; NaN in the first."""
    found = np.full(len(departures), nan)
    if len(departures) <= WINDOW:
        return found
    tree = NODES * np.arange(TREES)[:, None]
    before = paths(departures[:WINDOW]) + tree
    for first in range(WINDOW, len(departures), WINDOW):
        masses = np.bincount(before.ravel(), minlength=TREES * NODES).astype(np.float64)
        before = paths(departures[first : first + WINDOW]) + tree
        found[first : first + WINDOW] = rarity(masses.take(before))
    return found
