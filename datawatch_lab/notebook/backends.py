"""Metric back ends in a notebook: how each stands, waiting until it has all, sending again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.backends import BackendError
from datawatch_lab.core.errors import not_found
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.listing import Listing
from datawatch_lab.views import format as words

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.service.handle import Workspace

_HEADS = ("back end", "state", "points", "refused", "behind", "address")
_WAIT_SECONDS = 0.2
_NOTHING = (
    "No back end is written to; the section storage of the configuration names them, see "
    "docs/backends.md."
)


class BackendView:
    """A metric back end, as of when it was asked for.

    Attributes:
        raw: as the service gave it.
    """

    def __init__(self, workspace: Workspace, raw: BackendState) -> None:
        self.raw = raw
        self._workspace = workspace

    @property
    def name(self) -> str:
        """What ``backend=`` in a question takes."""
        return self.raw.name

    @property
    def state(self) -> BackendState:
        """How it stands now.

        Raises:
            NotFoundError: it is written to no more.
        """
        found = {each.name: each for each in self._workspace.backends()}
        if self.name not in found:
            raise not_found("back end", self.name, found)
        self.raw = found[self.name]
        return self.raw

    def wait(self, seconds: float = 300.0) -> BackendView:
        """Wait until it has all closed minutes, and give this again.

        Args:
            seconds: at most.

        Raises:
            BackendError: it takes longer; says what it waits for.
        """
        deadline = time.monotonic() + seconds
        while not is_whole(self.state):
            if time.monotonic() > deadline:
                raise BackendError(
                    f"{self.name} does not have everything after {seconds:g} s: {line(self.raw)}"
                )
            time.sleep(_WAIT_SECONDS)
        return self

    def resend(self, start: str = "-24h") -> BackendView:
        """Send closed minutes from a time on once more, as after it lost some; none counts twice.

        Args:
            start: ISO 8601, or relative such as -7d.
        """
        self._workspace.resend_to_backend(name=self.name, start=start)
        return self

    def __repr__(self) -> str:
        return f"<BackendView {markup.short(self.name)}: {line(self.raw)}>"

    def _repr_html_(self) -> str:
        raw = self.raw
        rows = [
            ("Address", raw.address),
            ("Points", f"{raw.points:,} taken, {raw.refused:,} refused"),
            ("Behind", _behind(raw)),
            ("Answers", ", ".join(raw.aggregations)),
            *(("Note", each) for each in raw.notes),
        ]
        head = markup.paragraph(markup.name(f"{raw.name} {raw.version}"), markup.tag(raw.state))
        said = (markup.paragraph(raw.problem),) if raw.problem else ()
        cells = [(markup.soft(key), value) for key, value in rows]
        return markup.block(head, *said, markup.table(["", ""], cells))


class BackendList(Listing[BackendView]):
    """The metric back ends that are written to, by name, as of when they were asked for.

    Args:
        workspace: that writes.
    """

    kind = "back end"

    def __init__(self, workspace: Workspace) -> None:
        super().__init__({each.name: BackendView(workspace, each) for each in workspace.backends()})

    def df(self) -> pd.DataFrame:
        """A row each, with all that is known, indexed by name."""
        import pandas as pd

        rows = [msgspec.to_builtins(each.raw) for each in self.values()]
        names = list(BackendState.__struct_fields__)
        return pd.DataFrame(rows, columns=names).set_index("name")

    def wait(self, seconds: float = 300.0) -> BackendList:
        """Wait until all have all closed minutes, and give this again.

        Raises:
            BackendError: one takes longer; says what it waits for.
        """
        deadline = time.monotonic() + seconds
        for each in self.values():
            each.wait(max(0.0, deadline - time.monotonic()))
        return self

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                f"{each.name} {each.raw.version}".strip(),
                each.raw.state,
                f"{each.raw.points:,}",
                f"{each.raw.refused:,}",
                _behind(each.raw),
                each.raw.address,
            )
            for each in self.values()
        ]

    def __repr__(self) -> str:
        if not self:
            return f"<BackendList: {_NOTHING}>"
        return markup.plain_table(_HEADS, self._cells())

    def _repr_html_(self) -> str:
        if not self:
            return markup.block(markup.paragraph(_NOTHING))
        problems = [
            markup.paragraph(markup.name(each.name), each.raw.problem)
            for each in self.values()
            if each.raw.problem
        ]
        return markup.block(markup.table(_HEADS, self._cells(), numbers=(2, 3, 4)), *problems)


def is_whole(state: BackendState) -> bool:
    """Whether a back end has everything that is closed."""
    return state.state == "current" and state.behind_seconds == 0


def line(state: BackendState) -> str:
    """A state in one line."""
    said = f"{state.state}, {state.points:,} points"
    if state.refused:
        said += f", {state.refused:,} refused"
    if state.behind_seconds:
        said += f", {_behind(state)} behind"
    return f"{said}: {state.problem}" if state.problem else said


def _behind(state: BackendState) -> str:
    if not state.behind_seconds:
        return words.NOTHING
    return words.plain(words.duration(state.behind_seconds))
