"""Dashboards of a workspace: kept in memory, each change stored with the version that it makes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec.structs import replace

from datawatch_lab.core.dashboards import Dashboard, Tile, is_uuid, widget_id
from datawatch_lab.core.dashboards.known import Known
from datawatch_lab.core.dashboards.versions import Version, What
from datawatch_lab.core.errors import ConflictError, NotFoundError, not_found
from datawatch_lab.core.plans import check_room
from datawatch_lab.core.who import current_who
from datawatch_lab.dashboards.difference import Difference, differences
from datawatch_lab.engine.beside import listening

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Listener = Callable[[str], None]

AUTOSAVE = timedelta(minutes=10)
"""Automatic saves of one user within this time of the first of them make one version."""

_MOST_WORDS = 3


class Dashboards:
    """The dashboards; any thread may call it. One per engine, ``engine.beside(Dashboards)``.

    Args:
        engine: of the workspace.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._boards = {each.id: each for each in engine.store.dashboards.all()}
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._runs: dict[str, tuple[int, datetime]] = {}
        """Of each board that is saved by itself: the last version, and when the first was made."""

    # ------------------------------------------------------------------ asking

    def all(self) -> list[Dashboard]:
        """Dashboards in order of name."""
        return sorted(self._boards.values(), key=lambda each: (each.name.lower(), each.id))

    def get(self, which: str) -> Dashboard:
        """A dashboard by id or name.

        Raises:
            NotFoundError: there is none; names the nearest.
        """
        found = self._boards.get(which.lower()) or self._named(which)
        if found is None:
            raise not_found("dashboard", which, [each.name for each in self._boards.values()])
        return found

    def widget(self, id_: str) -> tuple[Dashboard, Tile]:
        """A tile by its widget id, and its dashboard.

        Raises:
            NotFoundError: there is none.
        """
        for board in self._boards.values():
            for tile in board.tiles:
                if widget_id(board.id, tile.id) == id_.lower():
                    return board, tile
        raise NotFoundError(
            f"no widget {id_!r}.", hint="The widgets of a dashboard are in its answer."
        )

    def shown_metrics(self) -> frozenset[str]:
        """Names of the metrics that some tile asks for."""
        return frozenset(
            query.metric
            for board in self._boards.values()
            for tile in board.tiles
            for query in tile.all_queries
            if query.metric
        )

    def known(self) -> Known:
        """What queries may name now."""
        return Known(
            {name: each.labels for name, each in self._engine.metrics().items()},
            tuple(each.name for each in self._engine.tables()),
            self._engine.store.gate.named_in,
        )

    def _named(self, name: str) -> Dashboard | None:
        return next((each for each in self._boards.values() if each.name == name), None)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call a function with the id of a dashboard after each change of it; gives what ends that.

        It is called in the thread that made the change, after it was stored.
        """
        return listening(self._listeners, listener)

    # ------------------------------------------------------------------ changing

    def add(self, board: Dashboard, *, rename: bool = False) -> Dashboard:
        """Store a new dashboard.

        Args:
            board: its id is kept where it is free.
            rename: give it another name where its own is taken.

        Raises:
            ConflictError: a dashboard of that name or id is there.
            PlanError: there are as many as the plan allows.
        """
        with self._lock:
            check_room(self._engine.settings.plan, "dashboards", len(self._boards))
            if board.id in self._boards:
                raise ConflictError(
                    f"there is a dashboard {self._boards[board.id].name!r} of that id already.",
                    hint="Change that one, or leave the id out for a new one.",
                )
            name = self._free_name(board.name) if rename else board.name
            self._check_name(name, "")
            now = self._engine.clock.now()
            made = replace(
                board,
                name=name,
                id=board.id or str(uuid4()),
                version=self._last_version(board.id) + 1,
                created_by=current_who().name,
                created_at=now,
                updated_at=now,
            )
            self._store(made, "made", "")
            return made

    def change(
        self, board: Dashboard, *, expected: int | None = None, autosave: bool = False
    ) -> Dashboard:
        """Store a dashboard in place of the one of its id; the same one again makes no version.

        Args:
            board: with its id.
            expected: version that the change was made to; None for whichever there is.
            autosave: nobody asked for it: such changes of one user within ten minutes make one
                version.

        Raises:
            NotFoundError: there is none.
            ConflictError: there is a newer version than the expected, or the name is taken.
        """
        with self._lock:
            old = self.get(board.id)
            if expected is not None and expected != old.version:
                raise ConflictError(
                    f"dashboard {old.name!r} is at version {old.version} by now, the change was "
                    f"made to version {expected}.",
                    hint="Load it anew and make the change again, or leave the version out.",
                    details={"version": old.version},
                )
            self._check_name(board.name, old.id)
            return self._changed(old, board, "autosaved" if autosave else "changed")

    def update(
        self,
        which: str,
        change: Callable[[Dashboard], Dashboard],
        *,
        expected: int | None = None,
        autosave: bool = False,
    ) -> Dashboard:
        """Change a dashboard as it is now: nothing that is done meanwhile is lost.

        Args:
            which: its id or name.
            change: gives the dashboard to store of the one that there is; called under the lock.
            expected: version that the change was made to; None for whichever there is.
            autosave: see `change`.

        Raises:
            NotFoundError: there is none.
            ConflictError: there is a newer version than the expected, or the name is taken.
        """
        with self._lock:
            made = change(self.get(which))
            return self.change(made, expected=expected, autosave=autosave)

    def _changed(self, old: Dashboard, new: Dashboard, what: What, words: str = "") -> Dashboard:
        made = replace(
            new,
            id=old.id,
            version=old.version + 1,
            created_by=old.created_by,
            created_at=old.created_at,
            updated_at=self._engine.clock.now(),
        )
        found = differences(old, made)
        if not found:
            return old
        replaces, began = 0, made.updated_at or self._engine.clock.now()
        if what == "autosaved":
            replaces, began = self._autosaved(old, began)
        self._store(made, what, words or _words(found), replaces=replaces)
        self._runs[made.id] = made.version, began
        return made

    def drop(self, which: str) -> Dashboard:
        """Forget a dashboard; its versions are kept, and `rollback` brings it back.

        Raises:
            NotFoundError: there is none.
        """
        with self._lock:
            old = self.get(which)
            change = self._version(old, "dropped", "", self._engine.clock.now())
            gone = replace(change, version=old.version + 1)
            self._engine.store.dashboards.store(gone, None)
            self._boards = {id_: each for id_, each in self._boards.items() if id_ != old.id}
        self._tell(old.id)
        return old

    def rollback(self, which: str, version: int) -> Dashboard:
        """Make an earlier version the newest one; also of a dashboard that was dropped, by its id.

        Raises:
            NotFoundError: there is no such dashboard or version; says which there are.
            PlanError: a dropped one is one more than the plan allows.
        """
        with self._lock:
            wanted = self.at(which, version)
            words = f"as of version {version}"
            if wanted.id in self._boards:
                self._check_name(wanted.name, wanted.id)
                return self._changed(self._boards[wanted.id], wanted, "restored", words)
            check_room(self._engine.settings.plan, "dashboards", len(self._boards))
            self._check_name(wanted.name, wanted.id)
            made = replace(
                wanted,
                version=self._last_version(wanted.id) + 1,
                updated_at=self._engine.clock.now(),
            )
            self._store(made, "restored", words)
            return made

    # ------------------------------------------------------------------ versions

    def versions(self, which: str) -> list[Version]:
        """Versions of a dashboard, newest first; by its id also of one that was dropped.

        Raises:
            NotFoundError: there never was one, or its versions are not kept any more.
        """
        is_gone = which.lower() not in self._boards and is_uuid(which)
        id_ = which.lower() if is_gone else self.get(which).id
        found = self._engine.store.dashboards.versions(id_)
        if not found:
            raise not_found("dashboard", which, [each.name for each in self._boards.values()])
        return found

    def dropped(self) -> list[Version]:
        """The last change of each dashboard that was dropped, newest first."""
        found = self._engine.store.dashboards.versions("")
        last = {each.dashboard: each for each in reversed(found)}
        gone = (each for each in last.values() if each.what == "dropped")
        return sorted(gone, key=lambda each: each.at, reverse=True)

    def at(self, which: str, version: int) -> Dashboard:
        """A dashboard as of a version.

        Raises:
            NotFoundError: there is none of that number.
        """
        kept = self.versions(which)
        found = self._engine.store.dashboards.version(kept[0].dashboard, version)
        if found is None:
            known = [str(each.version) for each in kept if each.what != "dropped"]
            raise not_found("version", str(version), known, where=which)
        return found

    def difference(self, which: str, old: int, new: int | None = None) -> list[Difference]:
        """What lies between two versions; up to the newest for None."""
        after = self.get(which) if new is None else self.at(which, new)
        return differences(self.at(which, old), after)

    # ------------------------------------------------------------------ storing

    def _store(self, board: Dashboard, what: What, words: str, *, replaces: int = 0) -> None:
        change = self._version(board, what, words, board.updated_at or self._engine.clock.now())
        self._engine.store.dashboards.store(change, board, replaces=replaces)
        self._boards = {**self._boards, board.id: board}
        self._tell(board.id)

    def _version(self, board: Dashboard, what: What, words: str, now: datetime) -> Version:
        return Version(
            dashboard=board.id,
            version=board.version,
            at=now,
            who=current_who().name,
            what=what,
            words=words,
            after_seq=self._engine.last_seq,
        )

    def _autosaved(self, board: Dashboard, now: datetime) -> tuple[int, datetime]:
        """The version that an automatic save stands in for, 0 for none, and when that began."""
        last = next(iter(self._engine.store.dashboards.versions(board.id)), None)
        is_mine = last is not None and last.what == "autosaved"
        if last is None or not is_mine or last.who != current_who().name:
            return 0, now
        version, began = self._runs.get(board.id, (0, last.at))
        if version != last.version:  # made before this process
            began = last.at
        return (last.version, began) if now - began <= AUTOSAVE else (0, now)

    def _last_version(self, id_: str) -> int:
        kept = self._engine.store.dashboards.versions(id_) if id_ else []
        return max((each.version for each in kept), default=0)

    def _check_name(self, name: str, id_: str) -> None:
        same = self._named(name)
        if same is not None and same.id != id_:
            raise ConflictError(
                f"there is a dashboard {name!r} already.",
                hint="Change that one, or take another name.",
                details={"id": same.id},
            )

    def _free_name(self, name: str) -> str:
        taken = {each.name for each in self._boards.values()}
        found, number = name, 1
        while found in taken:
            number += 1
            found = f"{name} ({number})"
        return found

    def _tell(self, id_: str) -> None:
        for listener in list(self._listeners):
            listener(id_)


def _words(found: Sequence[Difference]) -> str:
    """What differs, in a sentence."""
    first: Iterable[str] = (each.words for each in found[:_MOST_WORDS])
    more = f" … and {len(found) - _MOST_WORDS} more" if len(found) > _MOST_WORDS else ""
    return "; ".join(first) + more
