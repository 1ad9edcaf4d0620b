"""The detectors of a workspace and what is kept of them: state, anomalies, what people say.

One thread at a time holds the detectors. Their state is stored now and then with the number of the
last close that is in it; what cannot be read is made anew from history.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from datawatch_lab.anomaly.sensitivity import threshold
from datawatch_lab.core.anomalies import Anomaly, AnomalySettings
from datawatch_lab.core.errors import BusyError, InputError, not_found
from datawatch_lab.core.plans import plan_named
from datawatch_lab.engine.beside import listening
from datawatch_lab.engine.detection.listing import Asking
from datawatch_lab.engine.detection.models import Models
from datawatch_lab.engine.detection.roster import roster
from datawatch_lab.engine.detection.run import Detectors
from datawatch_lab.engine.detection.state import packed, unpacked
from datawatch_lab.engine.detection.teaching import look_closer
from datawatch_lab.engine.detection.work import Changed, Learning, Stopped
from datawatch_lab.store.anomalies import AnomalyFilter, Checkpoint, Mark

if TYPE_CHECKING:
    from datawatch_lab.anomaly.episodes import Episode
    from datawatch_lab.engine.detection.slots import Key
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 30.0
MODELS_SECONDS = 600.0
"""Between two times that River's models are stored, beside the end."""

_HELD_SECONDS = 3.0
"""That somebody who changes detectors waits while series are learnt."""

Listener = Callable[[Sequence[Anomaly]], None]


