"""Windows of quality that new values fell into, judged from all that they add up to."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core import quality_results as core
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.quality import StoredRule, violation_id
from datawatch_lab.engine.quality.run import SKETCH
from datawatch_lab.quality.windows import Judged, States, Window, judge
from datawatch_lab.store.quality import QualityStore

log = logging.getLogger(__name__)

_MICRO = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BASELINE = "7d"


@dataclass(frozen=True)
class Verdicts:
    """What is said of windows now: tables for an `Outcome`."""

    verdicts: pa.Table
    violations: pa.Table
    withdrawn: tuple[str, ...]


def said(judged: Iterable[tuple[StoredRule, int, datetime, Judged]], now: datetime) -> Verdicts:
    """Verdicts of windows: (rule, table id, start, what is found)."""
    verdicts, violations, withdrawn = list[Any](), list[Any](), list[str]()
    found = now.replace(tzinfo=None)
    for stored, table_id, start, result in judged:
        begin = start.astimezone(UTC).replace(tzinfo=None)
        id_ = violation_id(stored.id, f"window {start.isoformat()}")
        looked, failed = int(result.ok is not None), int(result.ok is False)
        verdicts.append((stored.id, begin, looked, failed))
        if not failed:
            withdrawn.append(id_)
            continue
        value = "" if result.value != result.value else f"{result.value:.10g}"
        row = (id_, stored.id, table_id, 0, begin, found, "{}", "{}", value, result.words)
        violations.append(row)
    return Verdicts(
        _rows(core.COUNT_SCHEMA, verdicts),
        _rows(core.VIOLATION_SCHEMA, violations),
        tuple(withdrawn),
    )


def _rows(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(list(v), f.type) for f, v in zip(schema, columns, strict=True)]
    return pa.table(arrays, schema=schema)


@dataclass(frozen=True)
class Windows:
    """Judges windows of aggregate rules: what is stored of them, and what an evaluation adds.

    Attributes:
        store: what is stored; None for an evaluation of its own.
        added: states of the evaluation, by rule id.
        problems: why rules could not be judged, by id; written.
    """

    store: QualityStore | None
    added: Mapping[str, Sequence[States]]
    problems: dict[str, str] = field(default_factory=dict)

    def judge(
        self, rules: Iterable[tuple[StoredRule, int]]
    ) -> list[tuple[StoredRule, int, datetime, Judged]]:
        """Every window that the evaluation has values for; a rule that fails holds up no other.

        Args:
            rules: and the ids of their tables.
        """
        found: list[tuple[StoredRule, int, datetime, Judged]] = []
        for stored, table_id in rules:
            try:
                found += [
                    (stored, table_id, start, self._judged(stored, start))
                    for start in self._touched(stored)
                ]
            except InputError as error:
                self.problems[stored.id] = str(error)
            except Exception as error:
                log.exception("%s could not be judged", stored.rule.title)
                self.problems[stored.id] = f"{type(error).__name__}: {error}"
        return found

    def _touched(self, stored: StoredRule) -> list[datetime]:
        width = stored.rule.span() // _MICRO
        minutes = [each.moments["minute"].to_numpy() for each in self.added.get(stored.id, ())]
        if not minutes:
            return []
        starts = np.unique(np.concatenate(minutes) // width * width)
        return [_EPOCH + timedelta(microseconds=int(start)) for start in starts]

    def _judged(self, stored: StoredRule, start: datetime) -> Judged:
        rule = stored.rule
        window = self._window(stored.id, start, start + rule.span())
        before = Window()
        if rule.rule == "distribution_drift":
            back = parse_duration(rule.baseline or _BASELINE)
            before = self._window(stored.id, start - back, start)
        return judge(rule, window, before, SKETCH)

    def _window(self, rule: str, start: datetime, end: datetime) -> Window:
        low, high = (int((each - _EPOCH) // _MICRO) for each in (start, end))
        inside = pl.col("minute").is_between(low, high, closed="left")
        mine = self.added.get(rule, ())
        moments = [each.moments.filter(inside).select("n", "sum", "squares") for each in mine]
        bins = [each.bins.filter(inside).select("bin", "n") for each in mine]
        if self.store is not None:
            stored = self.store.windows(rule, start, end)
            moments.append(stored[0])
            bins.append(stored[1])
        total = pl.concat([each for each in moments if each.height] or moments[:1])
        merged = pl.concat([each for each in bins if each.height] or bins[:1])
        merged = merged.group_by("bin").agg(pl.col("n").sum()).sort("bin")
        return Window(
            n=int(total["n"].sum()),
            total=float(total["sum"].sum()),
            squares=float(total["squares"].sum()),
            bins=merged["bin"].cast(pl.Int64).to_numpy(),
            counts=merged["n"].cast(pl.Int64).to_numpy(),
        )
