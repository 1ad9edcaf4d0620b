"""The binary log as a server sends it, read ahead in a thread up to some bytes."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
import zlib
from collections import deque
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.mysql import latin1
from datawatch_lab.ingest.sources.mysql.decode import Entry
from datawatch_lab.ingest.sources.mysql.driver import binlog, driver, parameters, refusal
from datawatch_lab.ingest.sources.mysql.position import Position

_HEARTBEAT = 3.0  # seconds of silence after which the server says that it is there
_SILENCE = 20.0  # seconds after which a silent server has gone
_LEAST = 256  # bytes that an entry holds in memory at least

logging.getLogger("pymysqlreplication").setLevel(logging.ERROR)


class Stream:
    """Reads the log from a position on, until `close`.

    Args:
        address: of the server.
        position: where it begins.
        mariadb: the server is MariaDB.
        gtid: begin at the position's GTIDs, not at its file.
        server: number that tells readers of one server apart.
        limit_bytes: about how much waits in memory; then the server waits.
    """

    def __init__(
        self,
        address: Endpoint,
        position: Position,
        *,
        mariadb: bool,
        gtid: bool,
        server: int,
        limit_bytes: int,
    ) -> None:
        self._address = address
        self._limit = limit_bytes
        self._entries: deque[Entry] = deque()
        self._held = 0
        self._changed = threading.Condition()
        self._closed = False
        self._fault: SourceError | None = None
        self._connections: list[Any] = []
        self._gtid = gtid
        self._file = position.file
        latin1.register()
        self._reader = self._open(position, mariadb=mariadb, server=server)
        self._thread = threading.Thread(target=self._run, name="datawatch-binlog", daemon=True)
        self._thread.start()

    def _open(self, position: Position, *, mariadb: bool, server: int) -> Any:
        at: dict[str, Any] = (
            {"auto_position": position.gtid, "is_mariadb": mariadb}
            if self._gtid
            else {"log_file": position.file, "log_pos": position.pos, "resume_stream": True}
        )
        return binlog().BinLogStreamReader(
            parameters(self._address) | {"read_timeout": _SILENCE},
            server_id=server,
            blocking=True,
            slave_heartbeat=_HEARTBEAT,
            pymysql_wrapper=self._connect,
            filter_non_implemented_events=False,  # or what is compressed would be passed over
            enable_logging=False,
            **at,
        )

    def _connect(self, **given: Any) -> Any:
        """Two connections are one stream; the reader would silently make more when one broke."""
        if len(self._connections) >= 2:
            raise SourceError(f"{self._address}: the connection broke.", details={"retry": True})
        database = given.pop("db", None) or given.pop(
            "database", None
        )  # the first is a former name
        made = driver().connect(**given, database=database)
        self._connections.append(made)
        return made

    def take(self, wait: float, most: int) -> list[Entry]:
        """Entries that are there, of about so many bytes at most; waits when there are none.

        Raises:
            SourceError: the stream broke, and all that came before was taken.
        """
        deadline = time.monotonic() + wait
        with self._changed:
            while not self._entries:
                if self._fault is not None:
                    raise self._fault
                left = deadline - time.monotonic()
                if left <= 0 or self._closed:
                    return []
                self._changed.wait(left)
            taken, size = [], 0
            while self._entries and size < most:
                taken.append(self._entries.popleft())
                size += _weight(taken[-1])
            self._held -= size
            self._changed.notify_all()
        return taken

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._entries

    def put_back(self, entries: list[Entry]) -> None:
        """Put entries that were taken last before all others."""
        with self._changed:
            self._entries.extendleft(reversed(entries))
            self._held += sum(map(_weight, entries))

    def close(self) -> None:
        """End the connection."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for connection in self._connections:
            held = getattr(connection, "_sock", None)
            if held is not None:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)
        self._thread.join(_SILENCE)
        for connection in self._connections:
            connection._force_close()  # noqa: SLF001 — without a farewell that nobody hears

    def _run(self) -> None:
        errors = (driver().MySQLError, OSError, EOFError, struct.error, zlib.error)
        try:
            while not self._closed:
                event = self._reader.fetchone()
                if event is None:
                    self._fail(SourceError(
                        f"{self._address}: the server ended the stream.", details={"retry": True}
                    ))  # fmt: skip
                    return
                self._put(event)
        except SourceError as error:
            self._fail(error)
        except errors as error:
            self._fail(refusal(self._address, error))
        except Exception as error:  # noqa: BLE001 — raised in the thread that takes
            self._fail(SourceError(
                f"{self._address}: the log could not be read: {type(error).__name__}: "
                f"{self._address.clean(str(error))}."
            ))  # fmt: skip

    def _put(self, event: Any) -> None:
        table = getattr(event, "table_id", None)
        if table in event.table_map:  # its rows are decoded later, when the map has others
            event.table_map = {table: event.table_map[table]}
            for column in event.table_map[table].columns:
                if column.character_set_name == "cp1252":  # as the reader calls latin1
                    column.character_set_name = latin1.NAME
        place = int(event.packet.log_pos)
        if (
            type(event).__name__ == "RotateEvent"
        ):  # the reader says where it leads, its log_pos whence
            place = int(event.position)
        entry = Entry(event, str(self._reader.log_file or self._file), place)
        with self._changed:
            while self._held > self._limit and not self._closed:
                self._changed.wait(0.5)
            self._entries.append(entry)
            self._held += _weight(entry)
            self._changed.notify_all()

    def _fail(self, error: SourceError) -> None:
        with self._changed:
            self._fault = error
            self._changed.notify_all()


def _weight(entry: Entry) -> int:
    return max(_LEAST, int(entry.event.event_size))
