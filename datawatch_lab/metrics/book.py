"""Which series a measure has: labels to ids, with new ids held back until they are stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from datawatch_lab.core.values import SeriesDef

Labels = tuple[tuple[str, str], ...]

OTHER = "__other__"
"""Label value that takes what comes after the limit of label sets."""

NULL = "(null)"
MISSING = "(missing)"


class SeriesBook:
    """Ids of series by (measure, labels).

    New series get ids at once and stay *pending* until `commit`; `rollback` forgets them, so that
    a commit that failed leaves no trace. A limit applies to each label of a measure: values after
    the first ``max_label_sets`` share the series `OTHER`. Which values came first is decided by
    sequence number, never by batching.

    One thread writes; others may call `of`.
    """

    def __init__(self, series: Iterable[SeriesDef] = (), *, max_label_sets: int = 1_000) -> None:
        self.max_label_sets = max_label_sets
        self._ids: dict[tuple[int, Labels], int] = {}
        self._of: dict[int, list[SeriesDef]] = {}
        self._used: dict[tuple[int, Labels, str], int] = {}
        self._pending: list[SeriesDef] = []
        self._next = 1
        for each in series:
            self._enter(each)

    @property
    def pending(self) -> tuple[SeriesDef, ...]:
        """Series made since the last `commit`, in order of id; they belong into the next commit."""
        return tuple(self._pending)

    def of(self, measure_id: int) -> tuple[SeriesDef, ...]:
        """All series of a measure, in order of id."""
        return tuple(self._of.get(measure_id, ()))

    def commit(self) -> None:
        """What was pending is stored now."""
        self._pending.clear()

    def rollback(self) -> None:
        """Forget what is pending."""
        for each in reversed(self._pending):
            self._remove(each)
        if self._pending:
            self._next = self._pending[0].id
        self._pending.clear()

    def drop(self, measure_ids: Iterable[int]) -> None:
        """Forget the series of measures that are gone; their ids are not used again."""
        for measure_id in measure_ids:
            for each in self.of(measure_id):
                self._remove(each)
            self._pending = [each for each in self._pending if each.measure_id != measure_id]

    def split_by(self, measure_id: int, labels: Collection[str]) -> list[int]:
        """Ids of a measure's series that have one of these labels."""
        return [
            each.id
            for each in self.of(measure_id)
            if any(name in labels for name, _ in each.labels)
        ]

    def drop_series(self, series_ids: Collection[int]) -> None:
        """Forget series that are gone; their ids are not used again."""
        gone = set(series_ids)
        for each in [each for held in self._of.values() for each in held if each.id in gone]:
            self._remove(each)
        self._pending = [each for each in self._pending if each.id not in gone]

    def series(self, measure_id: int, labels: Labels = ()) -> int:
        """The id of the series with exactly these labels, new if need be; never `OTHER`."""
        known = self._ids.get((measure_id, tuple(sorted(labels))))
        return self._make(measure_id, tuple(sorted(labels))) if known is None else known

    def combination(self, measure_id: int, labels: Labels) -> int:
        """The id of the series with these labels; beyond the limit, the one with all `OTHER`."""
        ordered = tuple(sorted(labels))
        known = self._ids.get((measure_id, ordered))
        if known is not None:
            return known
        if len(self._of.get(measure_id, ())) < self.max_label_sets:
            return self._make(measure_id, ordered)
        return self.series(measure_id, tuple((name, OTHER) for name, _ in ordered))

    def known(self, measure_id: int, fixed: Labels, label: str, value: str) -> int | None:
        """The id of a split series, or None when it does not exist yet."""
        return self._ids.get((measure_id, tuple(sorted((*fixed, (label, value))))))

    def split(self, measure_id: int, fixed: Labels, label: str, values: Sequence[str]) -> list[int]:
        """Ids of the series ``fixed`` + (label, value), value by value.

        Args:
            measure_id: the measure.
            fixed: labels that all of them carry, such as the operation.
            label: name of the label that they differ by.
            values: in order of first appearance; that order decides who is within the limit.
        """
        return [self._split_one(measure_id, fixed, label, value) for value in values]

    def _split_one(self, measure_id: int, fixed: Labels, label: str, value: str) -> int:
        labels = tuple(sorted((*fixed, (label, value))))
        known = self._ids.get((measure_id, labels))
        if known is not None:
            return known
        if self._used.get((measure_id, fixed, label), 0) < self.max_label_sets:
            return self._make(measure_id, labels)
        return self.series(measure_id, (*fixed, (label, OTHER)))

    def _make(self, measure_id: int, labels: Labels) -> int:
        made = SeriesDef(id=self._next, measure_id=measure_id, labels=labels)
        self._enter(made)
        self._pending.append(made)
        return made.id

    def _enter(self, series: SeriesDef) -> None:
        self._ids[series.measure_id, series.labels] = series.id
        self._of.setdefault(series.measure_id, []).append(series)
        for key in _slots(series):
            self._used[key] = self._used.get(key, 0) + 1
        self._next = max(self._next, series.id + 1)

    def _remove(self, series: SeriesDef) -> None:
        del self._ids[series.measure_id, series.labels]
        self._of[series.measure_id].remove(series)
        for key in _slots(series):
            self._used[key] -= 1


def _slots(series: SeriesDef) -> list[tuple[int, Labels, str]]:
    """The limits that a series counts against: one per label that is not `OTHER`."""
    return [
        (series.measure_id, tuple(pair for pair in series.labels if pair[0] != name), name)
        for name, value in series.labels
        if value != OTHER
    ]


def label_name(field: str) -> str:
    """The label that a field is split by: its name, except that ``op`` is the operation's own."""
    return "op_" if field == "op" else field
