"""The replication connection: reads ahead in a thread, answers the server, confirms what is stored.

The thread goes on answering while nobody takes what it read, so a slow store does not make the
server give up; it stops reading when enough waits, and then the server waits too.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Sequence
from typing import Any

from datawatch_lab.ingest.sources.postgres.driver import psycopg2
from datawatch_lab.ingest.sources.postgres.pgoutput import COMMIT, MESSAGE

_FEEDBACK = 1.0
_IDLE = 0.5
_BURST = 2_000


class Stream:
    """Messages of a slot from an LSN on.

    Args:
        connection: a replication connection, which the stream closes.
        limit_bytes: about how much waits at most.
    """

    def __init__(self, connection: Any, *, limit_bytes: int = 32 * 1024 * 1024) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._limit = limit_bytes
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._error: BaseException | None = None
        self._confirmed = 0
        self._reached = 0
        self._between = True
        self._thread = threading.Thread(target=self._run, name="datawatch-pgoutput", daemon=True)

    def start(
        self, slot: str, lsn: int, publications: Sequence[str], *, messages: bool = True
    ) -> None:
        """Ask for what follows ``lsn`` and begin to read.

        Raises:
            psycopg2.Error: the server refuses.
        """
        names = ",".join('"{}"'.format(name.replace('"', '""')) for name in publications)
        options = {"proto_version": "1", "publication_names": names}
        if messages:
            options["messages"] = "true"
        self._cursor.start_replication(
            slot_name=slot,
            slot_type=psycopg2().extras.REPLICATION_LOGICAL,
            start_lsn=lsn,
            decode=False,
            options=options,
        )
        self._confirmed = lsn
        self._thread.start()

    def take(self, timeout: float, most: int) -> tuple[list[bytes], int]:
        """Messages that came, at most ``most``; none when there are none in time.

        Returns:
            The messages, and when there are none and the stream stands between transactions, the
            LSN up to which the server has looked, else 0.

        Raises:
            psycopg2.Error: the connection broke; what came before it was given.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._error, timeout)
            if not self._waiting:
                if self._error is not None:
                    raise self._error
                return [], self._reached if self._between else 0
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
            self._bytes -= sum(map(len, taken))
            self._changed.notify_all()
            return taken, 0

    def put_back(self, payloads: Sequence[bytes]) -> None:
        """Messages that were taken too early come first again."""
        with self._changed:
            self._waiting[:0] = payloads
            self._bytes += sum(map(len, payloads))

    def confirm(self, lsn: int) -> None:
        """Let the server forget what is before ``lsn``; safe from any thread."""
        with self._changed:
            self._confirmed = max(self._confirmed, lsn)

    def close(self) -> None:
        """Say a last time what is stored, and end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._connection.close()

    def _run(self) -> None:
        try:
            self._read()
            self._answer()
        except BaseException as error:  # noqa: BLE001 — raised by `take`
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _read(self) -> None:
        answered = time.monotonic()
        while not self._stopped:
            if not self._room():
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped or self._room(), _IDLE)
            elif not self._burst():
                select.select([self._connection], [], [], _IDLE if not self._waiting else 0.05)
            if time.monotonic() - answered >= _FEEDBACK:
                self._answer()
                answered = time.monotonic()

    def _room(self) -> bool:
        return self._bytes < self._limit

    def _burst(self) -> bool:
        """Read what is there, up to some; whether there was something."""
        read = self._cursor.read_message
        came: list[bytes] = []
        while len(came) < _BURST and (message := read()) is not None:
            came.append(message.payload)
        with self._changed:
            if came:
                self._waiting += came
                self._bytes += sum(map(len, came))
                self._between = _ends_between(came, self._between)
            elif self._between:
                self._reached = max(self._reached, self._cursor.wal_end)
            self._changed.notify_all()
        return bool(came)

    def _answer(self) -> None:
        self._cursor.send_feedback(
            write_lsn=self._confirmed,
            flush_lsn=self._confirmed,
            apply_lsn=self._confirmed,
            force=True,
        )


def _ends_between(came: Sequence[bytes], before: bool) -> bool:  # noqa: FBT001 — one state
    """Whether the stream stands between transactions; messages of users come in and out of them."""
    last = next((payload[0] for payload in reversed(came) if payload[0] != MESSAGE), None)
    return before if last is None else last == COMMIT
