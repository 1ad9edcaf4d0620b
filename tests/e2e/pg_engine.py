"""A process with the whole engine that watches a database, and can die inside a named section.

Run as ``python -m tests.e2e.pg_engine '{"url": …, "workspace": …, "follow": …, "kill": …}'``. The
product knows nothing of it: a function of the section is replaced by one that, at its n-th run,
starts a clock for SIGKILL and then goes on; at the latest the process dies when the function ends.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from datawatch_lab.ingest.sources.postgres import PostgresOptions, PostgresSource, decode, snapshot
from datawatch_lab.ingest.sources.postgres.stream import Stream
from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.intake import ingest_source
from datawatch_lab.store.duck import DuckStore

SECTIONS = ("snapshot", "between", "transaction", "commit", "feedback")
"""Where it can die.

snapshot: while a part of the copy becomes events, earlier ones being stored.
between: after the copy of the last table, before the stream is asked for.
transaction: while the stream stands inside a transaction of which parts are stored or on the way.
commit: inside the store's transaction.
feedback: when a batch is stored, before the source hears of it and tells the server.
"""

Options = dict[str, Any]


class Death:
    """Kills the process in the n-th run of a section, after a drawn share of its usual time.

    Args:
        section: its name.
        passing: the n-th run, from 1.
        seed: of the share.
        told: a file that gets a line with the section just before.
    """

    def __init__(self, section: str, passing: int, seed: int, told: str) -> None:
        self.section = section
        self._left = passing
        self._draw = random.Random(seed)
        self._told = Path(told)
        self._usual = 0.02
        self._lock = threading.Lock()

    def now(self, moment: str) -> None:
        """Die."""
        with self._lock, self._told.open("a") as file:
            file.write(f"{self.section} {moment}\n")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, run: Callable[[], Any]) -> Any:
        """Run the function of the section, perhaps for the last time."""
        self._left -= 1
        began = time.monotonic()
        if self._left == 0:
            delay = self._draw.uniform(0, self._usual)
            threading.Timer(delay, self.now, [f"after {delay * 1000:.1f} ms"]).start()
        result = run()
        if self._left == 0:
            self.now("at its end")
        self._usual = max(0.001, time.monotonic() - began)
        return result


def arm(death: Death) -> None:
    """Put the death into its section."""
    _ARMS[death.section](death)


def _snapshot(death: Death) -> None:
    whole = snapshot.events_of
    snapshot.events_of = lambda *given: death.around(lambda: whole(*given))


def _between(death: Death) -> None:
    whole = Stream.start

    def start(self: Stream, *given: Any, **named: Any) -> None:
        death.around(lambda: whole(self, *given, **named))

    Stream.start = start  # type: ignore[method-assign]


def _transaction(death: Death) -> None:
    """Stands inside once a piece ends within a transaction; dies some time before the next."""
    whole = decode.Decoder.feed

    def feed(self: decode.Decoder, payloads: Any) -> Iterator[decode.Piece]:
        for piece in whole(self, payloads):
            yield piece
            if self.in_transaction and piece.events.num_rows:
                death.around(lambda: time.sleep(0.05))

    decode.Decoder.feed = feed  # type: ignore[method-assign]


def _commit(death: Death) -> None:
    whole = DuckStore.commit

    def commit(self: DuckStore, given: Any) -> int:
        if not given.log.num_rows:
            return whole(self, given)
        return int(death.around(lambda: whole(self, given)))

    DuckStore.commit = commit  # type: ignore[assignment,method-assign]


def _feedback(death: Death) -> None:
    whole = PostgresSource.stored

    def stored(self: PostgresSource, position: Any) -> None:
        death.around(lambda: time.sleep(0.01))
        whole(self, position)

    PostgresSource.stored = stored  # type: ignore[method-assign]


_ARMS: dict[str, Callable[[Death], None]] = {
    "snapshot": _snapshot,
    "between": _between,
    "transaction": _transaction,
    "commit": _commit,
    "feedback": _feedback,
}


def watch(given: Options) -> None:
    """Watch until told to stop by SIGTERM, or to the end of what was written."""
    faulthandler.register(signal.SIGUSR1)
    if given.get("kill"):
        arm(Death(**given["kill"]))
    options = PostgresOptions(follow=given["follow"])
    if given.get("small"):
        options = replace(options, batch_rows=800, copy_bytes=60_000)
    source = PostgresSource(given["url"], options)
    signal.signal(signal.SIGTERM, lambda *_: source.stop())
    with open_workspace(given["workspace"]) as workspace:
        ingest_source(workspace, source)


if __name__ == "__main__":
    watch(json.loads(sys.argv[1]))
