"""One watched database while it is read: a thread that reads it, and one that measures its server.

What breaks is tried again, ever more seldom, as long as trying may help; what cannot help is shown
with what to do. The reading is exactly once, since offsets are stored with the changes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, cast

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import DataWatchError, SourceError, WorkspaceError
from datawatch_lab.core.watching import Copying, State, Watch, WatchState
from datawatch_lab.engine import intake
from datawatch_lab.engine.sources import is_system, open_system, open_watched
from datawatch_lab.engine.watching.kinds import Followed, kind_of
from datawatch_lab.engine.watching.lag import Lag, LagSampler
from datawatch_lab.engine.watching.statistics import NoSampler, Sampler

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine
    from datawatch_lab.ingest.sources.postgres import CopyProgress, PostgresSource
    from datawatch_lab.ingest.sources.system import SystemSource

log = logging.getLogger(__name__)

_BACK_OFF = (0.5, 30.0)  # seconds: first and longest
_PATIENCE = 15.0  # seconds that stopping waits for the batch in hand
_WINDOW = 5.0  # seconds over which the rate is told
_LEAST_SHARE = 0.02  # of the copy, before which its end is not foretold


class Counted:
    """The source of a run, with what is stored of it counted.

    Args:
        source: what is read.
    """

    def __init__(self, source: PostgresSource | SystemSource | Followed) -> None:
        self.source = source
        self.rows = 0
        self._given: deque[tuple[int, bool]] = deque()  # rows, and whether they are of a copy
        self._times: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The source's name."""
        return self.source.name

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """The source's batches."""
        for batch in self.source.batches(resume):
            with self._lock:
                self._given.append((batch.received, batch.backfill))
            yield batch

    def stored(self, position: Mapping[str, object]) -> None:
        """Count the batch, and pass it on."""
        with self._lock:
            size, _ = self._given.popleft() if self._given else (0, False)
            self.rows += size
            self._times.append((time.monotonic(), size))
        self.source.stored(position)

    @property
    def copies(self) -> bool:
        """Whether some of a copy was given and is not stored yet."""
        with self._lock:
            return any(is_copy for _, is_copy in self._given)

    def stop(self) -> None:
        """Ask it to end."""
        self.source.stop()

    def rate(self) -> float:
        """Rows stored a second, over the last seconds."""
        now = time.monotonic()
        with self._lock:
            while self._times and now - self._times[0][0] > _WINDOW:
                self._times.popleft()
            return sum(size for _, size in self._times) / _WINDOW


