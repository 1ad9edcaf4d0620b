"""Alerts of a workspace: rules evaluated as minutes close, their states, what follows of them.

Evaluation goes by event time: each rule is decided at the end of every evaluation interval, once
its tables are closed up to there, in order, whenever that is. So a restart goes on where it was,
and the same minutes decide the same. What a step changes is stored in one transaction: states,
alerts, notices to be told and the cursor.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from datawatch_lab.core.alerting import (
    Alert,
    AlertRule,
    AlertSettings,
    Labels,
    Standing,
    StoredRule,
)
from datawatch_lab.core.errors import DataWatchError, InputError, NotFoundError, not_found
from datawatch_lab.core.plans import check_room
from datawatch_lab.core.who import current_who
from datawatch_lab.engine.alerting_episodes import Changes, finite
from datawatch_lab.engine.alerting_rules import Ready, check_group, decide, fault_of, make_ready
from datawatch_lab.engine.alerting_telling import Telling
from datawatch_lab.engine.alerting_values import Values, floor
from datawatch_lab.engine.alerting_windows import Span, Windows
from datawatch_lab.store.alerting import AlertChange, InstanceKey

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

_LATER_METRICS = ("dq_score", "anomalies_active")
_REST_SECONDS = 0.2


class Alerting:
    """Rules and their states; any thread may call it.

    Args:
        engine: of the workspace.

    Attributes:
        telling: what is told to channels, and when.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settings = AlertSettings()
        state = engine.store.alert_state()
        self._rules = {each.id: each for each in state.rules}
        self._standings: dict[InstanceKey, Standing] = state.standings
        self._open = {(each.rule_id, each.labels): each for each in state.alerts if each.is_open}
        self._cursors = state.cursors
        self._ready: dict[str, Ready | DataWatchError] = {}
        self._ready_for: object = None
        self._values = Values(engine)
        self._work = threading.RLock()
        self._due = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self.problem = ""
        self.telling = Telling(self, state)
        self._unsubscribe = engine.on_close(lambda *_: self._due.set())

    # ------------------------------------------------------------------ running

    def start(self, settings: AlertSettings | None = None, rules: Sequence[AlertRule] = ()) -> None:
        """Evaluate from now on, and tell; ``rules`` are those of the configuration.

        A configured rule that is not in the configuration any more is dropped.
        """
        with self._work:
            self.settings = settings or self.settings
            self._configure(rules if settings is not None else None)
            if self._thread is None and self.settings.enabled:
                self._thread = threading.Thread(
                    target=self._run, name="datawatch-alerts", daemon=True
                )
                self._thread.start()
                self.telling.start()
        self._due.set()

    def close(self) -> None:
        """Stop between two steps; what is due is done after the next opening."""
        if self._closed:
            return
        self._closed = True
        self._unsubscribe()
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        self.telling.close()

    def _run(self) -> None:
        while not self._closed:
            self._due.wait()
            self._due.clear()
            try:
                self.evaluate_due()
                self.problem = ""
            except Exception as error:
                if self._closed:
                    return
                self.problem = str(error)
                log.exception("alert rules could not be evaluated; they are tried again")
                self._due.set()
            threading.Event().wait(_REST_SECONDS)  # what closes together is evaluated together

    # ------------------------------------------------------------------ rules

    def rules(self) -> list[StoredRule]:
        """Rules in order of name."""
        return sorted(self._rules.values(), key=lambda each: each.rule.name)

    def rule(self, id_: str) -> StoredRule:
        """A rule by id or name; a `NotFoundError` otherwise."""
        found = self._rules.get(id_) or self._named(id_)
        if found is None:
            raise not_found("alert rule", id_, [each.rule.name for each in self._rules.values()])
        return found

    def _named(self, name: str) -> StoredRule | None:
        return next((each for each in self._rules.values() if each.rule.name == name), None)

    def check(self, rule: AlertRule) -> Ready | None:
        """The rule made ready; None when its metric comes with a stage that has not run yet.

        Raises:
            InputError: it cannot be evaluated; says why.
        """
        now = self.engine.clock.now()
        stored = StoredRule(id=rule_id(rule), rule=rule, created=now, updated=now)
        try:
            ready = make_ready(self.engine, stored)
        except NotFoundError:
            if rule.metric.startswith(_LATER_METRICS):
                return None
            raise
        check_group(self.engine, ready, self._windows(now))
        return ready

    def put(
        self, rule: AlertRule, id_: str | None = None, *, configured: bool = False
    ) -> StoredRule:
        """Add a rule, or change the one of that id.

        Raises:
            InputError: it cannot be evaluated, or its name is taken; says why.
            NotFoundError: there is no rule of that id.
            PlanError: there are as many as the plan allows.
        """
        with self._work:
            if not configured:
                self.check(rule)
            old = self.rule(id_) if id_ is not None else None
            same = self._named(rule.name)
            if same is not None and same is not old:
                raise InputError(
                    f"there is an alert rule {rule.name!r} already.",
                    hint="Change that one, or take another name.",
                )
            if old is not None and old.configured and not configured:
                raise InputError(
                    f"alert rule {old.rule.name!r} stands in the configuration file.",
                    hint="Change it there.",
                )
            if old is None:
                check_room(self.engine.settings.plan, "alert_rules", len(self._rules))
            now = self.engine.clock.now()
            stored = StoredRule(
                id=old.id if old else self._new_id(rule),
                rule=rule,
                created=old.created if old else now,
                updated=now,
                configured=configured,
            )
            change = Changes(self, now)
            change.stored.rules.append(stored)
            if old is not None and not rule.is_enabled:
                self._end_all(change, stored.id, "the rule was switched off")
            self._store(change)
            self._rules[stored.id] = stored
            self._ready.pop(stored.id, None)
            self._begin(stored)
            return stored

    def _new_id(self, rule: AlertRule) -> str:
        id_ = rule_id(rule)
        return id_ if id_ not in self._rules else rule_id(rule, len(self._rules))

    def _begin(self, stored: StoredRule) -> None:
        """Evaluate a new rule once at the newest closed minute, so that its state is known."""
        found = self._made_ready(stored)
        if isinstance(found, Ready) and stored.rule.is_enabled:
            at = self._cursors.get(_clock_name(found))
            if at is not None and not any(key[0] == stored.id for key in self._standings):
                self._evaluate([found], at, {})
        self._due.set()

    def drop(self, id_: str) -> StoredRule:
        """Forget a rule; its open alerts end, their history stays.

        Raises:
            NotFoundError: there is none.
            InputError: it stands in the configuration.
        """
        with self._work:
            stored = self.rule(id_)
            if stored.configured:
                raise InputError(
                    f"alert rule {stored.rule.name!r} stands in the configuration file.",
                    hint="Take it out there, or set enabled: false.",
                )
            self._forget(stored)
            return stored

    def _forget(self, stored: StoredRule) -> None:
        change = Changes(self, self.engine.clock.now())
        self._end_all(change, stored.id, "the rule was dropped")
        change.stored.dropped_rules.append(stored.id)
        change.stored.standings.clear()
        self._store(change)
        self._rules.pop(stored.id, None)
        self._ready.pop(stored.id, None)
        for key in [key for key in self._standings if key[0] == stored.id]:
            del self._standings[key]

    def _end_all(self, change: Changes, rule: str, why: str) -> None:
        now = floor(self.engine.clock.now(), timedelta(minutes=1))
        for key, alert in list(self._open.items()):
            if key[0] == rule:
                change.end(alert, now, by=why)
                change.stored.standings[key] = Standing(state="normal", since=now)

    def _configure(self, rules: Iterable[AlertRule] | None) -> None:
        if rules is None:
            return
        given = {each.name: each for each in rules}
        for stored in self.rules():
            if stored.configured and stored.rule.name not in given:
                self._forget(stored)
        for name, rule in given.items():
            old = self._named(name)
            if old is None or old.rule != rule or not old.configured:
                self.put(rule, old.id if old else None, configured=True)

    # ------------------------------------------------------------------ evaluating

    def evaluate_due(self) -> int:
        """Decide all that is closed and not decided yet; gives the steps that it took."""
        steps = 0
        while not self._closed:
            with self._work:
                due = self._next()
                if due is None:
                    return steps
                at, ready, cursors = due
                self._evaluate(ready, at, cursors)
                steps += 1
        return steps

    def _next(self) -> tuple[datetime, list[Ready], dict[str, datetime]] | None:
        """The earliest moment that can be decided, and all rules that can be decided at it."""
        found: dict[datetime, tuple[list[Ready], dict[str, datetime]]] = {}
        clocks: dict[str, datetime | None] = {}
        for ready in self._all_ready():
            name = _clock_name(ready)
            if name not in clocks:
                clocks[name] = self._due_at(name, ready)
            at = clocks[name]
            if at is not None:
                listed, cursors = found.setdefault(at, ([], {}))
                listed.append(ready)
                cursors[name] = at
        if not found:
            return None
        at = min(found)
        return at, *found[at]

    def _due_at(self, name: str, ready: Ready) -> datetime | None:
        closed = self._closed_until(ready)
        if closed is None:
            return None
        interval = self.settings.evaluation_interval
        newest = floor(closed, interval)
        cursor = self._cursors.get(name)
        if cursor is None:
            return newest
        oldest = self.engine.clock.now() - self.engine.settings.allowed_lateness
        due = max(cursor + interval, floor(oldest, interval))  # what is older is history
        return due if due <= newest else None

    def _closed_until(self, ready: Ready) -> datetime | None:
        closing = self.engine.closing
        ids = {each.name: each.id for each in self.engine.tables()}
        if "" in ready.tables:
            every = [closing.until(each) for each in ids.values()]
            return max((each for each in every if each), default=None)
        found = [closing.until(ids[name]) if name in ids else None for name in ready.tables]
        known = [each for each in found if each is not None]
        return min(known) if known and len(known) == len(found) else None

    def _all_ready(self) -> list[Ready]:
        known = self.engine.metrics()
        if known is not self._ready_for:
            kept = {id_: each for id_, each in self._ready.items() if isinstance(each, Ready)}
            self._ready = {id_: each for id_, each in kept.items() if each.rests_on(known)}
            self._ready_for = known
        made = [self._made_ready(each) for each in self._rules.values() if each.rule.is_enabled]
        return [each for each in made if isinstance(each, Ready)]

    def _made_ready(self, stored: StoredRule) -> Ready | DataWatchError:
        found = self._ready.get(stored.id)
        if found is None:
            try:
                found = make_ready(self.engine, stored)
            except DataWatchError as error:
                found = error
            self._ready[stored.id] = found
        return found

    def _windows(self, at: datetime) -> Windows:
        zone = ZoneInfo(self.engine.settings.timezone)
        return Windows(self._values, Span(at, at), zone, self.settings.baseline_window)

    def _evaluate(
        self, ready: Sequence[Ready], at: datetime, cursors: Mapping[str, datetime]
    ) -> None:
        windows = self._windows(at)
        faults: dict[str, str] = {}
        try:
            windows.prepare((ask, term) for each in ready for term, ask in each.needs.items())
        except DataWatchError:  # one of them; then each by itself
            windows, faults = self._prepared_apart(ready, at)
        change = Changes(self, self.engine.clock.now())
        change.stored.cursors.update(cursors)
        for each in ready:
            fault = faults.get(each.id, "")
            for labels in [()] if fault else each.labels(windows):
                self._decide(each, windows, labels, at, change, fault)
        self._store(change)

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
        before = self._standings.get((ready.id, labels), _NEW)
        if fault:
            change.fault(ready, labels, before, at, fault)
            return
        verdict, after, event = decide(ready, windows, labels, before, at)
        if after is not before:
            change.moved(ready, labels, before, after, at, verdict)
        if event == "fired":
            change.fire(ready, labels, after, verdict)
        elif event == "resolved":
            alert = self._open[ready.id, labels]
            change.end(msgspec.structs.replace(alert, last_value=finite(verdict.value)), at)
        elif after.fired is not None and verdict.value == verdict.value:
            live = self._open.get((ready.id, labels))
            if live is not None:
                self._open[ready.id, labels] = msgspec.structs.replace(
                    live, last_value=verdict.value
                )

    def _store(self, change: Changes) -> None:
        """Store a change, then remember it."""
        self.engine.store.put_alerts(change.stored)
        self._standings |= change.stored.standings
        self._cursors |= change.stored.cursors
        for alert in change.stored.alerts:
            key = (alert.rule_id, alert.labels)
            if alert.is_open:
                self._open[key] = alert
            else:
                self._open.pop(key, None)
        self.telling.note(change.stored)

    def commit(self, change: AlertChange) -> None:
        """Store what a user or `Telling` changes."""
        with self._work:
            made = Changes(self, self.engine.clock.now())
            made.stored = change
            self._store(made)

    # ------------------------------------------------------------------ what there is

    def active(self) -> list[Alert]:
        """Alerts that are not over, newest first."""
        return sorted(self._open.copy().values(), key=lambda each: each.fired, reverse=True)

    def standings(self, rule: str) -> dict[Labels, Standing]:
        """The instances of a rule by labels."""
        return {key[1]: each for key, each in list(self._standings.items()) if key[0] == rule}

    def state_of(self, stored: StoredRule) -> tuple[str, str]:
        """The gravest state of a rule's instances, and why it is in it."""
        found = self._made_ready(stored) if stored.rule.is_enabled else None
        if isinstance(found, DataWatchError):
            return "error", fault_of(found)
        every = self.standings(stored.id).values()
        gravest = max(every, key=lambda each: _GRAVITY.index(each.state), default=_NEW)
        return gravest.state, gravest.reason

    def reading_of(self, stored: StoredRule) -> str:
        """The condition in words; '' when it cannot be read."""
        found = self._made_ready(stored)
        return found.reading if isinstance(found, Ready) else ""

    def ready_of(self, stored: StoredRule) -> Ready:
        """A rule made ready.

        Raises:
            DataWatchError: it cannot be evaluated; says why.
        """
        found = self._made_ready(stored)
        if isinstance(found, Ready):
            return found
        raise found

    def alert(self, id_: str) -> Alert:
        """An alert by id, open or over; of open ones the first 8 letters are enough."""
        found = [each for each in self.active() if each.id == id_ or each.id[:8] == id_]
        live = found[0] if len(found) == 1 else None
        stored = live or self.engine.store.alert(id_)
        if stored is None:
            raise not_found("alert", id_, [each.id for each in self.active()])
        return stored

    def user(self) -> str:
        """Who asks now."""
        return current_who().name


_NEW = Standing()
_GRAVITY = ("normal", "recovering", "no_data", "pending", "error", "firing")


def _clock_name(ready: Ready) -> str:
    """What is evaluated together: the rules on the same tables."""
    return "|".join(sorted(ready.tables))


def rule_id(rule: AlertRule, number: int = 0) -> str:
    """The id of a new rule, the same for the same name."""
    from datawatch_lab.core.alerting import id_of

    return id_of("rule", rule.name, *([number] if number else []))
