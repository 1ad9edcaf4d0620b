"""The default detector for all series at once: state as arrays, one step for many rows.

Equal to a `MetricDetector` per series to within `TOLERANCE`; counts are float32 here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly import bank_evidence, bank_policy, bank_tails
from datawatch_lab.anomaly.bank_joint import Joints, Seen
from datawatch_lab.anomaly.bank_state import PARTS, VERSION, Array, Rows, State, read_state
from datawatch_lab.anomaly.evidence import TINIEST, WARM_ROWS, WEIGHTS, log_step
from datawatch_lab.anomaly.joint import objected
from datawatch_lab.anomaly.metric_detector import IGNORANCE, MOVES, RARITY, STEP_RATE
from datawatch_lab.core.errors import InputError

Floats = NDArray[np.float64]

TOLERANCE = 0.001
"""Largest difference to the score of a `MetricDetector`."""

_CHUNK = 4_096
"""Series stepped together: so many that calls cost little, so few that the cache holds them."""

_LOG_MINUTE, _LOG_TEN, _LOG_MILLISECOND = log_step(60.0), log_step(10.0), log_step(1e-3)


_SIGMA = 1.2533
"""Standard deviations in a mean distance, where distances are those of a normal distribution."""


class Scores(NamedTuple):
    """Scores of a step, in the order of its rows; NaN while warming, 0 for values that are NaN.

    Attributes:
        score: after the alert policy.
        raw: without it.
        expected: middle of the band that the value was expected in; NaN while warming.
        sigma: how far values are from it usually, as a standard deviation; NaN while warming.
        off: distance from the series' mean, by the usual distance from it; NaN while warming.
        parts: the six surprises that the raw score is made of, and that of the trees, shape (n, 7);
            NaN while warming, and the last one where no trees look at the series.
    """

    score: Floats
    raw: Floats
    expected: Floats
    sigma: Floats
    off: Floats
    parts: Floats

    @classmethod
    def unknown(cls, count: int) -> Scores:
        """Of so many rows, nothing known."""
        one, two, three, four, five = (np.full(count, np.nan) for _ in range(5))
        return cls(one, two, three, four, five, np.full((count, PARTS + 1), np.nan))

    def put(self, at: Array, part: Scores) -> None:
        """Take over the scores of some rows."""
        for mine, theirs in zip(self, part, strict=True):
            mine[at] = theirs


class _Looked(NamedTuple):
    """What is seen of rows, where their sizes lie in the bins, raw scores and surprises."""

    seen: bank_evidence.Look
    place: Array
    raw: Floats
    parts: Floats
    joint: Seen | None


class Bank:
    """Detectors of ``size`` series, numbered from 0. 2.6 kB a series.

    Attributes:
        weights: of the six surprises in a score.
        joints: the trees of the series that ``ml`` has a say on; of none at the start.

    Args:
        size: how many series, ≥ 0.
        weights: of the six surprises in a score.

    >>> bank = Bank(2)
    >>> for minute in range(100):
    ...     scores = bank.step([0, 1], [5.0 + minute % 3, 7.0], [60.0 * minute, 60.0 * minute])
    >>> bool(bank.step([0], [50.0], [6000.0]).score[0] > scores.score[0])
    True
    """

    def __init__(self, size: int, weights: Sequence[float] = WEIGHTS) -> None:
        if size < 0:
            raise InputError(f"bank: a size of {size}; it must be at least 0.")
        self.weights = np.array(weights, dtype=np.float64)
        self.joints = Joints()
        self._state = State(size)
        self._own: Floats | None = None

    def __len__(self) -> int:
        return self._state.size

    @property
    def nbytes(self) -> int:
        """Bytes that the state takes."""
        return self._state.nbytes

    @property
    def warming(self) -> NDArray[np.bool_]:
        """Which series know too few values to score one."""
        known: NDArray[np.bool_] = self._state["known"] < WARM_ROWS
        return known

    @property
    def sizes(self) -> Floats:
        """How large values of each series are usually; 0 where that is not known."""
        found: Floats = self._state["size"]
        return found

    def grow(self, size: int) -> None:
        """Make room for more series; the new ones know nothing.

        Raises:
            InputError: smaller than it is.
        """
        if size < len(self):
            raise InputError(
                f"bank: {size} series asked for, it has {len(self)} and never shrinks."
            )
        if self._own is not None:
            more = np.tile(self.weights, (size - len(self), 1))
            self._own = np.concatenate([self._own, more])
        self._state.grow(size)

    def weigh(self, index: int, weights: Sequence[float]) -> None:
        """Let a series have weights of its own; they are no part of the stored state."""
        if self._own is None:
            self._own = np.tile(self.weights, (len(self), 1))
        self._own[index] = weights

    def weights_at(self, index: int) -> tuple[float, ...]:
        """Weights of the surprises in the scores of a series."""
        return tuple((self.weights if self._own is None else self._own[index]).tolist())

    def step(self, index: Any, x: Any, t: Any, hold: Any = None) -> Scores:
        """Score a row of each of some series, then learn it.

        Args:
            index: numbers of the series; one that comes several times is stepped in that order.
            x: values; NaN ones score 0, infinite ones as the largest; neither is learnt.
            t: seconds, of UTC or of a wall clock: hours of day and week are theirs.
            hold: raw score, one a row, from which on a row is scored but not got used to, so that
                outages do not become what is usual; None for never.

        Raises:
            InputError: lengths differ, or there is no such series.
        """
        rows = np.ascontiguousarray(index, dtype=np.int64)
        values, times = np.asarray(x, dtype=np.float64), np.asarray(t, dtype=np.float64)
        self._check(rows, values, times)
        holds = np.full(len(rows), np.inf) if hold is None else np.asarray(hold, dtype=np.float64)
        if (first := _run_of(rows)) is not None:
            return self._step_run(first, values, times, holds)
        scores = Scores.unknown(len(rows))
        for turn in _turns(rows):
            for at in range(0, len(turn), _CHUNK):
                part = turn[at : at + _CHUNK]
                scores.put(part, self._step(rows[part], values[part], times[part], holds[part]))
        return scores

    def _step_run(self, first: int, x: Array, t: Array, hold: Array) -> Scores:
        """Step series that follow one another, from ``first`` on."""
        count = len(x)
        if count <= _CHUNK:
            return self._step(slice(first, first + count), x, t, hold)
        scores = Scores.unknown(count)
        for at in range(0, count, _CHUNK):
            end = min(at + _CHUNK, count)
            part = self._step(slice(first + at, first + end), x[at:end], t[at:end], hold[at:end])
            for mine, theirs in zip(scores, part, strict=True):
                mine[at:end] = theirs
        return scores

    def look(self, index: Any, x: Any, t: Any) -> Scores:
        """Score a row of each of some series without learning it; arguments are those of `step`."""
        rows = np.ascontiguousarray(index, dtype=np.int64)
        values, times = np.asarray(x, dtype=np.float64), np.asarray(t, dtype=np.float64)
        self._check(rows, values, times)
        scores = Scores.unknown(len(rows))
        ready = np.flatnonzero((self._state["known"][rows] >= WARM_ROWS) & ~np.isnan(values))
        if len(ready):
            mine = rows[ready]
            found = self._look(mine, bank_evidence.clipped(values[ready]), times[ready])
            score = bank_policy.adjust(self._state, mine, found.raw, times[ready])
            bands = self._bands(mine, found.seen)
            scores.put(ready, Scores(score, found.raw, *bands, found.parts))
        return scores

    def _check(self, rows: Array, values: Array, times: Array) -> None:
        if not rows.shape == values.shape == times.shape or rows.ndim != 1:
            raise InputError(
                f"bank: {rows.shape} series, {values.shape} values and {times.shape} times; "
                "give as many of each."
            )
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise InputError(
                f"bank: no series {rows.min() if rows.min() < 0 else rows.max()}; "
                f"there are {len(self)}, numbered from 0.",
                hint="Call grow() first.",
            )

    def _step(self, which: Rows, x: Array, t: Array, hold: Array) -> Scores:
        """Score and learn; no series twice."""
        ready = self._state["known"][which] >= WARM_ROWS
        finite = np.isfinite(x)
        if ready.all() and finite.all():
            return self._step_ready(which, bank_evidence.clipped(x), t, hold)
        rows = self._state.numbers(which)
        scores = Scores.unknown(len(rows))
        scores.score[ready] = scores.raw[ready] = 0.0
        if (endless := np.flatnonzero(ready & np.isinf(x))).size:
            scores.put(endless, self.look(rows[endless], x[endless], t[endless]))
        if (warm := ~ready & finite).any():
            self._warm(rows[warm], bank_evidence.clipped(x[warm]), t[warm])
        if (usual := np.flatnonzero(ready & finite)).size:
            given = bank_evidence.clipped(x[usual])
            scores.put(usual, self._step_ready(rows[usual], given, t[usual], hold[usual]))
        return scores

    def _step_ready(self, rows: Rows, x: Array, t: Array, hold: Array) -> Scores:
        """Score and learn finite values of series that are warm."""
        state = self._state
        seen, place, raw, parts, joint = self._look(rows, x, t)
        bands = self._bands(rows, seen)
        score = bank_policy.adjust_and_learn(state, rows, raw, t)
        self._follow(rows, t)
        usual = None
        if (held := raw >= hold).any():
            numbers, usual = state.numbers(rows), ~held
            bank_evidence.pass_over(state, numbers[held], seen.kept(held))
            rows, place, seen = numbers[usual], place[usual], seen.kept(usual)
        if joint is not None:
            self.joints.learn(joint, usual)
        bank_tails.add(state, rows, place)
        state["changes"][rows] += seen.x != state["last"][rows]
        bank_evidence.learn(state, rows, seen)
        if (stale := bank_evidence.stale(state, rows)).any():
            self._restart(state.numbers(rows)[stale])
        return Scores(score, raw, *bands, parts)

    def _restart(self, rows: Array) -> None:
        self._state.restart(rows)
        self.joints.restart(rows)

    def _look(self, rows: Rows, x: Array, t: Array) -> _Looked:
        """Set rows against their series; changes nothing."""
        state = self._state
        seen = bank_evidence.look(state, rows, x, np.floor(t).astype(np.int64))
        place = bank_tails.places(state, rows, seen.sizes)
        parts = np.full((len(x), PARTS + 1), np.nan)
        parts[:, :PARTS] = six = bank_tails.surprises(state, rows, place)
        own = self._own
        raw = six @ self.weights if own is None else (six * own[rows]).sum(axis=1)
        joint = None
        if len(self.joints):
            joint = self.joints.look(state.numbers(rows), seen.departures)
            parts[:, PARTS] = joint.surprise
            raw = objected(raw, joint.surprise)
        raw += RARITY * (state["log_step"][rows] - _LOG_MINUTE) / _LOG_TEN
        raw -= IGNORANCE * np.log10(1.0 + MOVES / (1.0 + state["changes"][rows]))
        return _Looked(seen, place, np.maximum(raw, 0.0), parts, joint)

    def _bands(self, rows: Rows, seen: bank_evidence.Look) -> tuple[Floats, Floats, Floats]:
        """Expected values, standard deviations around them, and how far off the mean values are."""
        state = self._state
        expected: Floats = state["base"][rows] + seen.usual
        sigma: Floats = _SIGMA * state["residual"][rows]
        wide = np.maximum(state["deviation"][rows], TINIEST)
        return expected, sigma, np.abs(seen.off) / wide

    def _follow(self, rows: Rows, t: Array) -> None:
        """Let the inferred steps follow the times."""
        past = t - self._state["now"][rows]
        later = past > 0.0
        current = self._state["log_step"][rows]
        seen = np.maximum(np.log(np.where(later, past, 1.0)), _LOG_MILLISECOND)
        change = STEP_RATE * np.sign(seen - current)
        self._state["log_step"][rows] = current + np.where(later, change, 0.0)
        self._state["now"][rows] += np.where(later, past, 0.0)

    def _warm(self, rows: Array, x: Array, t: Array) -> None:
        state = self._state
        waiting, known = state.waiting, state["known"][rows].astype(np.int64)
        before = waiting[rows, np.maximum(known - 1, 0)]
        state["changes"][rows] += (known > 0) & (x != before)
        waiting[rows, known] = x
        waiting[rows, WARM_ROWS + known] = t
        state["known"][rows] += 1
        if len(done := rows[known + 1 == WARM_ROWS]):
            self._begin(done)

    def _begin(self, rows: Array) -> None:
        """End the warming of some series."""
        state = self._state
        first, times = np.split(state.waiting[rows], 2, axis=1)
        state["tails"][rows] = 0.0
        state["log_step"][rows] = np.maximum(np.log(_typical_steps(times)), _LOG_MILLISECOND)
        state["now"][rows] = times.max(axis=1)
        bank_evidence.begin(state, rows, first)

    def to_arrays(self) -> dict[str, Array]:
        """Copies of the state by name, and its version; `from_arrays` takes them."""
        arrays = {name: array.copy() for name, array in self._state.of.items()}
        return {"version": np.array(VERSION), **arrays}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], weights: Sequence[float] = WEIGHTS) -> Bank:
        """A bank that goes on where another was.

        Raises:
            InputError: the arrays are not those of `to_arrays` of this version.
        """
        bank = cls(0, weights)
        bank._state = read_state(arrays)
        return bank


def _typical_steps(times: Array) -> Array:
    """Median of the positive steps of each row of times; 60 where there is none."""
    steps = np.diff(times, axis=1)
    steps[steps <= 0.0] = np.nan
    steps[np.isnan(steps).all(axis=1), 0] = 60.0
    return np.nanmedian(steps, axis=1)


def _run_of(rows: Array) -> int | None:
    """The first of series that follow one another; None where they do not."""
    count = len(rows)
    if not count or rows[-1] - rows[0] != count - 1:
        return None
    return int(rows[0]) if count == 1 or bool((np.diff(rows) == 1).all()) else None


def _turns(rows: Array) -> Iterator[Array]:
    """Positions of the rows, such that no series is twice in a turn and order is kept."""
    left = np.arange(len(rows))
    while len(left):
        _, first = np.unique(rows[left], return_index=True)
        if len(first) == len(left):
            yield left
            return
        first.sort()
        yield left[first]
        left = np.delete(left, first)
