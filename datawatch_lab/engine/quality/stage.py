"""The quality of a workspace's data: rules that are kept, evaluated on what comes, and counted.

Commits hand their batches over; a thread of its own evaluates them and stores counts, violations
and its cursor in one transaction. It is behind the commits by a fraction of a second. What it
cannot hold in memory, or missed while the workspace was closed, it reads from the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from datawatch_lab.core import quality_results as core
from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.errors import DataWatchError, WorkspaceError
from datawatch_lab.core.quality import StoredRule, reference_of
from datawatch_lab.core.quality_results import Outcome
from datawatch_lab.core.values import MetricDef, TableInfo
from datawatch_lab.engine.brought import Part
from datawatch_lab.engine.own_metrics.quality import metrics_of_quality
from datawatch_lab.engine.quality.clock import Clocked
from datawatch_lab.engine.quality.look import Looking
from datawatch_lab.engine.quality.orphans import capped
from datawatch_lab.engine.quality.parts import Found
from datawatch_lab.engine.quality.run import Evaluation
from datawatch_lab.engine.quality.tables import cast
from datawatch_lab.engine.quality.windows import Windows, said

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

_MOST_EVENTS = 200_000  # held in memory; beyond that the log is read
_MOST_PARTS = 64
_LOG_STEP = 50_000
_PAUSE_SECONDS = 0.25  # between evaluations, so that what comes meanwhile goes together
_TICK_SECONDS = 1.0
_COMPACT_EVERY = timedelta(minutes=5)


Named = tuple[Mapping[str, MetricDef] | None, frozenset[str], Mapping[str, MetricDef]]
Listener = Callable[[Sequence[Found]], None]


class Quality:
    """Rules of a workspace and their evaluation; made by ``engine.beside(Quality)``.

    Any thread may call it. `listeners` are called in its own thread.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store = engine.store.quality
        self.enabled = True
        self.suggests = True
        self.score_threshold = 90.0
        self.problems: dict[str, str] = {}
        self.listeners: list[Listener] = []
        self._rules = {each.id: each for each in self.store.rules()}
        self._cells = dict(self.store.cells())
        stored = self.store.cursor()
        self._cursor = engine.last_seq if stored is None else stored
        if not self._rules:
            self._cursor = engine.last_seq
        self._parts: deque[Part] = deque()
        self._held = 0
        self._orphans = self.store.orphans()
        self._clocked = Clocked(engine, _done_of(self._cells))
        self._named: Named = (None, frozenset(), {})
        self._evaluating = threading.RLock()
        self._changed = threading.Condition()
        self._closed = False
        self._compacted = engine.clock.now()
        self._forget = engine.on_batches(self._take)
        self._let_go = engine.hold_log(self._done)
        self._thread = threading.Thread(target=self._work, name="datawatch-quality", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ rules

    @property
    def rules(self) -> list[StoredRule]:
        """All rules, oldest first."""
        return sorted(self._rules.values(), key=lambda each: (each.created, each.id))

    @property
    def looking(self) -> Looking:
        """What evaluations look up."""
        tables = lambda: {each.name: each for each in self.engine.tables()}  # noqa: E731
        return Looking(self.engine.store, tables, self.store)

    def put(
        self,
        rules: Sequence[StoredRule],
        *,
        anew: Sequence[str] = (),
        dropped: Sequence[str] = (),
        outcome: Outcome | None = None,
    ) -> None:
        """Store rules that are new or changed, and forget others; see `QualityStore.store`."""
        with self._evaluating:
            given = outcome or Outcome()
            if given.cursor is None and not self._rules:
                given = replace(given, cursor=self._cursor)
            given = capped(self._orphans, given)
            self.store.store(given, rules=rules, anew=anew, dropped=dropped)
            for each in (*anew, *dropped):
                self._cells = {k: v for k, v in self._cells.items() if k[0] != each}
                self._clocked.done.pop(each, None)
                self.problems.pop(each, None)
            for each in dropped:
                self._rules.pop(each, None)
            self._rules |= {each.id: each for each in rules}
            self._cells |= dict(given.cells)
            self._orphans = self.store.orphans()

    def exclusive(self) -> threading.RLock:
        """Held while nothing is evaluated, so that rules begin at a known place."""
        return self._evaluating

    def begin(self) -> None:
        """Where there is no rule yet, evaluation begins after what is stored now."""
        if not self._rules:
            self._cursor = self.engine.last_seq

    @property
    def cells(self) -> Mapping[tuple[str, str], str]:
        """Small states by (rule, name)."""
        return self._cells

    def with_metrics(self, named: Mapping[str, MetricDef]) -> Mapping[str, MetricDef]:
        """Metrics by name with the scores; the same object as long as nothing has changed."""
        tables = frozenset(each.rule.table for each in self._rules.values())
        base, kept, whole = self._named
        if base is not named or kept != tables:
            whole = {**named, **metrics_of_quality(self, named)} if tables else named
            self._named = (named, tables, whole)
        return whole

    @property
    def cursor(self) -> int:
        """Sequence number up to which events are evaluated."""
        return self._cursor

    def _done(self) -> int | None:
        """How far the log was read; None while no rule reads it."""
        return self._cursor if self._rules and self.enabled else None

    # ------------------------------------------------------------------ what comes

    def _take(self, after: int, upto: int, batches: Sequence[TableBatch]) -> None:
        """In the writer's thread: note what a commit brought."""
        with self._changed:
            if not self._rules or not self.enabled:
                return  # what is missed is read from the log, should it be wanted
            part = Part(after, upto, batches)
            if self._held + part.events > _MOST_EVENTS or len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
                self._held = 0
            else:
                self._parts.append(part)
                self._held += part.events
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._closed and not self._parts:
                    self._changed.wait(_TICK_SECONDS)
                if self._closed:
                    return
            try:
                self.evaluate()
                self.tick()
            except WorkspaceError as error:
                if not self._closed:
                    log.warning("quality is not evaluated: %s", error)
            except Exception:
                log.exception("quality could not be evaluated; it is tried again")
            with self._changed:
                if not self._closed:
                    self._changed.wait_for(lambda: self._closed, _PAUSE_SECONDS)

    def evaluate(self, seconds: float | None = None) -> None:
        """Evaluate all that is stored by now; what comes meanwhile is left.

        Args:
            seconds: begin no piece after so long; None for no end.
        """
        until = None if seconds is None else time.monotonic() + seconds
        with self._evaluating:
            if not self.enabled or not self._rules:
                return
            last = self.engine.last_seq
            while self._cursor < last and (until is None or time.monotonic() < until):
                upto, batches = self._next(last)
                self._run(upto, batches)

    def _next(self, last: int) -> tuple[int, list[TableBatch]]:
        """The events after the cursor: those held in memory, or a piece of the log."""
        with self._changed:
            while self._parts and self._parts[0].upto <= self._cursor:
                self._held -= self._parts.popleft().events
            if self._parts and self._parts[0].after == self._cursor:
                parts = list(self._parts)
                self._parts.clear()
                self._held = 0
                return parts[-1].upto, [b for part in parts for b in part.batches]
            end = self._parts[0].after if self._parts else last
        upto = min(self._cursor + _LOG_STEP, max(end, self._cursor + 1))
        wanted = {each.rule.table for each in self._rules.values()}
        batches = [
            batch
            for table in self.engine.tables()
            if table.name in wanted
            for batch in self.engine.measures.history.batches(table, self._cursor, upto)
        ]
        return upto, batches

    def _run(self, upto: int, batches: Iterable[TableBatch]) -> None:
        by_table: dict[int, list[TableBatch]] = {}
        for each in batches:
            by_table.setdefault(each.table.id, []).append(each)
        tables = {each.id: each for each in self.engine.tables()}
        now = self.engine.clock.now()
        evaluation = Evaluation(self.looking, now, dict(self._cells), problems=self.problems)
        for table_id, mine in by_table.items():
            rules = self.of_table(tables[table_id])
            if rules:
                evaluation.run(tables[table_id], rules, mine)
        outcome = self._with_windows(evaluation, evaluation.outcome(upto), tables, now)
        names = {tables[id_].name for id_ in by_table}
        outcome = self._with_parents(outcome, names, now)
        cells = dict(outcome.cells)
        for table_id, mine in by_table.items():
            cells |= self._clocked.late(self.of_table(tables[table_id]), mine)
        self._store(capped(self._orphans, replace(outcome, cells=cells)))
        self._tell(outcome, now)

    def of_table(self, table: TableInfo) -> list[StoredRule]:
        """The rules of a table that are evaluated."""
        return [
            each
            for each in self._rules.values()
            if each.rule.table == table.name and each.rule.enabled
        ]

    def _with_windows(
        self,
        evaluation: Evaluation,
        outcome: Outcome,
        tables: Mapping[int, TableInfo],
        now: datetime,
    ) -> Outcome:
        if not evaluation.states:
            return outcome
        ids = {each.name: each.id for each in tables.values()}
        mine = [(self._rules[id_], ids[self._rules[id_].rule.table]) for id_ in evaluation.states]
        found = said(Windows(self.store, evaluation.states, self.problems).judge(mine), now)
        return replace(
            outcome,
            verdicts=found.verdicts,
            violations=pa.concat_tables([outcome.violations, found.violations]),
            withdrawn=found.withdrawn,
        )

    def _with_parents(self, outcome: Outcome, tables: set[str], now: datetime) -> Outcome:
        """Take back what was said of children whose parents have come meanwhile."""
        waiting = self._orphans
        if not waiting.height:
            return outcome
        counts, withdrawn, settled = [], list[str](), list[str]()
        over = waiting.filter(pl.col("until") < now.replace(tzinfo=None))
        settled += over["id"].to_list()
        for (rule_id,), part in waiting.group_by("rule"):
            stored = self._rules.get(str(rule_id))
            if stored is None or reference_of(stored.rule)[0] not in tables:
                continue
            try:
                known = self.looking.parents(*reference_of(stored.rule), part["value"].unique())
            except DataWatchError as error:
                self.problems[stored.id] = str(error)
                continue
            here = [
                seq <= known.get(value, -1)
                for value, seq in zip(part["value"], part["seq"], strict=True)
            ]
            came = part.filter(pl.Series(here))
            counts.append(came.select("rule", "bucket"))
            withdrawn += came["id"].to_list()
            settled += came["id"].to_list()
        if not counts and not settled:
            return outcome
        back = pl.concat(counts) if counts else waiting.select("rule", "bucket").clear()
        back = back.with_columns(rows=pl.lit(0, pl.Int64), failed=pl.lit(-1, pl.Int64))
        return replace(
            outcome,
            counts=pa.concat_tables([outcome.counts, cast(back, core.COUNT_SCHEMA)]),
            withdrawn=(*outcome.withdrawn, *withdrawn),
            settled=(*outcome.settled, *settled),
        )

    def _store(self, outcome: Outcome) -> None:
        self.store.store(outcome)
        self._cells |= dict(outcome.cells)
        if outcome.cursor is not None:
            self._cursor = outcome.cursor
        if outcome.orphans.num_rows or outcome.settled:
            gone = pl.Series(list(outcome.settled), dtype=pl.String)
            left = self._orphans.filter(~pl.col("id").is_in(gone.to_list()))
            self._orphans = pl.concat([left, pl.DataFrame(outcome.orphans)], how="vertical_relaxed")

    def _tell(self, outcome: Outcome, now: datetime) -> None:
        """Call the listeners with what broke rules; one that fails is logged."""
        if not self.listeners:
            return
        failed = pa.concat_tables([outcome.counts, outcome.verdicts])
        sums = pl.DataFrame(failed).group_by("rule").agg(pl.col("failed").sum())
        found = [
            Found(self._rules[rule], count, now)
            for rule, count in sums.filter(pl.col("failed") > 0).iter_rows()
            if rule in self._rules
        ]
        for listener in tuple(self.listeners) if found else ():
            try:
                listener(found)
            except Exception:
                log.exception("a listener of quality failed")

    # ------------------------------------------------------------------ by the clock

    def tick(self) -> None:
        """Judge what is due by the clock; decide orphans that waited long enough; compact."""
        now = self.engine.clock.now()
        with self._evaluating:
            if not self.enabled or not self._rules:
                return
            families = ("clock", "query")
            rules = [
                each
                for each in self._rules.values()
                if each.rule.enabled and each.rule.kind.family in families
            ]
            judged = self._clocked.due(rules, now)
            self.problems |= self._clocked.problems
            overdue = self._orphans.filter(pl.col("until") < now.replace(tzinfo=None))
            if judged or overdue.height:
                found = said(judged, now)
                cells = {
                    (stored.id, "done"): self._clocked.done[stored.id].isoformat()
                    for stored, *_ in judged
                }
                outcome = Outcome(
                    verdicts=found.verdicts,
                    violations=found.violations,
                    withdrawn=found.withdrawn,
                    settled=tuple(overdue["id"].to_list()),
                    cells=cells,
                )
                self._store(outcome)
                self._tell(outcome, now)
        if now - self._compacted >= _COMPACT_EVERY:
            self._compacted = now
            self.store.compact(now)

    def close(self) -> None:
        """End; what is not evaluated yet is read from the log at the next opening."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._forget()
        self._let_go()
        self._thread.join(10)


def _done_of(cells: Mapping[tuple[str, str], str]) -> dict[str, datetime]:
    return {
        rule: datetime.fromisoformat(body).astimezone(UTC)
        for (rule, name), body in cells.items()
        if name == "done"
    }
