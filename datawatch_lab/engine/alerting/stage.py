"""Alerts of a workspace: rules evaluated as minutes close, their states, what follows of them.

Evaluation goes by event time: each rule is decided at the end of every evaluation interval, once
its tables are closed up to there, in order, whenever that is. So a restart goes on where it was,
and the same minutes decide the same. What a step changes is stored in one transaction: states,
alerts, notices to be told and the cursor.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.alerting import AlertRule, AlertSettings, Labels, Standing, StoredRule
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.engine.alerting.book import NEW, Book
from datawatch_lab.engine.alerting.due import clock_name, next_due
from datawatch_lab.engine.alerting.episodes import Changes, finite
from datawatch_lab.engine.alerting.rules import Ready, decide, fault_of
from datawatch_lab.engine.alerting.telling import Telling
from datawatch_lab.engine.alerting.windows import Windows

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

_REST_SECONDS = 0.2


class Alerting(Book):
    """Rules and their states; any thread may call it.

    Args:
        engine: of the workspace.

    Attributes:
        telling: what is told to channels, and when.
    """

    def __init__(self, engine: Engine) -> None:
        state = engine.store.alerts.state()
        super().__init__(engine, state)
        self._due = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem = ""
        self.telling = Telling(self, state)
        self._unsubscribe = engine.on_close(lambda *_: self._due.set())

    # ------------------------------------------------------------------ running

    def start(self, settings: AlertSettings | None = None, rules: Sequence[AlertRule] = ()) -> None:
        """Evaluate from now on, and tell; ``rules`` are those of the configuration.

        A configured rule that is not in the configuration any more is dropped. Settings are
        remembered, but for the channels, for who opens the workspace without any.
        """
        with self._work:
            if settings is not None:
                self._take(settings)
            self._configure(rules if settings is not None else None)
            if self._thread is None and self.settings.enabled:
                self._thread = threading.Thread(
                    target=self._run, name="datawatch-alerts", daemon=True
                )
                self._thread.start()
                self.telling.start()
        self._due.set()

    def _take(self, settings: AlertSettings) -> None:
        self.settings = settings
        try:
            self.engine.store.alerts.keep_settings(settings)
        except DataWatchError as error:  # a full disk; they hold all the same
            log.warning("the settings of alerts could not be remembered: %s", error)

    def close(self) -> None:
        """Stop between two steps; what is due is done after the next opening."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._unsubscribe()
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        self.telling.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._due.wait()
            self._due.clear()
            try:
                if self.settings.enabled:
                    self.evaluate_due()
                self.problem = ""
            except Exception as error:
                if self._ended.is_set():
                    return
                self.problem = str(error)
                log.exception("alert rules could not be evaluated; they are tried again")
                self._due.set()
            self._ended.wait(_REST_SECONDS)  # what closes together is evaluated together

    # ------------------------------------------------------------------ evaluating

    def evaluate_due(self) -> int:
        """Decide all that is closed and not decided yet; gives the steps that it took."""
        steps = 0
        while not self._ended.is_set():
            with self._work:
                interval = self.settings.evaluation_interval
                due = next_due(self.engine, self._all_ready(), self._cursors, interval)
                if due is None:
                    return steps
                self._evaluate(due.ready, due.at, due.cursors)
                steps += 1
        return steps

    def _begin(self, stored: StoredRule) -> None:
        """Evaluate a new rule once at the newest closed minute, so that its state is known."""
        found = self._made_ready(stored)
        if isinstance(found, Ready) and stored.rule.is_enabled:
            at = self._cursors.get(clock_name(found))
            if at is not None and not any(key[0] == stored.id for key in self._standings):
                self._evaluate([found], at, {})
        self._due.set()

    def _evaluate(
        self, ready: Sequence[Ready], at: datetime, cursors: Mapping[str, datetime]
    ) -> None:
        for settle in dict.fromkeys(each for rule in ready for each in rule.settle()):
            settle(self.engine)
        windows = self._windows(at)
        faults: dict[str, str] = {}
        try:
            windows.prepare((ask, term) for each in ready for term, ask in each.needs.items())
        except DataWatchError:  # one of them; then each by itself
            windows, faults = self._prepared_apart(ready, at)
        change = Changes(self, self.engine.clock.now())
        change.stored.cursors.update(cursors)
        restless = self._restless()
        for each in ready:
            fault, before = faults.get(each.id, ""), restless.get(each.id, set())
            if fault:
                self._decide(each, windows, (), at, change, fault)
                continue
            if each.rule.group_by and () in before:  # a fault of the whole rule, which is over
                before.discard(())
                change.stored.standings[each.id, ()] = Standing(state="normal", since=at)
            for labels in sorted({*each.labels(windows), *before}):
                self._decide(each, windows, labels, at, change, fault)
        self._store(change)

    def _restless(self) -> dict[str, set[Labels]]:
        """Labels of the instances that are not normal, by rule.

        They are decided also when there are no values for them any more.
        """
        found: dict[str, set[Labels]] = {}
        for (rule, labels), standing in self._standings.items():
            if standing.state != "normal":
                found.setdefault(rule, set()).add(labels)
        return found

    def _prepared_apart(
        self, ready: Sequence[Ready], at: datetime
    ) -> tuple[Windows, dict[str, str]]:
        windows = self._windows(at)
        faults: dict[str, str] = {}
        for each in ready:
            try:
                windows.prepare((ask, term) for term, ask in each.needs.items())
            except DataWatchError as error:
                faults[each.id] = fault_of(error)
        return windows, faults

    def _decide(
        self,
        ready: Ready,
        windows: Windows,
        labels: Labels,
        at: datetime,
        change: Changes,
        fault: str,
    ) -> None:
        before = self._standings.get((ready.id, labels), NEW)
        if fault:
            change.fault(ready, labels, before, at, fault)
            return
        verdict, after, event = decide(ready, windows, labels, before, at)
        if after is not before:
            change.moved(ready, labels, before, after, at, verdict)
        if event == "fired":
            words = ready.words(self.engine, labels, at)
            change.fire(ready, labels, after, verdict, words)
        elif event == "resolved":
            alert = self._open[ready.id, labels]
            change.end(msgspec.structs.replace(alert, last_value=finite(verdict.value)), at)
        elif after.fired is not None and verdict.value == verdict.value:
            live = self._open.get((ready.id, labels))
            if live is not None:
                self._open[ready.id, labels] = msgspec.structs.replace(
                    live, last_value=verdict.value
                )
