"""The databases that an engine watches: added, resumed, dropped, and how each is doing.

What is kept of a database is stored before anything is made on its server, so a crash leaves no
slot that nobody knows. Passwords are kept in memory only.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.addresses import expand, without_password
from datawatch_lab.core.errors import DataWatchError, InputError, not_found
from datawatch_lab.core.watching import Finding, Unwatched, Watch, WatchSettings, WatchState
from datawatch_lab.engine import sources
from datawatch_lab.engine.watching import kinds
from datawatch_lab.engine.watching.run import WatchRun

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)


class Watching:
    """Watched databases by name; any thread may call it.

    Args:
        engine: takes in what they send.
        environment: for ``${NAME}`` in addresses; that of the process by default.
    """

    def __init__(self, engine: Engine, environment: Mapping[str, str] | None = None) -> None:
        self._engine = engine
        self._environment = os.environ if environment is None else environment
        self._runs: dict[str, WatchRun] = {}
        self._faults: dict[str, DataWatchError] = {}
        self._lock = threading.RLock()
        self._closed = False

    def add(self, settings: WatchSettings, *, configured: bool = False) -> WatchState:
        """Watch a database; said again, its settings and password are those given now.

        Args:
            settings: what the user says of it.
            configured: it stands in the configuration, so that its server cannot be reached is
                shown, and tried again.

        Raises:
            InputError: the address cannot be read.
            SourceError: it is new, and its server cannot be reached or refuses.
        """
        sources.check_scheme(settings.url)
        url = expand(settings.url, self._environment)
        with self._lock:
            watch = self._define(settings, url, configured=configured)
            run = self._runs.get(watch.name)
            if run is not None and run.running and run.watch == watch and run.uses(url):
                return run.state()
            if watch.name not in self._known() and not configured:
                sources.probe(watch, url)
            if run is not None:
                run.stop()
            self._engine.store.watches.put(watch)
            return self._start(watch, url).state()

    def resume(self, configured: Sequence[WatchSettings] = ()) -> None:
        """Go on with all that are kept, and with those of the configuration.

        What cannot be started is shown as failed, with the reason.

        Raises:
            InputError: an address of the configuration cannot be read.
        """
        for settings in configured:
            self.add(settings, configured=True)
        for watch in self._known().values():
            if watch.name not in self._runs and not watch.configured:
                self._resume(watch)

    def states(self) -> list[WatchState]:
        """How each is doing, by name."""
        runs = dict(self._runs)
        known = {**self._known(), **{name: run.watch for name, run in runs.items()}}
        return [
            runs[name].state() if name in runs else self._idle(watch)
            for name, watch in sorted(known.items())
        ]

    def diagnose(self, name: str) -> list[Finding]:
        """What its server needs and has; see `engine.sources.diagnose`."""
        watch = self._named(name)
        return sources.diagnose(
            self._address(watch), slot=watch.slot, include=watch.include, exclude=watch.exclude
        )

    def drop(self, name: str, *, keep: bool = False) -> Unwatched:
        """Watch a database no more; tables and metrics stay.

        Args:
            name: of the source.
            keep: leave slot, publications and triggers on its server. A slot that nobody reads
                makes the server keep its log.

        Raises:
            NotFoundError: there is none of that name.
        """
        with self._lock:
            watch = self._named(name)
            url = self._address(watch)
            run = self._runs.pop(name, None)
            if run is not None:
                run.stop()
            self._faults.pop(name, None)
            left = f"slot and publications {watch.slot}, as asked" if keep else ""
            if not keep:
                left = _removed(url, watch)
            self._engine.store.watches.drop(name)
        return Unwatched(name=name, removed=not left, left=left)

    def close(self) -> None:
        """Stop reading; what is kept is gone on with by the next server."""
        with self._lock:
            self._closed = True
            for run in self._runs.values():
                run.stop()

    # ------------------------------------------------------------------ within

    def _known(self) -> dict[str, Watch]:
        return {each.name: each for each in self._engine.store.watches.all()}

    def _named(self, name: str) -> Watch:
        known = self._known()
        if name not in known:
            raise not_found("source", name, known)
        return known[name]

    def _define(self, settings: WatchSettings, url: str, *, configured: bool) -> Watch:
        """What is to be kept; an old one of that name keeps its slot."""
        kept = without_password(settings.url)
        if sources.holds_password(kept):
            raise InputError(
                "the password in the address cannot be told from the rest of it.",
                hint="Write it as postgresql://user:password@host/database, or use ${NAME}.",
            )
        made = Watch(
            name=settings.name,
            url=kept,
            slot=f"datawatch_{secrets.token_hex(4)}",
            include=tuple(settings.include),
            exclude=tuple(settings.exclude),
            snapshot=settings.snapshot,
            complete=kept == settings.url,
            configured=configured,
        )
        name = settings.name or sources.name_of(made, url)
        old = self._known().get(name)
        return msgspec.structs.replace(made, name=name, slot=old.slot if old else made.slot)

    def _start(self, watch: Watch, url: str) -> WatchRun:
        run = WatchRun(self._engine, watch, url)
        self._runs[watch.name] = run
        self._faults.pop(watch.name, None)
        if not self._closed:
            run.start()
        return run

    def _resume(self, watch: Watch) -> None:
        with self._lock:
            try:
                self._start(watch, self._address(watch))
            except DataWatchError as error:
                log.error("%s cannot be watched: %s", watch.name, error)  # noqa: TRY400 — told
                self._faults[watch.name] = error

    def _address(self, watch: Watch) -> str:
        """The address with its password, where this process knows it."""
        run = self._runs.get(watch.name)
        return run.address if run is not None else expand(watch.url, self._environment)

    def _idle(self, watch: Watch) -> WatchState:
        """The state of one that nobody reads."""
        fault = self._faults.get(watch.name)
        message, hint = (fault.message, fault.hint) if fault else ("not running", _GO_ON)
        if watch.configured and not fault:
            message = "not running; of a configuration file"
        return WatchState(
            name=watch.name,
            url=watch.url,
            slot=watch.slot,
            state="failed" if fault else "stopped",
            since=self._engine.started.isoformat().replace("+00:00", "Z"),
            message=message,
            hint=hint,
            include=list(watch.include),
            exclude=list(watch.exclude),
            resumes=watch.complete,
        )


_GO_ON = "`datawatch serve` or `datawatch watch` goes on with it."


def _removed(url: str, watch: Watch) -> str:
    """Take back what was made on the server; gives what is left there and why."""
    try:
        sources.remove_watched(watch, url)
    except DataWatchError as error:
        why = error.message.rstrip(".")
        if kinds.kind_of(url) is not None:
            return f"consumer {watch.slot}: {why}."
        later = f"SELECT pg_drop_replication_slot('{watch.slot}');"
        return f"slot and publications {watch.slot}: {why}. Later, in the database: {later}"
    return ""
