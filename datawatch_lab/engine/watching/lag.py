"""Asks a watched server every few seconds how much of it is not stored yet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.engine.watching.kinds import Followed

if TYPE_CHECKING:
    from datawatch_lab.core.clock import Clock

log = logging.getLogger(__name__)

_SECONDS = 5.0


@dataclass(frozen=True)
class Lag:
    """What is not stored yet.

    Attributes:
        lag_bytes: of the server's log; None where it counts events.
        lag_events: of a broker; None where it counts bytes.
        retained_bytes: None: the server keeps its log whoever reads it.
    """

    lag_bytes: int | None
    lag_events: int | None
    retained_bytes: int | None = None


class LagSampler:
    """Measures in a thread of its own until `stop`; a server that does not answer is tried again.

    Args:
        clock: says when it was measured.
        source: gives the source that is followed now.
        unit: of its lag, ``bytes`` or ``events``.
        measured: called after each look.

    Attributes:
        slot: what was seen last; None while that is not known.
        at: when that was.
    """

    def __init__(
        self,
        clock: Clock,
        source: Callable[[], Followed],
        unit: str,
        measured: Callable[[], None],
    ) -> None:
        self.slot: Lag | None = None
        self.at: datetime | None = None
        self._clock = clock
        self._source = source
        self._unit = unit
        self._measured = measured
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="datawatch-lag", daemon=True)

    def start(self) -> None:
        """Begin to measure."""
        self._thread.start()

    def stop(self) -> None:
        """End soon."""
        self._halt.set()

    def _run(self) -> None:
        while not self._halt.wait(_SECONDS):
            source = self._source()
            try:
                if source.reading:
                    lag = source.lag()
                    in_bytes = self._unit == "bytes"
                    self.slot = Lag(lag if in_bytes else None, None if in_bytes else lag)
                    self.at = self._clock.now()
            except DataWatchError as error:
                log.debug("%s: no lag: %s", source.name, error)
            self._measured()
