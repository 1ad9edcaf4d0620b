"""Custom metrics and formulas of a workspace: defined, changed, dropped, filled from the log.

A definition is a measure, so it travels with a commit: what it changes is handed to the writer's
thread, goes into the next commit, and is stored with what the metric counts in one transaction. A
back-fill is a chain of such commits, each of a bounded piece of the log, so that new events go on
in between; how far it is is stored with the states it added, so a crash repeats and skips nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.batches import MeasureAppends, nothing
from datawatch_lab.core.errors import InputError, WorkspaceError, not_found
from datawatch_lab.core.values import (
    Coverage,
    CustomMetric,
    Formula,
    MeasureDef,
    MeasureKind,
    MetricDef,
    TableInfo,
)
from datawatch_lab.metrics.custom import check_name, checked, metric_of
from datawatch_lab.metrics.formulas import (
    check_cycles,
    compile_formula,
    metric_of_formula,
    names_in,
    users_of,
)
from datawatch_lab.metrics.stage import derive

if TYPE_CHECKING:
    from datawatch_lab.core.settings import Settings
    from datawatch_lab.core.storage import Store
    from datawatch_lab.engine.engine import Engine
    from datawatch_lab.engine.measures import Derived, Measures
    from datawatch_lab.engine.registry import TableRegistry

log = logging.getLogger(__name__)

STEP_EVENTS = 50_000
"""Sequence numbers of the log that one commit of a back-fill reads."""

_SOURCE = "custom metrics"
_TRIES = 3


@dataclass(frozen=True)
class Outcome:
    """What a change brings to the commit that it goes with."""

    measures: tuple[MeasureDef, ...] = ()
    dropped: tuple[int, ...] = ()
    parts: tuple[MeasureAppends, ...] = ()


Work = Callable[["TableRegistry", int], Outcome]
"""Makes an outcome from the tables and the last sequence number that is stored."""


@dataclass
class Change:
    """A change that waits for a commit; ``work`` runs in the writer's thread."""

    work: Work
    done: Future[None] = field(default_factory=Future)