class WatchRun:
    """Reads a watched database into an engine until `stop`.

    Args:
        engine: takes it in.
        watch: what is kept of the database.
        url: its address, with the password; kept in memory only.
    """

    def __init__(self, engine: Engine, watch: Watch, url: str) -> None:
        self.watch = watch
        self._engine = engine
        self._url = url
        self._halt = threading.Event()
        self._lock = threading.Lock()
        self._progress: CopyProgress | None = None
        self._copy_began = 0.0
        self._fault: DataWatchError | None = None
        self._waiting: DataWatchError | None = None
        self._rows_before = 0
        self._state: State = "starting"
        self._since = engine.clock.now()
        self._counted = self._open()
        self._sampler = self._sampled()
        self._thread = threading.Thread(target=self._run, name="datawatch-watch", daemon=True)

    def __repr__(self) -> str:
        return f"WatchRun({self.watch.name!r})"

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    @property
    def address(self) -> str:
        """Where it reads from, password included: not to be shown."""
        return self._url

    def uses(self, url: str) -> bool:
        """Whether it reads from this very address."""
        return url == self._url

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()
        self._sampler.start()

    def stop(self) -> None:
        """End, and wait for the batch in hand; harmless when said twice."""
        self._halt.set()
        self._counted.stop()
        self._sampler.stop()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE)

    # ------------------------------------------------------------------ reading

    def _sampled(self) -> Sampler | LagSampler | NoSampler:
        if is_system(self._url):
            return NoSampler()
        if (kind := kind_of(self._url)) is not None:
            followed = lambda: cast("Followed", self._counted.source)  # noqa: E731
            return LagSampler(self._engine.clock, followed, kind.lag, self._measured)
        source = cast("PostgresSource", self._counted.source)
        return Sampler(self._engine, source, self._measured)

    def _open(self) -> Counted:
        if is_system(self._url):
            return Counted(open_system(self._url, self.watch.name))
        if (kind := kind_of(self._url)) is not None:
            return Counted(kind.open(self.watch, self._url, self._copied))
        return Counted(open_watched(self.watch, self._url, self._copied))

    def _run(self) -> None:
        wait = _BACK_OFF[0]
        while not self._halt.is_set():
            began = self._counted.rows
            try:
                intake.run(self._engine, self._counted)
            except DataWatchError as error:
                if self._halt.is_set():
                    break
                if not may_help(error):
                    self._fail(error)
                    return
                if self._counted.rows > began:
                    wait = _BACK_OFF[0]
                self._wait(error, wait)
                wait = min(2 * wait, _BACK_OFF[1])
            except Exception as error:
                log.exception("%s: reading failed", self.watch.name)
                told = f"{self.watch.name}: an internal error, {type(error).__name__}."
                self._fail(DataWatchError(told, hint="The log has its trace."))
                return
            else:
                break
        self._note()

    def _wait(self, error: DataWatchError, seconds: float) -> None:
        """Let some time pass and take a new source; the old one has ended."""
        log.warning("%s: %s Trying again in %.3g s.", self.watch.name, error, seconds)
        self._waiting = error
        self._note()
        self._halt.wait(seconds)
        with self._lock:
            self._rows_before += self._counted.rows
            self._counted = self._open()
        if self._halt.is_set():
            self._counted.stop()

    def _fail(self, error: DataWatchError) -> None:
        if not self.watch.complete and self._url == self.watch.url:
            error = SourceError(error.message, hint=_GIVE_AGAIN)
        log.error("%s: %s", self.watch.name, error)
        self._fault = error
        self._sampler.stop()
        self._note()

    def _copied(self, progress: CopyProgress) -> None:
        if self._progress is None:
            self._copy_began = time.monotonic()
        self._progress = progress

    # ------------------------------------------------------------------ how it is

    def state(self) -> WatchState:
        """How it is now; asks nobody."""
        self._note()
        error = self._fault or self._waiting or self._counted.source.trouble
        shown = error if self._state in ("failed", "reconnecting") else None
        slot = self._sampler.slot
        return WatchState(
            name=self.watch.name,
            url=self.watch.url,
            slot=self.watch.slot,
            state=self._state,
            since=_iso(self._since),
            message=shown.message if shown else _WORDS[self._state],
            hint=shown.hint if shown else "",
            rows=self._rows_before + self._counted.rows,
            rows_per_second=round(self._counted.rate(), 1),
            lag_bytes=slot.lag_bytes if slot else None,
            lag_events=slot.lag_events if isinstance(slot, Lag) else None,
            lag_at=_iso(self._sampler.at) if self._sampler.at else None,
            retained_bytes=slot.retained_bytes if slot else None,
            copying=self._copying() if self._state == "snapshot" else None,
            include=list(self.watch.include),
            exclude=list(self.watch.exclude),
            resumes=self.watch.complete,
        )

    def _measured(self) -> None:
        """Called after each measurement: the state is looked at even when nobody asks."""
        self._note()

    def _note(self) -> None:
        with self._lock:
            found = self._found()
            if found != self._state:
                self._state, self._since = found, self._engine.clock.now()

    def _found(self) -> State:
        source = self._counted.source
        if self._fault is not None:
            return "failed"
        if self._halt.is_set() or (self._thread.ident is not None and not self.running):
            return "stopped"
        if source.reading and (self._state == "streaming" or not self._counted.copies):
            self._waiting = None
            return "streaming"
        if source.trouble is not None or self._waiting is not None:
            return "reconnecting"
        if self._state == "streaming":
            return "reconnecting"
        return "snapshot" if self._progress is not None else self._state

    def _copying(self) -> Copying | None:
        progress = self._progress
        if progress is None:
            return None
        share = min(1.0, progress.all_rows / max(1, progress.all_expected))
        spent = time.monotonic() - self._copy_began
        return Copying(
            table=progress.table,
            rows=progress.all_rows,
            expected=progress.all_expected,
            tables_done=progress.tables_done,
            tables=progress.tables,
            share=round(share, 4),
            seconds_left=spent / share * (1 - share) if share > _LEAST_SHARE else None,
        )


def may_help(error: DataWatchError) -> bool:
    """Whether trying again may help: the server was away, or the disk here was full."""
    return bool(error.details.get("retry")) or isinstance(error, WorkspaceError)


_GIVE_AGAIN = (
    "Its password was not kept. Give the address with it once more (`datawatch watch URL`, or POST "
    "it to the server), or set PGPASSWORD or a password file where the server runs."
)

_WORDS: Mapping[State, str] = {
    "starting": "starting",
    "snapshot": "copying the rows that are there",
    "streaming": "streaming",
    "reconnecting": "connecting again",
    "failed": "failed",
    "stopped": "stopped",
}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
