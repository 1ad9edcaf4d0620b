"""Ledger, quarantine and status as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from datawatch_lab.notebook.html import masked, table, text_table
from datawatch_lab.service.answers import LedgerAnswer, QuarantineAnswer, StatusAnswer
from datawatch_lab.views.format import count, size

if TYPE_CHECKING:
    import pandas as pd

_COUNTS = ("received", "applied", "duplicate", "late", "quarantined")


class Ledger:
    """What became of everything received, in total, by table and by source.

    Attributes:
        counts: as answered.
    """

    def __init__(self, counts: LedgerAnswer) -> None:
        self.counts = counts

    @property
    def balanced(self) -> bool:
        """Whether received = applied + duplicate + late + quarantined."""
        whole = self.counts
        parts = whole.applied + whole.duplicate + whole.late + whole.quarantined
        return whole.received == parts

    def df(self) -> pd.DataFrame:
        """One row per table and per source, and the total."""
        import pandas as pd

        index = pd.MultiIndex.from_tuples(
            [(kind, name) for kind, name, _ in self._lines()], names=["of", "name"]
        )
        values = [[getattr(each, name) for name in _COUNTS] for _, _, each in self._lines()]
        return pd.DataFrame(values, index=index, columns=list(_COUNTS))

    def _lines(self) -> list[tuple[str, str, object]]:
        whole = self.counts
        return [
            ("total", "", whole),
            *(("table", name, each) for name, each in whole.tables.items()),
            *(("source", name, each) for name, each in whole.sources.items()),
        ]

    def _shown(self) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
        rows = [
            (f"{kind} {name}".strip(), *(count(getattr(each, part)) for part in _COUNTS))
            for kind, name, each in self._lines()
        ]
        verdict = "balanced" if self.balanced else "NOT balanced"
        return f"Ledger: {verdict}", ("", *_COUNTS), rows

    def __repr__(self) -> str:
        return text_table(*self._shown())

    def _repr_html_(self) -> str:
        return table(
            *self._shown(),
            note="received = applied + duplicate + late + quarantined",
            right=range(1, 6),
        )


class Quarantine:
    """Events that were set aside, oldest first; values of sensitive fields are masked in displays.

    Args:
        answer: as answered, not masked.
        sensitive: names of sensitive fields of any table.
    """

    def __init__(self, answer: QuarantineAnswer, sensitive: Iterable[str]) -> None:
        self.answer = answer
        self.sensitive = frozenset(sensitive)

    def __len__(self) -> int:
        return len(self.answer.items)

    @property
    def total(self) -> int:
        """How many there are in all."""
        return self.answer.total

    def df(self, *, reveal: bool = False) -> pd.DataFrame:
        """One row per event.

        Args:
            reveal: show values of sensitive fields.
        """
        import pandas as pd

        names = ("id", "table", "kind", "reason", "source", "line", "offset", "received", "raw")
        rows = [
            [
                masked(each.raw, self.sensitive)
                if name == "raw" and not reveal
                else getattr(each, name)
                for name in names
            ]
            for each in self.answer.items
        ]
        return pd.DataFrame(rows, columns=list(names)).set_index("id")

    def _shown(self) -> tuple[str, tuple[str, ...], list[tuple[object, ...]]]:
        rows: list[tuple[object, ...]] = [
            (each.id, each.table, each.kind, each.line, each.reason, self._raw(each.raw))
            for each in self.answer.items
        ]
        shown = "" if len(rows) == self.total else f", the oldest {count(len(rows))} are here"
        title = f"Quarantine: {count(self.total)} set aside{shown}"
        return title, ("id", "table", "kind", "line", "reason", "event"), rows

    def _raw(self, text: str) -> str:
        return masked(text[:2_000], self.sensitive)[:120]

    def __repr__(self) -> str:
        return text_table(*self._shown())

    def _repr_html_(self) -> str:
        return table(*self._shown(), right=(0, 3))


class Status:
    """The workspace at a glance.

    Attributes:
        info: as answered.
    """

    def __init__(self, info: StatusAnswer) -> None:
        self.info = info

    def _shown(self) -> tuple[str, tuple[str, str], list[tuple[str, str]]]:
        info = self.info
        rows = [
            ("state", info.message),
            ("events applied", count(info.events)),
            ("tables, metrics", f"{count(info.tables)}, {count(info.metrics)}"),
            ("quarantined", count(info.quarantined)),
            ("first event", info.first_event or "none"),
            ("last event", info.last_event or "none"),
            ("size", size(info.size_bytes)),
            ("served at", info.address or "nowhere"),
        ]
        return f"Workspace {info.workspace}", ("", ""), rows

    def __repr__(self) -> str:
        return text_table(*self._shown())

    def _repr_html_(self) -> str:
        return table(*self._shown())
