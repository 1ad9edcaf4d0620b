"""What all editors share: how they show themselves, say what went wrong, save, copy and tile."""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.dashboards import Dashboard, Tile
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.dashboards import Board, find
from datawatch_lab.notebook.editing.course import Course, Dot, Mark
from datawatch_lab.notebook.editing.still import picture
from datawatch_lab.notebook.progress import in_kernel

if TYPE_CHECKING:
    from ipywidgets import VBox, Widget

    from datawatch_lab.notebook.editing.widgets import Actions, Chart
    from datawatch_lab.service.handle import Workspace

_BUTTONS = [["save", "Save"], ["tile", "Make a tile"]]
_BOARD = "Notebook"


class Editor(ABC):
    """Something that is configured by hand, with a picture of what it does.

    Subclasses say what is shown and keep what is set; widgets are made by the first display.

    Attributes:
        course: what the picture shows.
        marks: episodes below it.
        dots: points that are told apart.
        threshold: a level in it; None for none.
        side: ``above`` or ``below``.
        lane: what the episodes are.
        saves: whether there is something to keep.
    """

    course: Course = Course()
    marks: list[Mark]
    dots: list[Dot]
    threshold: float | None = None
    side: str = "above"
    lane: str = ""
    saves: bool = True

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.marks, self.dots = [], []
        self.still = f"dw-still-{uuid.uuid4().hex[:12]}"
        self._chart: Chart | None = None
        self._actions: Actions | None = None
        self._words: Any = None
        self._head: Any = None
        self._layout: VBox | None = None
        self._one_at_a_time = threading.RLock()

    # ---------------------------------------------------------------- what a subclass says

    @property
    @abstractmethod
    def title(self) -> str:
        """What is edited, in a few words."""

    @property
    @abstractmethod
    def verdict(self) -> str:
        """What it does as it is set now, in one sentence."""

    @property
    @abstractmethod
    def code(self) -> str:
        """Python that makes the same."""

    @abstractmethod
    def save(self) -> Any:
        """Keep it as it is set now."""

    @abstractmethod
    def tile(self) -> Tile:
        """What it shows, as a tile for a dashboard."""

    def put(self, dashboard: str = _BOARD) -> Board:
        """Put its tile on a dashboard, which is made when there is none of that name."""
        there = [each.name for each in self.workspace.list_dashboards()]
        value = find(self.workspace, dashboard) if dashboard in there else None
        board = value or find(self.workspace, Dashboard(name=dashboard))
        board.add(self.tile())
        return board.save()

    @abstractmethod
    def _controls(self) -> list[Widget]:
        """The controls between title and picture."""

    @abstractmethod
    def _drag(self, threshold: float) -> None:
        """The threshold was set in the picture."""

    def _evidence(self) -> markup.Safe:
        """What stands below the verdict; nothing by default."""
        return markup.Safe("")

    # ---------------------------------------------------------------- how it shows itself

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title}: {self.verdict}>"

    def _repr_html_(self) -> str:
        return markup.block(
            markup.Safe(f'<div class="dw-still {self.still}">'),
            markup.paragraph(markup.name(self.title)),
            picture(
                self.course,
                self.verdict,
                threshold=self.threshold,
                marks=self.marks,
                dots=self.dots,
                lane=self.lane,
            ),
            markup.paragraph(self.verdict),
            self._evidence(),
            markup.details("as code", markup.Safe(f"<pre>{markup.text(self.code, 4_000)}</pre>")),
            markup.Safe("</div>"),
        )

    def _ipython_display_(self) -> None:
        """The still picture, and in a kernel the widgets, which hide it while they live."""
        from IPython.display import display

        show: Any = display
        show({"text/html": self._repr_html_(), "text/plain": repr(self)}, raw=True)
        if in_kernel():
            show(self.widget)

    @property
    def widget(self) -> VBox:
        """The widgets; the same at each asking."""
        if self._layout is None:
            self._layout = self._build()
        return self._layout

    def _build(self) -> VBox:
        import ipywidgets

        from datawatch_lab.notebook.editing.widgets import Actions, Chart

        chart = Chart(still=self.still, lane=self.lane, side=self.side, threshold=self.threshold)
        chart.observe(lambda change: self._dragged(change["new"]), "threshold")
        actions = Actions(buttons=_BUTTONS if self.saves else _BUTTONS[1:], code=self.code)
        actions.on_msg(lambda _, content, __: self._pressed(content))
        self._chart, self._actions = chart, actions
        self._head, self._words = ipywidgets.HTML(), ipywidgets.HTML()
        layout = ipywidgets.VBox(
            [
                self._head,
                ipywidgets.HBox(
                    self._controls(), layout=ipywidgets.Layout(flex_flow="row wrap", width="100%")
                ),
                chart,
                self._words,
                actions,
            ],
            layout=ipywidgets.Layout(width="100%", max_width="1080px"),
        )
        self.show()
        return layout

    def show(self) -> None:
        """Bring the widgets up to date; nothing where there are none yet."""
        if self._chart is None or self._actions is None:
            return
        self._chart.side = self.side
        self._chart.lane = self.lane
        self._chart.show(self.course, self.verdict, marks=self.marks, dots=self.dots)
        if self._chart.threshold != self.threshold:
            self._chart.threshold = self.threshold
        self._head.value = markup.block(markup.paragraph(markup.name(self.title)))
        self._words.value = markup.block(markup.paragraph(self.verdict), self._evidence())
        self._actions.code = self.code

    def say(self, words: str) -> None:
        """A sentence below the buttons; printed nowhere when there are none."""
        if self._actions is not None:
            self._actions.said = words

    def attempt(self, act: Callable[[], Any]) -> None:
        """Do something that was asked for by hand; what is wrong is said and does not end it.

        A kernel with subshells handles the messages of widgets beside its cells, in other threads.
        """
        with self._one_at_a_time:
            self.say("")
            try:
                said = act()
            except DataWatchError as error:
                self.say(str(error))
                return
            if isinstance(said, str):
                self.say(said)

    def _dragged(self, threshold: float | None) -> None:
        if threshold is not None and threshold != self.threshold:
            self.attempt(lambda: self._drag(threshold))

    def _pressed(self, content: dict[str, Any]) -> None:
        acts = {"save": self._save_said, "tile": self._tile_said}
        act = acts.get(str(content.get("press")))
        if act is not None:
            self.attempt(act)

    def _save_said(self) -> str:
        self.save()
        return f"Saved {self.title}."

    def _tile_said(self) -> str:
        board = self.put()
        return f"It is on the dashboard {board.name!r} now: {board.path}"


def show_in(control: Any, value: Any) -> None:
    """Let a control show a value; a list of choices gets it where it lacks it."""
    if control.value == value:
        return
    options = getattr(control, "options", None)
    if options is not None and value not in options:
        control.options = (*options, value)
    control.value = value
