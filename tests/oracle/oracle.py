"""Every metric of a planted file, computed from its text by plain means.

``Oracle(read(path), answers["fields"])`` answers for metric names as ``datawatch query`` does:
`points` by bucket, `value` over a range, and `differences` holds an answer of ``query --json``
against them. Quantiles are numpy's (linear interpolation), sums exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import numpy as np

from .buckets import AGGREGATIONS, QUANTILES, SECOND, Points, Rows, by_bucket, running, sums
from .live import Live, replay
from .measures import KINDS, STEPS, Spec, label_of, specs
from .reading import Reading, parse_time

__all__ = ["AGGREGATIONS", "LEVELS", "Oracle", "Points"]

LEVELS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}
_RUNNING = ("rows", "state", "newest")


class Oracle:
    """The metrics of what was read.

    Args:
        reading: the applied events.
        fields: table -> kind of field -> names, as in a plant's answers.
        ordered: whether rows are as they came last, whatever their times say.

    Attributes:
        live: the keyed tables as they are after the last event.
    """

    def __init__(
        self,
        reading: Reading,
        fields: Mapping[str, Mapping[str, Sequence[str]]],
        *,
        ordered: bool = False,
    ) -> None:
        self._events = {
            table: sorted(
                (e for e in reading.applied if e.table == table), key=lambda e: (e.at, e.order)
            )
            for table in fields
        }
        self.live: dict[str, Live] = {
            table: replay(self._events[table], kinds["key"], ordered=ordered)
            for table, kinds in fields.items()
            if "key" in kinds
        }
        self.specs = dict(specs(fields))
        self._rows: dict[tuple[str, str], dict[str, Rows]] = {}

    def names(self) -> list[str]:
        """All metric names."""
        return sorted(self.specs)

    def points(
        self, name: str, step: int, aggregation: str | None = None, by: str = ""
    ) -> dict[str, Points]:
        """Values by label value ("" without ``by``) and bucket of ``step`` seconds.

        Transitions may be split by ``from``, ``to`` or ``from,to``.
        Buckets without rows are left out: 0 for counts and rates, nothing for values. Running
        metrics (``T_rows``, ``T_by_F``, freshness) asked for their last value have every bucket
        from the first to the last of their table, with the value at its end.
        """
        spec, width = self.specs[name], step * SECOND
        rows, how = self._measure(name, by), aggregation or spec.aggregation
        if _runs(spec, how):
            span = self._span(spec.table)
            ends = np.arange(span[0] // width, span[1] // width + 1) * width + width
            return {label: running(spec.kind, r, ends, width) for label, r in rows.items()}
        return {label: by_bucket(r, r.at // width * width, how, step) for label, r in rows.items()}

    def value(
        self, name: str, start: int, end: int, aggregation: str | None = None, by: str = ""
    ) -> dict[str, float]:
        """One value by label value over event times in [start, end), µs.

        Labels without rows are left out.
        """
        spec, found = self.specs[name], {}
        how = aggregation or spec.aggregation
        for label, rows in self._measure(name, by).items():
            if _runs(spec, how):
                found[label] = running(spec.kind, rows, np.array([end]), 0)[end]
                continue
            inside = np.flatnonzero((rows.at >= start) & (rows.at < end))
            part = Rows(rows.at[inside], [rows.values[i] for i in inside])
            whole, seconds = np.full(len(part), start), (end - start) / SECOND
            points = by_bucket(part, whole, how, seconds)
            if points:
                found[label] = points[start]
        return found

    def exact_sums(self, name: str, step: int) -> dict[int, Decimal]:
        """Sums of a numeric metric by bucket, with all digits."""
        rows = self._measure(name, "")[""]
        return sums(rows, rows.at // (step * SECOND) * (step * SECOND))

    def differences(
        self,
        answer: Mapping[str, Any],
        *,
        tolerance: float | None = None,
        slack: float = 0.0,
        limit: int = 5,
    ) -> list[str]:
        """Where an answer of ``query --json`` differs, as sentences; empty when it agrees.

        An answer without a step has one point a series, for the whole of [from, to). Points outside
        of that do not count, nor do running values carried on after the last event. Tolerance is
        relative; by default 1 % for quantiles, 3 % for distinct counts, 1e-9 for all else. A
        difference of up to ``slack`` is none (a sketch may lose one of ten distinct values).
        """
        name, how = str(answer["metric"]), str(answer["aggregation"])
        loose = 0.01 if how in QUANTILES else 0.03 if how == "distinct" else 1e-9
        by = next((",".join(series["labels"]) for series in answer["series"]), "")
        start, end = (parse_time(answer[key]) for key in ("from", "to"))
        expected = self._expected(name, answer["step"], how, by, (start, end))
        given = {
            "".join(map(str, series["labels"].values())): {
                start if answer["step"] is None else parse_time(at): value
                for at, value in series["points"]
            }
            for series in answer["series"]
        }
        if _runs(self.specs[name], how):
            end = min(end, self._span(self.specs[name].table)[1] + 1)
        found = (
            f"{name} {how} {label!r} at {_iso(at)}: {value!r}, expected {right!r}"
            for label in sorted(expected.keys() | given.keys())
            for at, value, right in _paired(given.get(label, {}), expected.get(label, {}))
            if start <= at < end and not _close(value, right, tolerance or loose, slack)
        )
        return list(islice(found, limit))

    def _expected(
        self, name: str, step: str | None, how: str, by: str, span: tuple[int, int]
    ) -> dict[str, Points]:
        if step is None:
            values = self.value(name, *span, how, by)
            return {label: {span[0]: value} for label, value in values.items()}
        return self.points(name, LEVELS.get(step) or int(step.rstrip("s")), how, by)

    def _span(self, table: str) -> tuple[int, int]:
        events = self._events[table]
        return events[0].at, events[-1].at

    def _measure(self, name: str, by: str) -> dict[str, Rows]:
        """Rows of a metric by label value; kept, since asked for at many levels."""
        spec = self.specs[name]
        by = spec.field if spec.kind == "state" else by
        if (name, by) not in self._rows:
            groups: dict[str, tuple[list[int], list[Any]]] = {}
            for at, label, value in self._labelled(spec, by):
                times, values = groups.setdefault(label, ([], []))
                times.append(at)
                values.append(value)
            self._rows[name, by] = {
                label: Rows(np.array(times, dtype=np.int64), values)
                for label, (times, values) in groups.items()
            }
        return self._rows[name, by]

    def _labelled(self, spec: Spec, by: str) -> Iterator[tuple[int, str, Any]]:
        if spec.kind not in STEPS:
            yield from self._of_events(spec, by)
            return
        steps = sorted(self.live[spec.table].steps, key=lambda step: step.at)
        for at, label, value in STEPS[spec.kind](steps, spec.field):
            if isinstance(label, tuple):
                ends = dict(zip(("from", "to"), label, strict=True))
                yield at, "".join(ends[each] for each in by.split(",") if each), value
            else:
                yield at, label, value

    def _of_events(self, spec: Spec, by: str) -> Iterator[tuple[int, str, Any]]:
        tables = [spec.table] if spec.table else list(self._events)
        events = [event for table in tables for event in self._events[table]]
        if not spec.table:
            events.sort(key=lambda e: (e.at, e.order))
        for event in events:
            if event.op in spec.ops:
                image = event.after if event.after is not None else event.before or {}
                label = label_of(image, by) if by else ""
                for value in KINDS[spec.kind](event, spec.field):
                    yield event.at, label, value


def _runs(spec: Spec, how: str) -> bool:
    """Whether it is a value that lasts until it changes, and not one of a bucket's own rows."""
    return spec.kind in _RUNNING and how == "last"


def _paired(given: Mapping[int, Any], expected: Points) -> Iterator[tuple[int, Any, float | None]]:
    for at in sorted(given.keys() | expected.keys()):
        yield at, given.get(at), expected.get(at)


def _close(value: Any, right: float | None, tolerance: float, slack: float) -> bool:
    """Whether they agree; where nothing is expected, nothing or 0 is right.

    One µs is granted to times, which a double holds no better.
    """
    found = 0.0 if value is None else float(value)
    wanted = right or 0.0
    granted = max(slack, 1e-6 * (wanted != 0))
    return abs(found - wanted) <= tolerance * max(abs(wanted), abs(found)) + granted


def _iso(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()
