"""Reading again, from where it stands, when a connection breaks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import SourceError

log = logging.getLogger(__name__)

_BACK_OFF = (0.25, 30.0)  # seconds: first and longest


class Retrying:
    """Runs a part of a source's reading again while trying may help.

    A part raises `SourceError` only, with ``details["retry"]`` when trying again may help.

    Attributes:
        halt: set when reading is to end.
        trouble: why it is connecting again now; None while all is well.
    """

    def __init__(self) -> None:
        self.halt = threading.Event()
        self.trouble: SourceError | None = None

    def run(
        self, part: Callable[[], Iterator[DecodedBatch]], reached: Callable[[], Any]
    ) -> Iterator[DecodedBatch]:
        """What a part gives, over as many connections as it takes.

        Args:
            part: reads from where it stands to its end.
            reached: where it stands; as long as that moves, waits stay short.

        Raises:
            SourceError: trying again cannot help.
        """
        wait = _BACK_OFF[0]
        while not self.halt.is_set():
            before = reached()
            try:
                yield from part()
                return
            except SourceError as error:
                if not error.details.get("retry"):
                    raise
                self.trouble = error
            if reached() != before:
                wait = _BACK_OFF[0]
            log.warning("%s Trying again in %.3g s.", self.trouble, wait)
            self.halt.wait(wait)
            wait = min(2 * wait, _BACK_OFF[1])
