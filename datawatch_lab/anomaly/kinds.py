"""What sort of anomaly an episode is, and which algorithms found it."""

from __future__ import annotations

from datawatch_lab.anomaly.episodes import Episode
from datawatch_lab.core.anomalies import AnomalyType

STATISTICAL, SEASONAL, DRIFT, ML = (5,), (0, 1, 2), (3, 4), (6,)
"""The surprises of `evidence` by what they look at, and that of `joint`."""

RIVER = ("half-space-trees", "holt-winters", "adwin")
"""River's models, which name themselves beside the algorithms that decide; see `opinions`."""

_TREND_BUCKETS = 120
_FEW = 2
_SHIFTED = 4.0
_LEAST_MISSED = 1.0
_ORDINARY = 2.5
_ALGORITHM_FROM = 2.0


def kind_of(episode: Episode, *, counted: bool, spread: bool) -> AnomalyType:
    """The type of an episode.

    Args:
        episode: with at least one bucket.
        counted: the series counts what comes, so 0 is nothing.
        spread: it is a statistic of values (an average, a delay, a share), not of how many came.
    """
    peak = episode.peak
    if counted and peak.value == 0.0 and peak.expected >= _LEAST_MISSED:
        return "missing"
    if episode.count >= _TREND_BUCKETS:
        return "trend"
    if peak.off < _ORDINARY and _largest(episode, SEASONAL) > _largest(episode, STATISTICAL):
        return "seasonal"
    if spread and episode.count <= _FEW:
        return "outlier"
    return "spike" if episode.strongest > 0 else "drop"


def algorithms_of(episode: Episode) -> tuple[str, ...]:
    """Algorithms whose surprise was large in the strangest bucket; the largest where none was."""
    sizes = {
        "statistical": max(_largest(episode, STATISTICAL), 0.0),
        "seasonal": _largest(episode, SEASONAL),
        "ml": _largest(episode, ML),
        "drift": _largest(episode, DRIFT),
    }
    if abs(episode.strongest) > abs(episode.peak.deviation):  # the shift from the hour's baseline
        sizes["seasonal"] = max(sizes["seasonal"], abs(episode.strongest) / _SHIFTED * 2.0)
    found = tuple(name for name, size in sizes.items() if size >= _ALGORITHM_FROM)
    return found or (max(sizes, key=lambda name: sizes[name]),)


def _largest(episode: Episode, parts: tuple[int, ...]) -> float:
    surprises = episode.peak.parts
    return max((surprises[each] for each in parts if each < len(surprises)), default=0.0)


def weights_of(algorithms: tuple[str, ...], weights: tuple[float, ...]) -> tuple[float, ...]:
    """Weights of the surprises when only some algorithms have a say; they add up to 1.

    ``ml`` has a say beside them, see `joint`; alone it goes with all surprises.
    """
    chosen = {
        *(STATISTICAL + DRIFT if "statistical" in algorithms else ()),
        *(SEASONAL if "seasonal" in algorithms else ()),
    } or set(range(len(weights)))
    kept = [each if place in chosen else 0.0 for place, each in enumerate(weights)]
    return tuple(each / sum(kept) for each in kept)
