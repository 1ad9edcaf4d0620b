"""A process that reads a source into a `Sink`, and can kill itself at a named place.

Run as ``python -m tests.ingest.reader '{"factory": "module:function", "arguments": {…}, …}'``.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ingest.sink import Sink

SECTIONS = ("snapshot", "between", "transaction", "commit", "feedback")
"""Where a reader can die: with a snapshot batch in hand, after the last one of it, with part of a
transaction stored, inside of a commit, and after a commit before the source was told of it."""


class Killer:
    """Ends the process without a word at the n-th passing of a section."""

    def __init__(self, section: str, passing: int) -> None:
        self.section = section
        self.left = passing

    def at(self, section: str) -> None:
        """Pass a section."""
        if section == self.section:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def run(source: Any, sink: Sink, killer: Killer, stop: Callable[[], bool]) -> None:
    """Read until the source ends or ``stop`` says so; every batch is stored before the next."""
    before: Any = sink.offset
    copied = False
    for batch in source.batches(sink.offset):
        position = dict(batch.offset.position)
        if batch.backfill:
            copied = True
            killer.at("snapshot")
        elif copied:
            copied = False
            killer.at("between")
        sink.store(batch, lambda: killer.at("commit"))
        if not batch.backfill and before and _place(position) == _place(before):
            killer.at("transaction")
        before = position
        killer.at("feedback")
        source.stored(position)
        if stop():
            source.stop()


def _place(position: dict[str, Any]) -> object:
    """Where in the source's log a position is: the same while a transaction goes on."""
    return position.get("lsn", position)


def main(text: str) -> None:
    """Read as the arguments say."""
    given = json.loads(text)
    module, _, function = given["factory"].partition(":")
    source = getattr(importlib.import_module(module), function)(**given["arguments"])
    kill = given.get("kill") or {"section": "", "passing": 0}
    sink = Sink(Path(given["sink"]))
    run(source, sink, Killer(**kill), lambda: False)
    print(sink.received)


if __name__ == "__main__":
    main(sys.argv[1])
