"""What every source of a database or broker must do, as tests against a real server.

A module of tests for one source makes a `Rig`, gives it by a fixture ``rig`` of module scope, and a
class that inherits `SourceContract`. Every test goes through the server; the last one fails when
none did, and prints the server's version and the rows that were exchanged.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import SourceError
from tests.exchanged import Exchanged
from tests.ingest.reader import SECTIONS
from tests.ingest.sink import Sink
from tests.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[2]

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Rig(ABC):
    """A server with a table ``items`` keyed by ``id``, and sources that read it.

    Attributes:
        exchanged: events that came through sources; kept by the suite.
        version: of the server, as it tells.
        copies: whether rows that were there come as a copy; a broker has messages only.
    """

    exchanged = 0
    version = ""
    positions = True
    table = "items"
    key = ("id",)
    copies = True

    @property
    def first(self) -> str:
        """Operation of rows that were there."""
        return "r" if self.copies else "c"

    @abstractmethod
    def reset(self) -> None:
        """Begin with an empty table, and nothing kept for readers."""

    @abstractmethod
    def source(self, *, follow: bool, **options: Any) -> Any:
        """A source of it; without ``follow`` it ends with what was written before it began."""

    @abstractmethod
    def factory(self, *, follow: bool) -> tuple[str, dict[str, Any]]:
        """``module:function`` and arguments that make the same source in another process."""

    @abstractmethod
    def insert(self, first: int, count: int) -> None:
        """Insert rows with these ids, in one transaction."""

    @abstractmethod
    def churn(self, seed: int, changes: int) -> None:
        """Some inserts, updates, deletes and key changes, in small transactions."""

    @abstractmethod
    def rows(self) -> Rows:
        """The rows now, by key, as JSON would have them."""

    @abstractmethod
    def add_column(self) -> None:
        """Add a column ``added`` to the table and insert a row with id -1 that has ``added`` 7."""

    @abstractmethod
    def restart(self) -> None:
        """Restart the server; connections break."""

    @abstractmethod
    def wrong_credentials(self) -> tuple[Any, str]:
        """A source that may not sign in, and a secret that no message may hold."""

    @abstractmethod
    def missing_rights(self) -> Any:
        """A source that may sign in, but not read changes."""

    @abstractmethod
    def behind(self) -> int:
        """Bytes or messages that the server keeps for the source."""


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """An empty sink."""
    made = Sink(tmp_path / "sink.db")
    yield made
    made.close()


@pytest.fixture
def fresh(rig: Rig) -> Rig:
    """The rig, at its beginning."""
    rig.reset()
    return rig


@contextmanager
def reading(rig: Rig, sink: Sink, **options: Any) -> Iterator[Any]:
    """A source that follows in a thread; what it raises is raised at the end."""
    source = rig.source(follow=True, **options)
    failed: list[BaseException] = []

    def read() -> None:
        try:
            for batch in source.batches(sink.offset):
                sink.store(batch)
                rig.exchanged += batch.received
                source.stored(batch.offset.position)
        except BaseException as error:  # noqa: BLE001 — raised below
            failed.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield source
    finally:
        source.stop()
        thread.join(PATIENCE)
        if failed:
            raise failed[0]
    assert not thread.is_alive(), "the source does not stop"


def read_on(rig: Rig, sink: Sink, **options: Any) -> list[DecodedBatch]:
    """Read what there is; gives the batches."""
    source = rig.source(follow=False, **options)
    batches = []
    for batch in source.batches(sink.offset):
        sink.store(batch)
        rig.exchanged += batch.received
        source.stored(batch.offset.position)
        batches.append(batch)
    return batches


def same(rig: Rig, sink: Sink) -> bool:
    """Whether the changes that were read make the rows that are there."""
    return sink.live(rig.table, rig.key) == rig.rows()


class SourceContract:
    """The tests; a subclass is all that a source's own module needs.

    Attributes:
        patience: seconds that a store stands still; more than the server waits for an answer, and
            than the source needs to read everything, were it not held back.
        flood: rows that are written meanwhile.
        sections: in which the reader is killed once each; all of them by ``--soak``.
    """

    patience = 7.0
    flood = 40_000
    sections: tuple[str, ...] = SECTIONS

    def test_the_snapshot_has_every_row_once(self, fresh: Rig, sink: Sink) -> None:
        """Rows that were there come as snapshot events, in a back-fill that declares the key."""
        fresh.insert(1, 2_500)
        batches = [batch for batch in read_on(fresh, sink) if batch.received]
        assert {event["op"] for event in sink.events(fresh.table)} == {fresh.first}
        assert len(sink.events(fresh.table)) == 2_500
        assert same(fresh, sink)
        assert all(batch.backfill for batch in batches)
        assert all(batch.ordered for batch in batches) or not fresh.copies
        declared = {key[1]: each for key, each in batches[0].declared.items()}
        assert declared[fresh.table].key == fresh.key

    def test_changes_follow_the_snapshot(self, fresh: Rig, sink: Sink) -> None:
        """Changes made while the source follows arrive, and make the rows of the table."""
        fresh.insert(1, 100)
        with reading(fresh, sink):
            eventually(lambda: sink.count(fresh.table) == 100)
            fresh.churn(seed=1, changes=200)
            eventually(lambda: same(fresh, sink))
        assert {event["op"] for event in sink.events(fresh.table)} >= {fresh.first, "c", "u", "d"}

    def test_changes_during_the_snapshot_come_once(self, fresh: Rig, sink: Sink) -> None:
        """Writes from several connections during the snapshot are neither lost nor twice."""
        fresh.insert(1, 3_000)
        writers = [
            threading.Thread(target=fresh.churn, kwargs={"seed": seed, "changes": 150})
            for seed in range(3)
        ]
        with reading(fresh, sink, small=True):
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            eventually(lambda: same(fresh, sink))

    def test_reading_goes_on_where_it_stopped(self, fresh: Rig, sink: Sink) -> None:
        """A new source with the stored offset gives what came since, and nothing that was given."""
        fresh.insert(1, 50)
        read_on(fresh, sink)
        fresh.churn(seed=2, changes=60)
        batches = read_on(fresh, sink)
        assert same(fresh, sink)
        given = [event for batch in batches for event in batch.events.column("op").to_pylist()]
        assert given
        assert "r" not in given
        assert sum(batch.received for batch in read_on(fresh, sink)) == 0

    @pytest.mark.timeout(300)
    def test_a_killed_reader_loses_nothing(self, fresh: Rig, tmp_path: Path) -> None:
        """Killed once in each critical section, under writes: the rows come out the same."""
        self._kill(fresh, tmp_path, seed=3, sections=self.sections)

    @pytest.mark.soak
    @pytest.mark.timeout(1800)
    def test_a_reader_killed_thirty_times_loses_nothing(self, fresh: Rig, tmp_path: Path) -> None:
        """The same with thirty deaths at drawn points."""
        self._kill(fresh, tmp_path, seed=4, sections=SECTIONS * 6)

    def _kill(self, rig: Rig, folder: Path, seed: int, sections: Sequence[str]) -> None:
        draw = random.Random(seed)
        rig.insert(1, 4_000)
        path = folder / "killed.db"
        deaths = 0
        for number, section in enumerate(sections):
            if section == "transaction":
                rig.insert(10_000 * (number + 1), 6_000)
            rig.churn(seed=seed * 100 + number, changes=40)
            kill = {"section": section, "passing": draw.choice((1, 2))}
            deaths += self._process(rig, path, kill) == -signal.SIGKILL
        assert deaths >= len(sections) * 2 // 5, "hardly any reader died where it should"
        assert self._process(rig, path, None) == 0
        sink = Sink(path)
        try:
            assert same(rig, sink)
            events = sink.events()
            rig.exchanged += len(events)
            assert len({(e["table"], e["event_id"]) for e in events}) == len(events)
        finally:
            sink.close()

    def _process(self, rig: Rig, sink: Path, kill: object) -> int:
        factory, arguments = rig.factory(follow=False)
        given = {"factory": factory, "arguments": arguments, "sink": str(sink), "kill": kill}
        done = subprocess.run(
            [sys.executable, "-m", "tests.ingest.reader", json.dumps(given)],
            cwd=ROOT,
            check=False,
            capture_output=True,
            timeout=120,
            text=True,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3000:]
        return done.returncode

    @pytest.mark.timeout(180)
    def test_it_reconnects_after_a_restart_of_the_server(self, fresh: Rig, sink: Sink) -> None:
        """The server goes and comes back while the source follows: it goes on by itself."""
        fresh.insert(1, 100)
        with reading(fresh, sink):
            eventually(lambda: sink.count(fresh.table) == 100)
            fresh.restart()
            fresh.churn(seed=5, changes=60)
            eventually(lambda: same(fresh, sink))

    def test_a_column_that_is_added_shows_in_its_place(self, fresh: Rig, sink: Sink) -> None:
        """A change of columns mid-stream comes as a DDL event before the rows that have it."""
        fresh.insert(1, 20)
        with reading(fresh, sink):
            eventually(lambda: sink.count(fresh.table) == 20)
            fresh.add_column()
            eventually(lambda: same(fresh, sink))
        places = {event["op"]: at for at, event in enumerate(sink.events(fresh.table))}
        assert places["ddl"] < places["c"]
        assert "added" in sink.events(fresh.table, "ddl")[0]["extra"]["ddl_command"]
        assert sink.live(fresh.table, fresh.key)[-1,]["added"] == 7

    def test_wrong_credentials_are_said_without_the_secret(self, fresh: Rig) -> None:
        """Who cannot sign in is told at once what to check; the password is in no text."""
        source, secret = fresh.wrong_credentials()
        with pytest.raises(SourceError) as raised:
            list(source.batches(None))
        texts = (str(raised.value), repr(raised.value), repr(raised.value.details), repr(source))
        assert raised.value.hint
        for text in (*texts, source.name):
            assert secret not in text

    def test_missing_rights_are_said_with_the_way_out(self, fresh: Rig) -> None:
        """Who may not read changes is told which right to grant."""
        with pytest.raises(SourceError) as raised:
            list(fresh.missing_rights().batches(None))
        assert raised.value.hint

    def test_a_slow_store_makes_the_server_wait(self, fresh: Rig, sink: Sink) -> None:
        """While batches are not taken nothing is confirmed and little is read; then all comes."""
        read_on(fresh, sink)
        for first in range(1, self.flood + 1, 10_000):
            fresh.insert(first, 10_000)
        source = fresh.source(follow=True, small=True)
        batches = source.batches(sink.offset)
        sink.store(next(batches))
        time.sleep(self.patience)
        held = fresh.behind()
        assert held > 0
        for batch in batches:
            sink.store(batch)
            fresh.exchanged += batch.received
            source.stored(batch.offset.position)
            if sink.count(fresh.table) == self.flood:
                source.stop()
        assert same(fresh, sink)
        assert sink.received == sink.count(), "the connection broke: events came twice"

    def test_what_is_stored_is_confirmed(self, fresh: Rig, sink: Sink) -> None:
        """The server keeps nothing for a reader that stored everything, also when it is idle."""
        fresh.insert(1, 2_000)
        with reading(fresh, sink):
            eventually(lambda: sink.count(fresh.table) == 2_000)
            fresh.insert(5_000, 2_000)
            eventually(lambda: fresh.behind() == 0)

    def test_the_server_was_real(self, rig: Rig, exchanged: Exchanged) -> None:
        """The suite spoke with a server; the summary of the run says with which and how much."""
        assert rig.version
        assert rig.exchanged > 0, "no row came from a server"
        exchanged("source", rig.version, rig.exchanged)
