"""Operations asked at one moment: what several streams need is carried out once."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from datawatch_lab.core.clock import Clock
from datawatch_lab.service.callers import Caller
from datawatch_lab.service.operation import Answer, Ask, Operation


@dataclass
class Shared:
    """What one role asked at one moment. Any thread may use it."""

    known: dict[tuple[str, bytes], tuple[datetime, Future[Any]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Asking:
    """The questions of one stream at one moment.

    Attributes:
        caller: carries operations out.
        clock: tells the present.
        shared: with other streams of the same role and moment.
        since: when the oldest of the answers began to be made; None before the first.
    """

    caller: Caller
    clock: Clock
    shared: Shared = field(default_factory=Shared)
    since: datetime | None = None

    def call(self, operation: Operation[Ask, Answer], ask: Ask) -> Answer:
        """Carry an operation out, or give what it gave before, an error too.

        Raises:
            DataWatchError: as the operation does.
        """
        key = (operation.name, msgspec.json.encode(ask))
        with self.shared.lock:
            is_first = key not in self.shared.known
            began, found = self.shared.known.setdefault(key, (self.clock.now(), Future()))
        self.since = began if self.since is None else min(self.since, began)
        if is_first:
            try:
                found.set_result(self.caller.call(operation, ask))
            except BaseException as error:  # noqa: BLE001 — raised below, for all who asked
                found.set_exception(error)
        answer: Answer = found.result()
        return answer
