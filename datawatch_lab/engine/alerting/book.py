"""The rules of a workspace and how they stand: kept, made ready, asked about."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
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
    id_of,
)
from datawatch_lab.core.errors import DataWatchError, InputError, NotFoundError, not_found
from datawatch_lab.core.plans import check_room
from datawatch_lab.core.values import MetricDef
from datawatch_lab.core.who import current_who
from datawatch_lab.engine.alerting.episodes import Changes
from datawatch_lab.engine.alerting.grid import floor
from datawatch_lab.engine.alerting.rules import Ready, check_group, fault_of, make_ready
from datawatch_lab.engine.alerting.values import Values
from datawatch_lab.engine.alerting.windows import Span, Windows
from datawatch_lab.engine.own_metrics.alerts import METRIC
from datawatch_lab.store.alerting import AlertChange, AlertState, InstanceKey

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.telling import Telling
    from datawatch_lab.engine.engine import Engine

_LATER_METRICS = ("dq_score", "anomalies_active")


class Book(ABC):
    """Rules and their states; any thread may call it.

    Args:
        engine: of the workspace.
        state: as it was stored.

    Attributes:
        telling: what is told to channels, and when.
    """

    telling: Telling

    def __init__(self, engine: Engine, state: AlertState) -> None:
        self.engine = engine
        last = engine.store.alerts.settings() or AlertSettings()
        self.settings = msgspec.structs.replace(last, history=engine.settings.alerts_kept)
        self._rules = {each.id: each for each in state.rules}
        self._standings: dict[InstanceKey, Standing] = state.standings
        self._open = {(each.rule_id, each.labels): each for each in state.alerts if each.is_open}
        self._cursors = state.cursors
        self._ready: dict[str, Ready | DataWatchError] = {}
        self._ready_for: object = None
        self._extended: tuple[object, Mapping[str, MetricDef]] = (None, {})
        self._values = Values(engine)
        self._work = threading.RLock()

    @abstractmethod
    def _begin(self, stored: StoredRule) -> None:
        """A rule is new or changed."""

    # ------------------------------------------------------------------ rules

    def rules(self) -> list[StoredRule]:
        """Rules in order of name."""
        return sorted(self._rules.values(), key=lambda each: each.rule.name)

    def with_metrics(self, named: Mapping[str, MetricDef]) -> Mapping[str, MetricDef]:
        """Metrics by name with that of alerts; the same object while nothing has changed."""
        if not self._rules or METRIC.name in named:
            return named
        base, whole = self._extended
        if base is not named:
            whole = {**named, METRIC.name: METRIC}
            self._extended = (named, whole)
        return whole

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
            elif old is not None and _is_about_else(old.rule, rule):
                self._end_all(change, stored.id, "the rule was changed")
            self._store(change)
            self._rules[stored.id] = stored
            self._ready.pop(stored.id, None)
            self._begin(stored)
            return stored

    def _new_id(self, rule: AlertRule) -> str:
        id_ = rule_id(rule)
        return id_ if id_ not in self._rules else rule_id(rule, len(self._rules))

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
        """End the open alerts of a rule, and take all its instances back to normal."""
        now = floor(self.engine.clock.now(), timedelta(minutes=1))
        for key, alert in list(self._open.items()):
            if key[0] == rule:
                change.end(alert, now, by=why)
        for key, standing in self._standings.items():
            if key[0] == rule and standing.state != "normal":
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

    def _store(self, change: Changes) -> None:
        """Store a change, then remember it."""
        self.engine.store.alerts.put(change.stored)
        self._standings |= change.stored.standings
        self._cursors |= change.stored.cursors
        for alert in change.stored.alerts:
            key = (alert.rule_id, alert.labels)
            if alert.is_open:
                self._open[key] = alert
            else:
                self._open.pop(key, None)
        self.telling.note(change.stored)

    def exclusive(self) -> threading.RLock:
        """Held while nothing is decided, so that what is read is still so when it is stored."""
        return self._work

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

    def subjects(self) -> Iterator[tuple[str, set[str], set[str], set[str]]]:
        """(name, metrics, tables that it names, labels) of each rule that can be decided."""
        for stored in self.rules():
            ready = self._made_ready(stored)
            if isinstance(ready, Ready):
                named = {value for name, value in stored.rule.filters if name == "table"}
                tables = named | ({stored.rule.table} - {""})
                labels = {name for name, _ in stored.rule.filters} | {*stored.rule.group_by}
                yield stored.rule.name, {each.name for each in ready.metrics}, tables, labels

    def standings(self, rule: str) -> dict[Labels, Standing]:
        """The instances of a rule by labels."""
        return {key[1]: each for key, each in list(self._standings.items()) if key[0] == rule}

    def state_of(self, stored: StoredRule) -> tuple[str, str]:
        """The gravest state of a rule's instances, and why it is in it."""
        found = self._made_ready(stored) if stored.rule.is_enabled else None
        if isinstance(found, DataWatchError):
            return "error", fault_of(found)
        every = self.standings(stored.id).values()
        gravest = max(every, key=lambda each: _GRAVITY.index(each.state), default=NEW)
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
        stored = live or self.engine.store.alerts.one(id_)
        if stored is None:
            raise not_found("alert", id_, [each.id for each in self.active()])
        return stored

    def user(self) -> str:
        """Who asks now."""
        return current_who().name


NEW = Standing()
_GRAVITY = ("normal", "recovering", "no_data", "pending", "error", "firing")


def _is_about_else(old: AlertRule, new: AlertRule) -> bool:
    """Whether a rule is about other instances than before, so that states say nothing of it."""
    about = ("type", "table", "metric", "filters", "group_by")
    return any(getattr(old, name) != getattr(new, name) for name in about)


def rule_id(rule: AlertRule, number: int = 0) -> str:
    """The id of a new rule, the same for the same name."""
    return id_of("rule", rule.name, *([number] if number else []))
