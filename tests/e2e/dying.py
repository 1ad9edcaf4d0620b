"""A process with the whole engine that takes files and posts in, and dies inside a named section.

Run as ``python -m tests.e2e.dying``. For each line on standard input, such as ``{"workspace": …,
"file": …, "kill": {…}, "errors": …}``, it forks before anything of the engine is made, so that 500
deaths do not cost 500 times the imports, and says what the child ended with. The product knows
nothing of it: as in `pg_engine`, a function of the section is replaced by one that at its n-th run
starts a clock for SIGKILL and goes on; at the latest the process dies when the function ends.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine, upkeep
from datawatch_lab.engine import engine as engine_module
from datawatch_lab.engine.intake import run, take_http
from datawatch_lab.engine.journal import Journal
from datawatch_lab.engine.retention import Retention
from datawatch_lab.ingest.sources.file import FileSource
from datawatch_lab.store import compactor, migrations
from datawatch_lab.store.compaction import Pass
from datawatch_lab.store.duck import DuckStore
from datawatch_lab.store.file import WorkspaceFile
from tests.e2e.pg_engine import Death

SECTIONS = (
    "commit",
    "journal append",
    "journal fsync",
    "journal emptied",
    "compaction",
    "live compaction",
    "checkpoint",
    "retention",
    "migration",
    "opening",
)
"""Where it can die.

commit: inside the store's transaction of a batch.
journal append, journal fsync: while records of single posts are written, and flushed.
journal emptied: while the journal forgets what the store has.
compaction, live compaction, retention: inside a slice's transaction.
checkpoint: inside CHECKPOINT, while it comes often and at the end.
migration: inside the transaction of one step of a file that is made.
opening: between the store's opening and the engine's first batch, journal and catch-up included.
"""

LONGEST_PASSING = {
    "commit": 12, "journal append": 40, "journal fsync": 40, "journal emptied": 2,
    "compaction": 10, "live compaction": 8, "checkpoint": 3, "retention": 10, "migration": 6,
    "opening": 1,
}  # fmt: skip
"""Runs of a section among which the one to die in is drawn; later ones may not come."""

KEPT = timedelta(minutes=30)

SETTINGS = Settings(batch_events=300, queue_events=900, seconds_kept=KEPT)
"""Small commits, so that there are many; what retention drops is not asked for afterwards."""

_PIECE = 60_000  # bytes of the file that make a batch
_STUCK = 540.0  # seconds, after which it ends and says where its threads stand
_IDLE = 1.2  # seconds; the writer tidies up more when nothing came for one


def around(owner: Any, name: str, death: Death) -> None:
    """Let a method or function of a module run with the death around it."""
    whole: Callable[..., Any] = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: death.around(lambda: whole(*given, **named)))


def _opening(death: Death) -> None:
    around(engine_module, "reopened", death)


def _fsync(death: Death) -> None:
    around(os, "fdatasync", death)


ARMS: dict[str, Callable[[Death], None]] = {
    "commit": lambda death: around(DuckStore, "commit", death),
    "journal append": lambda death: around(Journal, "_write", death),
    "journal fsync": _fsync,
    "journal emptied": lambda death: around(os, "ftruncate", death),
    "compaction": lambda death: around(Pass, "slice", death),
    "live compaction": lambda death: around(DuckStore, "compact_live", death),
    "checkpoint": lambda death: around(WorkspaceFile, "_checkpoint_if_room", death),
    "retention": lambda death: around(Retention, "step", death),
    "migration": lambda death: around(migrations, "_apply", death),
    "opening": _opening,
}


def hasten() -> None:
    """Let upkeep come often, so that a short run passes through all of it."""
    upkeep._COMPACT_EVERY = 4
    upkeep._COMPACT_PAUSE = timedelta(0)
    upkeep._FOLD_EVERY = timedelta(milliseconds=50)
    compactor.CHECKPOINT_BYTES = 1_000_000
    whole = DuckStore.compact_live

    def compact_live(self: DuckStore, horizon: datetime | None = None) -> int:
        return whole(self, horizon, least=200)

    DuckStore.compact_live = compact_live  # type: ignore[assignment,method-assign]


def take(given: dict[str, Any]) -> None:
    """Read the file to its end while posting the events of another one by one, then close."""
    hasten()
    if given.get("kill"):
        death = Death(**given["kill"])
        ARMS[death.section](death)
    engine = Engine.open(given["workspace"], settings=SETTINGS)
    poster = threading.Thread(target=_post, args=(engine, Path(given["posts"])))
    poster.start()
    try:
        if given["file"]:
            run(engine, FileSource(given["file"], batch_bytes=_PIECE))
    finally:
        poster.join()
    if (given.get("kill") or {}).get("section") in ("journal emptied", "retention"):
        time.sleep(_IDLE)
    engine.close()


def _post(engine: Engine, posts: Path) -> None:
    """Post the lines that were not answered for yet; each answer is written down, durably."""
    answered = posts.with_name("answered")
    with answered.open("ab") as told:
        done = set(answered.read_bytes().splitlines())
        for number, line in enumerate(posts.read_bytes().splitlines()):
            if b"%d" % number in done:
                continue
            take_http(engine, line, content_type="", content_encoding="", wait=False)
            told.write(b"%d\n" % number)
            told.flush()


def serve() -> None:
    """Fork a child for each line; print its return code, as `subprocess` has it."""
    for line in sys.stdin:
        given = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_live(given))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _live(given: dict[str, Any]) -> int:
    with Path(given["errors"]).open("w") as errors:
        os.dup2(errors.fileno(), 2)
        faulthandler.dump_traceback_later(_STUCK, exit=True)
        try:
            take(given)
        except Exception:  # noqa: BLE001 — written down for the parent, with the return code
            traceback.print_exc()
            sys.stderr.flush()
            return 1
    return 0


if __name__ == "__main__":
    serve()
