"""What became of everything received: ledger, quarantine, replay, and what a run took in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.masking import Masking
from datawatch_lab.service.answers import (
    Counts,
    LedgerAnswer,
    QuarantineAnswer,
    QuarantineItem,
    ReplayAnswer,
    StatusAnswer,
)
from datawatch_lab.views import format as words

if TYPE_CHECKING:
    import pandas as pd

_COUNTS = ("received", "applied", "duplicate", "late", "quarantined")
_ITEM_HEADS = ("id", "table", "kind", "where", "why", "event")
_EXCERPT = 90
_ITEMS = 10


class HasCounts(Protocol):
    """Anything with the five counts."""

    @property
    def received(self) -> int: ...  # noqa: D102 — see LedgerCounts
    @property
    def applied(self) -> int: ...  # noqa: D102
    @property
    def duplicate(self) -> int: ...  # noqa: D102
    @property
    def late(self) -> int: ...  # noqa: D102
    @property
    def quarantined(self) -> int: ...  # noqa: D102


def _numbers(counts: HasCounts) -> tuple[int, ...]:
    return tuple(getattr(counts, each) for each in _COUNTS)


def balance(counts: HasCounts) -> str:
    """The account in one sentence.

    >>> balance(LedgerCounts(5, 3, 1, 0, 1))
    '5 received = 3 applied + 1 duplicate + 0 late + 1 quarantined'
    """
    received, *rest = _numbers(counts)
    sign = "=" if received == sum(rest) else "≠"
    parts = [f"{number:,} {name}" for number, name in zip(rest, _COUNTS[1:], strict=True)]
    return f"{received:,} received {sign} {' + '.join(parts)}"


class Ledger:
    """The four counts of everything received, in total, by table and by source."""

    def __init__(self, raw: LedgerAnswer) -> None:
        self.raw = raw
        self.total = LedgerCounts(*_numbers(raw))

    @property
    def balanced(self) -> bool:
        """Whether the four outcomes add up to what was received, in total and for each part."""
        parts: list[HasCounts] = [self.raw, *self.raw.tables.values(), *self.raw.sources.values()]
        return all(LedgerCounts(*_numbers(each)).balanced for each in parts)

    def df(self, by: Literal["table", "source"] = "table") -> pd.DataFrame:
        """A row per table or source with its counts, indexed by name.

        Raises:
            InputError: ``by`` is neither.
        """
        import pandas as pd

        if by not in ("table", "source"):
            raise InputError(f"ledger: no account by {by!r}. Accounts: table, source.")
        parts = self.raw.tables if by == "table" else self.raw.sources
        rows = [_numbers(each) for each in parts.values()]
        index = pd.Index(list(parts), name=by)
        return pd.DataFrame(rows, columns=list(_COUNTS), index=index, dtype="int64")

    def __repr__(self) -> str:
        return f"<Ledger: {balance(self.raw)}>\n" + markup.plain_table(
            ("table", *_COUNTS), [_row(name, each) for name, each in self.raw.tables.items()]
        )

    def _repr_html_(self) -> str:
        word = "balanced" if self.balanced else "does not balance"
        return markup.block(
            markup.paragraph(markup.name("Ledger"), markup.tag(word), balance(self.raw)),
            _account("table", self.raw.tables, self.raw, "lab.ledger().df()"),
            markup.details(
                f"by source ({len(self.raw.sources)})",
                _account("source", self.raw.sources, None, "lab.ledger().df('source')"),
            ),
        )


def _row(name: str, counts: HasCounts) -> tuple[str, ...]:
    return (name, *(words.count(each) for each in _numbers(counts)))


def _account(
    head: str, parts: dict[str, Counts], total: HasCounts | None, where: str
) -> markup.Safe:
    most = markup.SHOWN - 1
    rows: list[tuple[object, ...]] = [_row(name, each) for name, each in list(parts.items())[:most]]
    if total is not None:
        rows.append(tuple(markup.Safe(f"<b>{markup.text(c)}</b>") for c in _row("all", total)))
    body = markup.table((head, *_COUNTS), rows, numbers=range(1, 6))
    return markup.Safe(body + markup.more(len(parts), most, where))


class Quarantine:
    """Events that were set aside, oldest first, with place, reason and their text.

    The text of sensitive fields is masked, here and in `df`; ``items`` holds it as it came.

    Args:
        raw: as the service gave it.
        masking: hides the values of sensitive fields.
    """

    def __init__(self, raw: QuarantineAnswer, masking: Masking) -> None:
        self.items: Sequence[QuarantineItem] = raw.items
        self.total = raw.total
        self._masking = masking

    def __len__(self) -> int:
        return len(self.items)

    def df(self, *, reveal: bool = False) -> pd.DataFrame:
        """A row per event, indexed by id, ``raw`` its text.

        Args:
            reveal: show sensitive values in ``raw`` and ``reason`` too.
        """
        import pandas as pd

        heads = ["source", "table", "kind", "reason", "line", "offset", "received", "state", "raw"]
        frame = pd.DataFrame(
            [[getattr(each, head) for head in heads] for each in self.items],
            columns=heads,
            index=pd.Index([each.id for each in self.items], name="id", dtype="int64"),
        )
        frame["received"] = pd.to_datetime(frame["received"], utc=True, format="ISO8601")
        if not reveal:
            frame[["raw", "reason"]] = frame[["raw", "reason"]].map(self._masking)
        return frame

    def __repr__(self) -> str:
        rows = [self._cells(each) for each in self.items[:_ITEMS]]
        head = f"<Quarantine: {self.total:,} events>"
        return f"{head}\n{markup.plain_table(_ITEM_HEADS, rows)}" if rows else head

    def _repr_html_(self) -> str:
        if not self.items:
            return markup.block(markup.paragraph("Nothing is in quarantine."))
        rows: list[tuple[object, ...]] = []
        for each in self.items[:_ITEMS]:
            *cells, event = self._cells(each)
            rows.append((*cells, markup.code(event, _EXCERPT)))
        return markup.block(
            markup.paragraph(
                markup.name("Quarantine"), f"{self.total:,} events set aside", self._kinds()
            ),
            markup.table(_ITEM_HEADS, rows, numbers=(0,), nowrap=(1, 2, 3)),
            markup.more(self.total, len(rows), "lab.quarantine(limit=1000).df()"),
        )

    def _kinds(self) -> str:
        """How many of those at hand are of each kind."""
        kinds = Counter(each.kind for each in self.items)
        said = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        return (
            said if len(self.items) == self.total else f"of the first {len(self.items):,}: {said}"
        )

    def _cells(self, item: QuarantineItem) -> tuple[str, ...]:
        place = f"line {item.line:,}" if item.line else item.source
        why, event = self._masking(item.reason), self._masking(item.raw[: 8 * _EXCERPT])
        return str(item.id), item.table, item.kind, place, why, event


class Replayed:
    """What became of events of the quarantine that were tried again."""

    def __init__(self, raw: ReplayAnswer, masking: Masking) -> None:
        self.raw = raw
        self.failed = Quarantine(QuarantineAnswer(raw.failed, len(raw.failed)), masking)

    def __repr__(self) -> str:
        return f"<Replay: {self._sentence()}>"

    def _repr_html_(self) -> str:
        head = markup.paragraph(markup.name("Replay"), self._sentence())
        failed = markup.Safe(self.failed._repr_html_() if self.failed.items else "")
        return markup.block(head, failed)

    def _sentence(self) -> str:
        raw = self.raw
        return (
            f"{raw.tried:,} tried: {raw.applied:,} applied, {raw.duplicate:,} duplicate, "
            f"{len(raw.failed):,} failed again; {raw.remaining:,} wait"
        )


class Taken:
    """What a run took in.

    Attributes:
        source: what was read.
        counts: the five counts.
        seconds: how long it took.
    """

    def __init__(self, source: str, counts: LedgerCounts, seconds: float) -> None:
        self.source = source
        self.counts = counts
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"<{markup.short(self.source)}: {balance(self.counts)}, {self._pace()}>"

    def _repr_html_(self) -> str:
        return markup.block(
            markup.paragraph(
                markup.name(self.source), balance(self.counts), markup.soft(self._pace())
            )
        )

    def _pace(self) -> str:
        rate = self.counts.received / self.seconds if self.seconds else 0.0
        return words.plain(f"{words.duration(self.seconds)}, {words.count(rate)} events/s")


def _utc(at: str | None) -> str:
    return markup.clock(at) + (" UTC" if at else "")


class Status:
    """The workspace at a glance, as of when it was asked for.

    Attributes:
        raw: as the service gave it: tables, metrics, events, sources, size in bytes, times.
        message: whether data still comes, in words.
    """

    def __init__(self, raw: StatusAnswer) -> None:
        self.raw = raw
        self.message = raw.message

    def __repr__(self) -> str:
        raw = self.raw
        return (
            f"<Workspace {markup.short(raw.workspace)}: {raw.message}; {raw.tables:,} tables, "
            f"{raw.metrics:,} metrics, {raw.events:,} events, {raw.quarantined:,} in quarantine>"
        )

    def _repr_html_(self) -> str:
        raw = self.raw
        rows = [
            ("Tables and metrics", f"{raw.tables:,} tables, {raw.metrics:,} metrics"),
            ("Events", f"{raw.events:,} applied, {raw.quarantined:,} in quarantine"),
            ("From", _utc(raw.first_event)),
            ("To", _utc(raw.last_event)),
            ("Size", words.plain(words.size(raw.size_bytes))),
            ("Server", raw.address or "none: this process has the workspace"),
        ]
        sources = [
            (each.name, words.count(each.received), markup.clock(each.last_event), each.message)
            for each in raw.sources[: markup.SHOWN]
        ]
        heads = ("source", "received", "newest event (UTC)", "state")
        return markup.block(
            markup.paragraph(markup.name(raw.workspace), markup.tag(raw.message)),
            markup.table(["", ""], [(markup.soft(key), said) for key, said in rows]),
            markup.table(heads, sources, numbers=(1,)) if sources else markup.Safe(""),
            markup.more(len(raw.sources), markup.SHOWN, "lab.status.raw.sources"),
        )
