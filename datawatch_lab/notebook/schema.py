"""The history of schemas in a notebook: changes, differences, tables as of any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.notebook import markup
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.schema import (
    DdlAnswer,
    SchemaChangeItem,
    SchemaDiffAnswer,
    SchemaStep,
    SchemaTableAnswer,
)
from datawatch_lab.service.operations.schema_snapshots import SchemaSnapshot

if TYPE_CHECKING:
    import pandas as pd

_SIGNS = {"breaking": "✖ breaking", "risky": "▲ risky", "safe": "● safe"}
_HEADS = ("when (UTC)", "impact", "change", "why", "touches")
_STEP_HEADS = ("impact", "change", "why")


class SchemaChanges:
    """Changes of schemas, newest first, as of when they were asked for.

    Attributes:
        changes: each with ``at``, ``title``, ``kind``, ``impact``, ``reason``, ``references`` …
        total: how many there are beside those listed.
    """

    def __init__(self, changes: list[SchemaChangeItem], total: int, title: str) -> None:
        self.changes = changes
        self.total = total
        self._title = title

    def __len__(self) -> int:
        return len(self.changes)

    def __getitem__(self, place: int) -> SchemaChangeItem:
        return self.changes[place]

    def df(self) -> pd.DataFrame:
        """A row per change, indexed by its time (UTC)."""
        import pandas as pd

        heads = ["at", "title", "kind", "impact", "reason", "table", "name", "confidence", "origin"]
        rows = [
            {name: getattr(each, name) for name in heads}
            | {"references": [f"{r.kind} {r.name}" for r in each.references], "ddl": each.ddl}
            for each in self.changes
        ]
        frame = pd.DataFrame(rows, columns=[*heads, "references", "ddl"])
        frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601")
        return frame.set_index("at")

    def __repr__(self) -> str:
        rows = [_cells(each) for each in self.changes[: markup.SHOWN]]
        return f"<{self._title}: {self.total:,}>\n" + markup.plain_table(_HEADS, rows)

    def _repr_html_(self) -> str:
        head = markup.paragraph(markup.name(self._title), markup.soft(f"{self.total:,} in all"))
        if not self.changes:
            return markup.block(head, markup.paragraph("No schema changed in this time."))
        rows = [_cells(each) for each in self.changes[: markup.SHOWN]]
        return markup.block(
            head,
            markup.table(_HEADS, rows, nowrap=(0, 1)),
            markup.more(self.total, min(len(rows), markup.SHOWN), ".df()"),
        )


def _cells(change: SchemaChangeItem) -> tuple[str, ...]:
    sure = "" if change.confidence == 1 else f" ({change.confidence:.0%} sure)"
    touched = ", ".join(f"{each.kind} {each.name}" for each in change.references[:3])
    more = f" and {len(change.references) - 3} more" if len(change.references) > 3 else ""
    when, sign = markup.clock(change.at), _SIGNS[change.impact]
    return when, sign, f"{change.title}{sure}", change.reason, f"{touched}{more}"


class SchemaSteps:
    """What lies between two moments of the schema."""

    def __init__(self, raw: SchemaDiffAnswer) -> None:
        self.raw = raw
        self.steps = raw.steps

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<{self._sentence()}>\n" + markup.plain_table(_STEP_HEADS, self._rows())

    def _repr_html_(self) -> str:
        head = markup.paragraph(markup.name(self._sentence()))
        if not self.steps:
            return markup.block(head, markup.paragraph("The schema was the same."))
        return markup.block(head, markup.table(_STEP_HEADS, self._rows()))

    def _sentence(self) -> str:
        begin, end = markup.clock(self.raw.start), markup.clock(self.raw.end)
        return f"Schema from {begin} to {end}: {len(self):,} steps"

    def _rows(self) -> list[tuple[str, ...]]:
        return [_step_cells(each) for each in self.steps[: markup.SHOWN]]


def _step_cells(step: SchemaStep) -> tuple[str, ...]:
    return _SIGNS[step.impact], step.title, step.reason


class Schema:
    """The history of schemas of a workspace; it shows the latest changes.

    Args:
        workspace: that is asked.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._latest = self.changes(limit=20)

    def changes(self, **how: Any) -> SchemaChanges:
        """Changes, newest first.

        Args:
            how: ``start``, ``end``, ``table``, ``column``, ``kind``, ``impact``, ``limit``.
        """
        answer = self._workspace.schema_changes(**how)
        return SchemaChanges(answer.changes, answer.total, "Schema changes")

    def table(self, name: str, at: str | None = None) -> SchemaTableAnswer:
        """A table as of now or of any time, with its history."""
        return self._workspace.schema_table(table=name, at=at)

    def history(self, name: str, at: str | None = None) -> SchemaChanges:
        """The changes of one table; renamings are followed."""
        found = self.table(name, at).history
        return SchemaChanges(found, len(found), f"Schema changes of {name}")

    def diff(self, old: str, new: str = "now") -> SchemaSteps:
        """What lies between two moments, each the name of a snapshot or a time such as ``-1d``."""
        return SchemaSteps(self._workspace.schema_diff(start=old, end=new))

    def snapshot(self, name: str, at: str | None = None, note: str = "") -> SchemaSnapshot:
        """Give the schema of now, or of another moment, a name."""
        return self._workspace.make_schema_snapshot(name=name, at=at, note=note)

    def ddl(self, sql: str, *, dry_run: bool = True, **how: Any) -> SchemaChanges:
        """What statements of DDL change and touch; recorded when ``dry_run`` is false."""
        answer: DdlAnswer = self._workspace.post_ddl(sql=sql, dry_run=dry_run, **how)
        title = "Recorded" if answer.recorded else "It would change"
        return SchemaChanges(answer.changes, len(answer.changes), title)

    def __repr__(self) -> str:
        return repr(self._latest)

    def _repr_html_(self) -> str:
        return self._latest._repr_html_()
