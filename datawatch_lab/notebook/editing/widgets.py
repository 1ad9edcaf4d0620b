"""The two widgets of our own that editors are made of; the rest are ipywidgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from datawatch_lab.notebook.editing.course import Course, Dot, Floats, Mark

_ASSETS = Path(__file__).parent / "assets"
_STYLE = (_ASSETS / "chart.css").read_text(encoding="utf-8")


class Chart(anywidget.AnyWidget):
    """A course, its band, flagged points, episodes, and a threshold that can be dragged.

    Attributes:
        threshold: set from here and, by the mouse or arrow keys, in the browser; None for none.
        side: ``above`` or ``below``: which values are beyond it.
        still: class of the still picture that is hidden while this one lives.
    """

    _esm = (_ASSETS / "chart.js").read_text(encoding="utf-8")
    _css = _STYLE
    times = traitlets.Bytes(b"").tag(sync=True)
    values = traitlets.Bytes(b"").tag(sync=True)
    low = traitlets.Bytes(b"").tag(sync=True)
    high = traitlets.Bytes(b"").tag(sync=True)
    unit = traitlets.Unicode("").tag(sync=True)
    about = traitlets.Unicode("").tag(sync=True)
    lane = traitlets.Unicode("").tag(sync=True)
    side = traitlets.Unicode("above").tag(sync=True)
    still = traitlets.Unicode("").tag(sync=True)
    threshold = traitlets.Float(None, allow_none=True).tag(sync=True)
    marks: Any = traitlets.List(traitlets.Dict()).tag(sync=True)
    dots: Any = traitlets.List(traitlets.Dict()).tag(sync=True)

    def show(
        self, course: Course, about: str, *, marks: list[Mark], dots: list[Dot] | None = None
    ) -> None:
        """Show a course; what is as it was is not sent again."""
        with self.hold_sync():
            self.times, self.values = _packed(course.times), _packed(course.values)
            self.low, self.high = _packed(course.low), _packed(course.high)
            self.unit, self.about = course.unit, about
            self.marks = [each.sent() for each in marks]
            self.dots = [each.sent() for each in dots or []]


def _packed(values: Floats) -> bytes:
    return values.astype("<f8").tobytes()


class Actions(anywidget.AnyWidget):
    """Buttons, what was said last, and the code that makes the same.

    Attributes:
        buttons: name and words of each; ``Copy as code`` is always there.
        said: a sentence below them.
        code: what ``Copy as code`` copies.
        can_save: whether there is something to save.
    """

    _esm = (_ASSETS / "actions.js").read_text(encoding="utf-8")
    _css = _STYLE
    buttons: Any = traitlets.List().tag(sync=True)
    said = traitlets.Unicode("").tag(sync=True)
    code = traitlets.Unicode("").tag(sync=True)
    can_save = traitlets.Bool(True).tag(sync=True)
