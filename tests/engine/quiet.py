"""Quiet series, in which nothing is wrong, and how often a workspace would raise an alarm.

``python -m tests.engine.quiet [--weeks 6] [--seeds 4]`` prints the figures of
`anomaly.sensitivity.EPISODES`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.episodes import Rules, fold
from datawatch_lab.anomaly.history import score_history
from datawatch_lab.anomaly.whole_history import whole_history
from datawatch_lab.engine.detection.rules import gap_of, goes_on_at

Row = NDArray[np.float64]

START = 1_767_571_200
WEEK = 7 * 86_400
KINDS = ("gaussian", "autoregressive", "log-normal", "seasonal", "counts", "rare counts")
THRESHOLDS = (1.2, 1.7, 2.2, 2.7, 3.2)


def quiet(kind: str, rows: int, step: int, seed: int) -> tuple[Row, Row, bool]:
    """Values, times, and whether they are counts."""
    rng = np.random.default_rng([seed, KINDS.index(kind), step])
    t: Row = START + np.arange(0.0, float(rows)) * float(step)
    day = 1.0 + rng.uniform(0.1, 0.6) * np.sin(2 * np.pi * (t / 86_400 + rng.random()))
    week = np.where(t // 86_400 % 7 >= 5, rng.uniform(0.6, 1.0), 1.0)
    noise = rng.standard_normal(rows)
    if kind == "gaussian":
        return 100 + 10 * noise, t, False
    if kind == "autoregressive":
        x = np.zeros(rows)
        for row in range(1, rows):
            x[row] = 0.7 * x[row - 1] + noise[row]
        return 100 + 5 * x, t, False
    if kind == "log-normal":
        return np.exp(3 + 0.4 * noise), t, False
    if kind == "seasonal":
        return 100 * day * week + 5 * noise, t, False
    rate = 20.0 if kind == "counts" else 1.5
    return rng.poisson(rate * day * week).astype(np.float64), t, True


def alarms(x: Row, t: Row, step: int, *, counted: bool, thresholds: tuple[float, ...]) -> list[int]:
    """Episodes after the first week, by threshold, as a preview finds them."""
    row = score_history(x, t, joint=True)
    single = (row.score, row.expected, row.sigma)
    found = whole_history(x, t, single, counted=counted, by_level=step == 60)
    starts = t.astype(int).tolist()
    made = []
    for opens in thresholds:
        rules = Rules(opens=opens, goes_on=goes_on_at(opens), gap=gap_of(step))
        made.append(sum(each.first >= START + WEEK for each in fold(starts, x, found, rules)))
    return made


def measured(
    weeks: int, seeds: range, steps: tuple[int, ...], thresholds: tuple[float, ...] = THRESHOLDS
) -> Iterator[tuple[int, str, Row]]:
    """Alarms a week of a series by threshold, for each step and kind.

    Series by the hour are four times as long.
    """
    for step in steps:
        long = weeks if step == 60 else 4 * weeks
        for kind in KINDS:
            counts = np.zeros(len(thresholds))
            for seed in seeds:
                x, t, counted = quiet(kind, long * WEEK // step, step, seed)
                counts += alarms(x, t, step, counted=counted, thresholds=thresholds)
            yield step, kind, counts / (len(seeds) * (long - 1))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    print("step kind", *THRESHOLDS)
    total: dict[int, list[Row]] = {}
    for step, kind, found in measured(given.weeks, range(given.seeds), (60, 3_600)):
        print(step, kind, *(f"{each:.2f}" for each in found), flush=True)
        total.setdefault(step, []).append(found)
    for step, rows in total.items():
        print(step, "mean", *(f"{each:.3f}" for each in np.mean(rows, axis=0)))
    print("mean", *(f"{each:.3f}" for each in np.mean([np.mean(r, 0) for r in total.values()], 0)))


if __name__ == "__main__":
    main()
