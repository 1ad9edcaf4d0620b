"""The bank of detectors: points that it scores and learns a CPU second, and bytes a series."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from benchmarks.meters import Meter, peak_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME, MEMORY = "bank", "bank_memory"
FULL, QUICK = 10_000, 2_000
_WARM, _STEPS = 60, 60
_FEW = 100
"""Series of the baseline, which does the same for one after another; its figure is a rate too."""
_START = datetime(2026, 1, 5, tzinfo=UTC)


def _columns(count: int) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Seconds, and a count of each series in that minute; the same whenever it is asked."""
    import numpy as np

    rng = np.random.default_rng(7)
    rate = rng.uniform(1.0, 50.0, count)
    for minute in range(_WARM + _STEPS):
        yield _START.timestamp() + 60.0 * minute, rng.poisson(rate).astype(np.float64)


def subject(context: Context) -> Sample:
    """One minute of all series after another, once all are warm."""
    import numpy as np

    from datawatch_lab.anomaly.bank import Bank

    count = context.size(FULL, QUICK)
    bank, index, meter = Bank(count), np.arange(count), Meter()
    for minute, (at, x) in enumerate(_columns(count)):
        if minute == _WARM:
            meter.__enter__()
        bank.step(index, x, np.full(count, at))
    meter.__exit__(None, None, None)
    return Sample(
        {NAME: count * _STEPS / meter.cpu_seconds, MEMORY: bank.nbytes / count / 1e3},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=peak_bytes(),
        details={"series": count, "milliseconds_a_step": 1e3 * meter.cpu_seconds / _STEPS},
    )


def baseline(context: Context) -> Sample:
    """The same detector, a River estimator, for one point after another."""
    from datawatch_lab.anomaly import MetricDetector

    del context
    detectors, meter = [MetricDetector() for _ in range(_FEW)], Meter()
    for minute, (at, x) in enumerate(_columns(_FEW)):
        if minute == _WARM:
            meter.__enter__()
        moment = _START + timedelta(seconds=at - _START.timestamp())
        for detector, value in zip(detectors, x.tolist(), strict=True):
            detector.score_one(value, moment)
            detector.learn_one(value, moment)
    meter.__exit__(None, None, None)
    return Sample({NAME: _FEW * _STEPS / meter.cpu_seconds}, cpu_seconds=meter.cpu_seconds)


SCENARIO = Scenario(
    name=NAME,
    about="points scored and learnt a CPU second by the bank of detectors",
    figures=(Figure(NAME, "points/s", "higher"), Figure(MEMORY, "kB", "lower")),
    subject=subject,
    baseline=baseline,
    against="a loop over points with the same detector as a River estimator",
    needs=("river",),
    scaled=of_size(FULL, QUICK, "series"),
)
