"""The account of everything received: the ledger, the quarantine, its replay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datawatch_lab.notebook.held import Held
from datawatch_lab.notebook.masking import Masking
from datawatch_lab.notebook.trust import Ledger, Quarantine, Replayed
from datawatch_lab.service.answers import Fixed


class Accounts(Held):
    """The part of a `Lab` that says what became of what was received."""

    def ledger(self) -> Ledger:
        """What became of everything received: the counts always add up."""
        return Ledger(self.workspace.ledger())

    def quarantine(self, limit: int = 100, state: str = "waiting") -> Quarantine:
        """Events that were set aside, oldest first.

        Args:
            limit: at most this many.
            state: ``waiting`` or ``replayed``.
        """
        return Quarantine(self.workspace.quarantine(limit, state), self._masking())

    def replay(
        self,
        ids: Iterable[int] = (),
        fixed: Mapping[int, str | Mapping[str, Any]] | None = None,
    ) -> Replayed:
        """Try events of the quarantine again.

        Args:
            ids: as they are; with no ``ids`` and no ``fixed``, all that wait.
            fixed: corrected events by id, as JSON text or as a dictionary.
        """
        corrected = [_fixed(number, event) for number, event in (fixed or {}).items()]
        answer = self.workspace.replay(list(ids), corrected)
        self.forget()
        return Replayed(answer, self._masking())

    def _masking(self) -> Masking:
        columns = (each for table in self._find_tables().values() for each in table.raw.columns)
        return Masking(each.name for each in columns if each.sensitive)


def _fixed(number: int, event: str | Mapping[str, Any]) -> Fixed:
    if isinstance(event, str):
        return Fixed(number, raw=event)
    return Fixed(number, event=dict(event))
