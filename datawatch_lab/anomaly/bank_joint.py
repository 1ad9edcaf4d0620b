"""`joint` for some series of a bank: masses of the trees as arrays, one step for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from datawatch_lab.anomaly import bank_tails
from datawatch_lab.anomaly.bank_state import Array, Rows
from datawatch_lab.anomaly.joint import KNOWN, NODES, TREES, WINDOW, paths, rarity
from datawatch_lab.anomaly.stored import restored
from datawatch_lab.anomaly.tails import BINS, LOWEST

_FIELDS: dict[str, tuple[type, tuple[int, ...], float]] = {
    "series": (np.int64, (), 0),
    "masses": (np.uint16, (TREES, NODES), 0),
    "before": (np.uint16, (TREES, NODES), 0),
    "known": (np.int64, (), 0),
    "tails": (np.float32, (1, BINS), 0),
    "total": (np.float64, (), 0),
    "weight": (np.float64, (), 1),
    "bins_from": (np.int16, (1,), LOWEST),
}
"""Field → type, shape for one series, value at the start; 5.3 kB a series.

``masses`` are those of the window that fills, ``before`` those that rows are set against.
"""

_TREES = np.arange(TREES)[:, None]


class Seen(NamedTuple):
    """Rows of series that have trees.

    Attributes:
        at: which of the rows that were looked at.
        rows: number of each series here.
        path: its nodes.
        place: of its rarity in the bins of the tail, shape (n, 1).
        surprise: of all rows that were looked at; NaN where the trees have no say.
    """

    at: Array
    rows: Array
    path: Array
    place: Array
    surprise: Array


class Joints:
    """Trees of some series of a bank; the others have none, and take no room."""

    def __init__(self) -> None:
        self.of: dict[str, Array] = _fresh(0)
        self._place = np.full(0, -1, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.of["series"])

    def __getitem__(self, name: str) -> Array:
        return self.of[name]

    @staticmethod
    def numbers(rows: Rows) -> Array:
        """Series as numbers; here they always are."""
        return np.asarray(rows)

    @property
    def series(self) -> list[int]:
        """Numbers in the bank of the series that have trees."""
        found: list[int] = self.of["series"].tolist()
        return found

    def keep(self, series: Iterable[int]) -> None:
        """Let these series of the bank have trees, and no others; known ones go on."""
        wanted = sorted(set(series))
        known = {each: row for row, each in enumerate(self.series)}
        made = _fresh(len(wanted))
        for row, each in enumerate(wanted):
            if each in known:
                for name, array in made.items():
                    array[row] = self.of[name][known[each]]
        made["series"] = np.array(wanted, dtype=np.int64)
        self.of = made
        self._index()

    def _index(self) -> None:
        series = self.of["series"]
        self._place = np.full(int(series.max(initial=-1)) + 1, -1, dtype=np.int64)
        self._place[series] = np.arange(len(series))

    def look(self, series: Array, departures: Array) -> Seen:
        """Set signed departures, shape (n, 6), of series of the bank against their trees."""
        own = np.full(len(series), -1, dtype=np.int64)
        inside = series < len(self._place)
        own[inside] = self._place[series[inside]]
        at = np.flatnonzero(own >= 0)
        rows, surprise = own[at], np.full(len(series), np.nan)
        path = paths(departures[at])
        place = np.zeros((len(at), 1))
        full = np.flatnonzero(self.of["known"][rows] >= WINDOW)
        if len(full):
            mine = rows[full]
            masses = self.of["before"][mine[:, None, None], _TREES, path[full]]
            place[full] = bank_tails.places(self, mine, rarity(masses.astype(float))[:, None])
            heard = self.of["known"][mine] >= KNOWN
            said = bank_tails.surprises(self, mine, place[full])[:, 0]
            surprise[at[full[heard]]] = said[heard]
        return Seen(at, rows, path, place, surprise)

    def learn(self, seen: Seen, usual: Array | None = None) -> None:
        """Count rows.

        Args:
            seen: what `look` gave; no series twice.
            usual: whether each of the rows that were looked at counts; None for all.
        """
        rows, path, place = seen.rows, seen.path, seen.place
        if usual is not None:
            kept = usual[seen.at]
            rows, path, place = rows[kept], path[kept], place[kept]
        full = self.of["known"][rows] >= WINDOW
        if full.any():
            bank_tails.add(self, rows[full], place[full])
        self.of["masses"][rows[:, None, None], _TREES, path] += 1
        self.of["known"][rows] += 1
        over = rows[self.of["known"][rows] % WINDOW == 0]
        self.of["before"][over] = self.of["masses"][over]
        self.of["masses"][over] = 0

    def restart(self, series: Array) -> None:
        """Forget everything about some series of the bank."""
        rows = np.flatnonzero(np.isin(self.of["series"], series))
        for name, array in _fresh(len(rows)).items():
            if name != "series":
                self.of[name][rows] = array

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Joints:
        """Trees that go on where those were whose `of` it is.

        Raises:
            InputError: a field is missing or of another type or shape.
        """
        made = cls()
        made.of = restored(arrays, _FIELDS, "series", "trees")
        made._index()
        return made


def _fresh(size: int) -> dict[str, Array]:
    return {
        name: np.full((size, *shape), first, dtype=kind)
        for name, (kind, shape, first) in _FIELDS.items()
    }