class Keeping(Asking):
    """Detectors, how they are looked after, and who is told. Any thread may call it.

    Args:
        engine: of the workspace.

    Attributes:
        settings: how anomalies are looked for.
        listeners: who is told of anomalies.
        models: River's, of the series that are looked at more closely.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.settings = AnomalySettings()
        self.listeners: list[Listener] = []
        self._ended = threading.Event()
        self._outdated = threading.Event()
        self._work = threading.RLock()
        self._holders = 0
        self._detectors: Detectors | None = None
        self._marks: list[Mark] = []
        self._number = 0
        self._stored = self._models_stored = time.monotonic()
        self._dirty = False
        self._restart_is_new = False  # detectors have not gone through what is closed since
        self.models = Models(engine)

    @property
    def _closed(self) -> bool:
        return self._ended.is_set()

    @property
    def enabled(self) -> bool:
        """Whether anomalies are looked for."""
        plan = plan_named(self.engine.settings.plan)
        return self.settings.enabled and "anomalies" in plan.features

    def change(self, settings: AnomalySettings) -> None:
        """Look for anomalies like this; waits for nothing.

        Detectors that learn stop at the next bucket and are made anew from what is stored.

        Raises:
            InputError: the sensitivity is none; says which there are.
        """
        threshold(settings.sensitivity)
        self.settings = settings
        self._outdated.set()

    @property
    def number(self) -> int:
        """Of the last close that was looked at."""
        return self._number

    # ------------------------------------------------------------------ detectors

    @contextmanager
    def with_detectors(self) -> Iterator[Detectors]:
        """The detectors, held while a block looks at them or changes them.

        Raises:
            BusyError: they learn, and took too long.
        """
        if not self._work.acquire(timeout=_HELD_SECONDS):
            raise BusyError(
                "series are being learnt.",
                hint="Try again in a moment.",
                details={"retry_after": 10.0},
            )
        self._holders += 1
        try:
            yield self._ready()
        finally:
            self._holders -= 1
            self._work.release()

    def _check(self) -> None:
        if self._closed:
            raise Stopped
        if self._outdated.is_set():
            raise Changed

    def _ready(self) -> Detectors:
        """The detectors; new ones for other settings, unless somebody is changing the old ones."""
        outdated = self._outdated.is_set() and self._holders <= 1
        if self._detectors is None or outdated:
            self._detectors = self._restored()
        return self._detectors

    def _restored(self) -> Detectors:
        """Detectors as they were stored; new ones where there is nothing that can be read."""
        self._outdated.clear()  # first: settings that come from here on are for the next ones
        made = Detectors(self.engine, self.settings, self._check, self.models)
        stored = self.engine.store.anomalies.checkpoint()
        self._number = 0
        if stored is not None:
            try:
                made.restore(unpacked(stored.state))
                self._number = stored.number
            except InputError as error:
                log.warning("detectors begin anew from history: %s", error)
                made = Detectors(self.engine, self.settings, self._check, self.models)
        self._restart_is_new = True
        made.choose(self.engine.store.anomalies.chosen())
        marks = self.engine.store.anomalies.marks()
        self._marks = [
            each for each in marks if each.kind == "feedback" and each.number > self._number
        ]
        return made

    # ------------------------------------------------------------------ what is stored

    def _keep(self, detectors: Detectors) -> None:
        """Store what changed, tell who listens, and now and then store the state too."""
        changed = detectors.take()
        if time.monotonic() - self._stored >= CHECKPOINT_SECONDS:
            self._look_closer(detectors)  # only here, so that a replay does the same
            self._checkpoint(detectors, changed)
        elif changed:
            self.engine.store.anomalies.save(changed)
        if changed:
            self.incidents.changed()
        self.tell([each for each in changed if not each.past])

    def checkpoint(self) -> None:
        """Store the state of the detectors now."""
        with self._work:
            detectors = self._ready()
            self._look_closer(detectors)
            self._checkpoint(detectors)

    def _look_closer(self, detectors: Detectors) -> None:
        """Choose the series that are looked at more closely."""
        wanted = roster(detectors)
        look_closer(detectors, wanted)
        steps = [detectors.watched[detectors.places[each.key]].step for each in wanted]
        with_ml = "ml" in self.settings.algorithms
        self.models.look_at(wanted if with_ml else (), steps if with_ml else ())
        if time.monotonic() - self._models_stored >= MODELS_SECONDS:
            self._store_models()

    def _store_models(self) -> None:
        self.models.store()
        self._models_stored = time.monotonic()

    def state_now(self) -> Checkpoint:
        """The state of the detectors, to be stored; asked for while `with_detectors` holds."""
        detectors = self._detectors or self._restored()  # which reads the number, too
        return Checkpoint(self._number, packed(detectors.saved()))

    def _checkpoint(self, detectors: Detectors, changed: Sequence[Anomaly] = ()) -> None:
        state = Checkpoint(self._number, packed(detectors.saved()))
        self.engine.store.anomalies.save(changed, state)
        self._stored, self._dirty = time.monotonic(), False

    def mark(self, mark: Mark, *, state: bool = False) -> None:
        """Keep what somebody said, with the state that follows from it where it changed."""
        with self.with_detectors():
            saved = self.state_now() if state else None
            self.engine.store.anomalies.save((), saved, mark)

    # ------------------------------------------------------------------ who listens

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function with anomalies that are new or changed; gives what ends that.

        It is called in the thread of detection, after they are stored. What is found in history
        is not told.
        """
        return listening(self.listeners, listener)

    def tell(self, changed: Sequence[Anomaly]) -> None:
        """Tell who listens."""
        if not changed:
            return
        for each in list(self.listeners):
            try:
                each(changed)
            except Exception:
                log.exception("a listener to anomalies failed")

    # ------------------------------------------------------------------ asking, without waiting

    def get(self, id_: str) -> Anomaly:
        """An anomaly by id; a `NotFoundError` otherwise."""
        found = self.engine.store.anomalies.one(id_)
        if found is None:
            newest = self.stored(AnomalyFilter(limit=5))
            raise not_found("anomaly", id_, [each.id for each in newest])
        return found

    @property
    def learning(self) -> Learning | None:
        """How far the training of new series is; None while there is none. Waits for nothing."""
        known = self._detectors
        return None if known is None else known.learning

    @property
    def watched(self) -> int:
        """How many series are watched. Waits for nothing."""
        known = self._detectors
        return 0 if known is None else len(known.watched)

    def algorithms(self, key: Key) -> tuple[str, ...]:
        """Those that have a say on a series. Waits for nothing."""
        known = self._detectors
        return self.settings.algorithms if known is None else known.algorithms(key)

    def step_of(self, key: Key) -> int:
        """Seconds of the buckets of a series; a minute while it is not watched."""
        known = self._detectors
        place = None if known is None else known.places.get(key)
        return 60 if known is None or place is None else known.watched[place].step

    def in_force(self, key: Key) -> float | None:
        """The threshold of a series; None when it is not watched. Waits for nothing."""
        known = self._detectors
        place = None if known is None else known.places.get(key)
        return None if known is None or place is None else known.rules(place).opens

    def episode(self, id_: str) -> Episode | None:
        """The episode of an anomaly of the last days; None for older ones. Waits for nothing."""
        known = self._detectors
        if known is None:
            return None
        recent = [*known.going.copy().values(), *known.recent.copy().values()]
        return next((each.episode for each in recent if each.anomaly.id == id_), None)