class CustomMetrics:
    """Definitions by name, and the changes that wait for the next commit.

    Any thread may call it; `bring`, `kept` and `failed` belong to the writer's thread.
    """

    def __init__(self, measures: Measures, store: Store, settings: Settings) -> None:
        self._measures = measures
        self._store = store
        self._settings = settings
        self._formulas = {each.name: each for each in store.definitions.formulas()}
        self._waiting: deque[Change] = deque()
        self._taken: Change | None = None
        self._named: dict[str, MeasureDef] | None = None
        self._lock = threading.RLock()
        self._filler: threading.Thread | None = None

    # ------------------------------------------------------------------ what there is

    @property
    def names(self) -> frozenset[str]:
        """Names of all custom metrics and formulas."""
        return frozenset({*self._by_name(), *self._formulas})

    def metrics(self, automatic: Mapping[str, MetricDef]) -> dict[str, MetricDef]:
        """The metrics that they make, by name."""
        made = {
            name: metric_of(measure.custom)
            for name, measure in sorted(self._by_name().items())
            if measure.custom is not None
        }
        waiting = dict(self._formulas)
        while waiting:  # those whose parts are known first; names that are gone hold nothing up
            ready = [f for f in waiting.values() if not names_in(f) & waiting.keys() - {f.name}]
            for each in ready or list(waiting.values()):
                made[each.name] = metric_of_formula(each, {**automatic, **made})
                del waiting[each.name]
        return made

    def measure(self, name: str) -> MeasureDef | None:
        """The measure of a custom metric; None when there is none of that name."""
        return self._by_name().get(name)

    def _by_name(self) -> dict[str, MeasureDef]:
        named = self._named
        if named is None:
            mine = (each for each in self._measures.all if each.kind is MeasureKind.CUSTOM)
            named = self._named = {each.field: each for each in mine}
        return named

    # ------------------------------------------------------------------ defining

    def define(
        self, engine: Engine, custom: CustomMetric, *, backfill: bool, replace: bool = False
    ) -> MeasureDef:
        """Define a custom metric, or change one.

        Args:
            engine: of the workspace.
            custom: as the user wrote it.
            backfill: fill it from the log; else it counts what comes from now on. The first piece
                of the log is in it when this returns, the rest follows.
            replace: change the one of that name; its states are made anew unless only unit or
                description differ.

        Raises:
            InputError: the name is not free or not well-formed, or the definition has a fault.
            NotFoundError: a table, a column, or the metric to be changed does not exist.
        """
        with self._lock:
            old = self._to_change(engine, custom.name) if replace else None
            if old is None:
                check_name(custom.name, engine.metrics())
            table = engine.table(custom.table)
            ready = checked(custom, table)
            if old is not None and old.custom is not None and _same_rows(old.custom, ready):
                self._change(engine, lambda *_: Outcome(measures=(_with(old, ready),)))
            else:
                since = engine.table_counts(table).last_ts
                self._change(
                    engine,
                    lambda registry, last_seq: self._made(
                        ready,
                        registry[table.id],
                        Coverage(upto=last_seq, backfill=backfill, since=since),
                        old,
                    ),
                )
            self.resume(engine)
            return self._by_name()[custom.name]

    def define_formula(self, engine: Engine, formula: Formula, *, replace: bool = False) -> None:
        """Define a formula, or change one.

        Raises:
            InputError: the name is not free or not well-formed, the formula has a fault, or rests
                on itself.
            NotFoundError: a metric that it names, or the formula to be changed, does not exist.
        """
        with self._lock:
            if replace:
                self._to_change(engine, formula.name)
                if formula.name not in self._formulas:
                    raise InputError(f"{formula.name} is no formula.", hint=_OTHER_KIND)
            else:
                check_name(formula.name, engine.metrics())
            check_cycles(formula, self._formulas)
            metrics = engine.metrics()
            compile_formula(formula.expression, metrics, self._measures.aggregations)
            self._store.definitions.put_formula(formula)
            self._formulas[formula.name] = formula
            self._measures.forget_names()

    def drop(self, engine: Engine, name: str) -> None:
        """Drop a custom metric with its states, or a formula.

        Raises:
            NotFoundError: there is no such metric.
            InputError: it is automatic, or formulas name it; says which.
        """
        with self._lock:
            measure = self._to_change(engine, name)
            users = users_of(name, self._formulas)
            if users:
                raise InputError(
                    f"{name} is used by {'the formula' if len(users) == 1 else 'formulas'} "
                    f"{', '.join(users)}.",
                    hint="Drop or change what uses it first.",
                    details={"used_by": users},
                )
            if measure is None:
                self._store.definitions.drop_formula(name)
                self._formulas.pop(name, None)
                self._measures.forget_names()
            else:
                self._change(engine, lambda *_: Outcome(dropped=(measure.id,)))

    def _to_change(self, engine: Engine, name: str) -> MeasureDef | None:
        """The measure of a metric that a user defined; None for a formula."""
        if name not in self.names:
            if name in engine.metrics():
                raise InputError(
                    f"{name} is an automatic metric; it is neither changed nor dropped.",
                    hint="Define a custom metric with another name.",
                )
            raise not_found("metric", name, self.names)
        return self.measure(name)

    def _made(
        self, custom: CustomMetric, table: TableInfo, coverage: Coverage, old: MeasureDef | None
    ) -> Outcome:
        made = MeasureDef(
            id=self._measures.new_id(),
            table_id=table.id,
            kind=MeasureKind.CUSTOM,
            field=custom.name,
            custom=custom,
            coverage=coverage,
        )
        dropped = () if old is None else (old.id,)
        if not coverage.backfill:
            return Outcome(measures=(made,), dropped=dropped)
        filled, parts = self._filled(made, table)
        return Outcome(measures=(filled,), dropped=dropped, parts=parts)

    # ------------------------------------------------------------------ filling from the log

    def resume(self, engine: Engine) -> None:
        """Go on with back-fills that are not done, in a thread of their own; harmless to repeat."""
        if self._unfilled() is None:
            return
        with self._lock:
            is_running = self._filler is not None and self._filler.is_alive()
            if not is_running:
                self._filler = threading.Thread(
                    target=self._fill, args=(engine,), name="datawatch-backfill", daemon=True
                )
                self._filler.start()

    def _unfilled(self) -> MeasureDef | None:
        return next(
            (
                each
                for each in self._by_name().values()
                if each.coverage and each.coverage.backfill and not each.coverage.complete
            ),
            None,
        )

    def _fill(self, engine: Engine) -> None:
        """Step by step, each a commit, until all is filled or the engine closes."""
        while self._unfilled() is not None:
            try:
                self._change(engine, self._step)
            except WorkspaceError:
                log.info("back-fills stop here; they go on when the workspace is opened again")
                return
            except Exception:
                log.exception("a back-fill failed; it is tried again when the metric is asked for")
                return

    def _step(self, registry: TableRegistry, last_seq: int) -> Outcome:
        del last_seq
        measure = self._unfilled()
        if measure is None:
            return Outcome()
        filled, parts = self._filled(measure, registry[measure.table_id])
        return Outcome(measures=(filled,), parts=parts)

    def _filled(
        self, measure: MeasureDef, table: TableInfo
    ) -> tuple[MeasureDef, tuple[MeasureAppends, ...]]:
        """A measure that covers one more piece of the log, and what that adds to its states."""
        coverage = measure.coverage
        if coverage is None or coverage.complete:
            return measure, ()
        end = min(coverage.done + STEP_EVENTS, coverage.upto)
        parts = tuple(
            derive(batch, [measure], self._measures.book, self._settings)
            for batch in self._measures.history.batches(table, coverage.done, end)
        )
        reached = Coverage(
            upto=coverage.upto, done=end, backfill=coverage.backfill, since=coverage.since
        )
        return _with(measure, measure.custom, reached), parts

    # ------------------------------------------------------------------ with the next commit

    def _change(self, engine: Engine, work: Work) -> None:
        """Have a change stored with a commit, and wait for it.

        A commit may fail for the events that it holds besides, so it is tried again.

        Raises:
            DataWatchError: it cannot be made, or not be stored; nothing changed.
        """
        for _ in range(_TRIES):
            change = Change(work)
            self._waiting.append(change)
            try:
                while not change.done.done():
                    engine.submit(nothing(_SOURCE)).result()
            except Exception:
                if self._withdrawn(change):
                    raise
            if change.done.exception() is not _NOT_STORED:
                break
        change.done.result()

    def _withdrawn(self, change: Change) -> bool:
        """Take a change back, unless the writer has it already."""
        try:
            self._waiting.remove(change)
        except ValueError:
            return False
        return True

    def bring(
        self, derived: Derived, registry: TableRegistry, last_seq: int
    ) -> tuple[MeasureAppends, ...]:
        """Put the next change that waits into what a commit derives; gives the states it adds."""
        if not self._waiting:
            return ()
        change = self._waiting.popleft()
        try:
            outcome = change.work(registry, last_seq)
        except Exception as error:  # noqa: BLE001 — handed to whoever waits
            change.done.set_exception(error)
            return ()
        self._taken = change
        derived.make(outcome.measures)
        derived.dropped += outcome.dropped
        return outcome.parts

    def kept(self) -> None:
        """The commit is stored."""
        if self._taken is not None:
            taken, self._taken, self._named = self._taken, None, None
            self._measures.forget_names()
            taken.done.set_result(None)

    def failed(self) -> None:
        """The commit failed, and with it the change that it held."""
        if self._taken is not None:
            taken, self._taken = self._taken, None
            taken.done.set_exception(_NOT_STORED)


_NOT_STORED = WorkspaceError("the metric could not be stored; nothing changed.")
_OTHER_KIND = "A custom metric does not become a formula; drop it and define it anew."


def _same_rows(old: CustomMetric, new: CustomMetric) -> bool:
    """Whether two definitions count the same rows, and need the same states."""
    return _bare(old) == _bare(new)


def _bare(custom: CustomMetric) -> CustomMetric:
    return msgspec.structs.replace(custom, unit="", description="")


def _with(
    measure: MeasureDef, custom: CustomMetric | None, coverage: Coverage | None = None
) -> MeasureDef:
    return msgspec.structs.replace(measure, custom=custom, coverage=coverage or measure.coverage)
