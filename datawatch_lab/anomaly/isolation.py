"""scikit-learn's Isolation Forest over windows, refitted from time to time."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from math import isfinite, isnan, nan
from typing import TYPE_CHECKING

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.ensemble import IsolationForest  # type: ignore[import-untyped]  # has no types


class IsolationWindows(SeriesDetector):
    """How few cuts isolate the last ``window`` values; NaN before the first fit.

    A window is seen as its last value, last step, mean and deviation, in the spread of the history:
    a forest of the bare values knows no "further away". It is a second opinion in batch: 2–5 ms a
    score, 100 ms a fit. The score is in [0, 1] and not calibrated; about 0.5 is usual.

    Args:
        window: values in a row of features, ≥ 2.
        history: rows that a fit is made of.
        refit: rows between fits.
        seed: of the forest.

    Source: Liu, Ting and Zhou, "Isolation Forest", ICDM 2008.
    """

    def __init__(
        self, window: int = 8, history: int = 1_000, refit: int = 200, seed: int = 42
    ) -> None:
        self.window = window
        self.history = history
        self.refit = refit
        self.seed = seed
        self._values: deque[float] = deque(maxlen=history)
        self._forest: IsolationForest | None = None
        self._middle = 0.0
        self._spread = 1.0
        self._since = 0

    def score_one(self, x: float, t: datetime) -> float:
        """Isolation score in [0, 1]."""
        del t
        if self._forest is None:
            return nan
        if isnan(x):
            return 0.0
        recent = list(self._values)[-(self.window - 1) :]
        rows = self._features([*recent, clipped(x)])
        return float(-self._forest.score_samples(rows)[0])

    def learn_one(self, x: float, t: datetime) -> None:
        """Keep a value, and fit when it is time."""
        del t
        if not isfinite(x):
            return
        self._values.append(clipped(x))
        self._since += 1
        if self._since >= self.refit:
            self._fit()

    def _features(self, values: list[float]) -> NDArray[np.float64]:
        import numpy as np

        windows = np.lib.stride_tricks.sliding_window_view(np.array(values), self.window)
        scaled = np.clip((windows - self._middle) / self._spread, -1e6, 1e6)
        last, step = scaled[:, -1], scaled[:, -1] - scaled[:, -2]
        return np.column_stack([last, step, scaled.mean(axis=1), scaled.std(axis=1)])

    def _fit(self) -> None:
        import numpy as np
        from sklearn.ensemble import IsolationForest

        values = np.array(self._values)
        self._middle = float(np.median(values))
        self._spread = float(np.median(np.abs(values - self._middle))) or float(values.std()) or 1.0
        forest = IsolationForest(n_estimators=50, random_state=self.seed)
        self._forest = forest.fit(self._features(values.tolist()))
        self._since = 0
