"""The simulated shop going on in the background, so that there is something live to look at."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.errors import DataWatchError

if TYPE_CHECKING:
    from datawatch_lab.core.sources import Source
    from datawatch_lab.service.handle import Workspace

_PATIENCE_SECONDS = 10.0


def shop_options(workspace: Workspace, *, rate: float | None, seed: int | None) -> dict[str, Any]:
    """Options of the demo source: those given, else those of the shop that the workspace holds."""
    stored = (workspace.offset("demo").position or {}).get("shop")
    given = {"orders_per_minute": rate, "seed": seed}
    chosen = {name: value for name, value in given.items() if value is not None}
    known = {name: stored[name] for name in given if name in stored} if stored else {}
    return {**known, **chosen}


class Feed:
    """Reads a source into a workspace, in a thread of its own, until `stop`.

    Attributes:
        fault: what ended it before its time; None while all is well.
    """

    def __init__(self, workspace: Workspace, source: Source) -> None:
        self.source = source
        self.fault: DataWatchError | None = None
        self._workspace = workspace
        self._thread = threading.Thread(target=self._run, name="datawatch-feed", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End it and wait for the batch in hand; harmless when said twice."""
        self.source.stop()
        self._thread.join(_PATIENCE_SECONDS)

    def _run(self) -> None:
        from datawatch_lab.service.intake import ingest_source

        try:
            ingest_source(self._workspace, self.source)
        except DataWatchError as error:  # the workspace was closed, or its server went away
            self.fault = error

    def __repr__(self) -> str:
        state = "running" if self.running else f"ended: {self.fault}" if self.fault else "ended"
        return f"<Feed {self.source.name}: {state}>"
