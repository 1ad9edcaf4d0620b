"""Editing a quality rule: its pass rate over time and the rows that fail, as it is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from datawatch_lab.core.dashboards import Tile
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.quality import KINDS, ROW_FAMILIES, Rule
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.editing.course import Course, Dot, milliseconds
from datawatch_lab.notebook.editing.editor import Editor, show_in
from datawatch_lab.service.operations import quality as operations

if TYPE_CHECKING:
    from ipywidgets import Widget

    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.quality import RuleItem, TriedItem

RANGES = ("6h", "1d", "3d", "7d")
_SEVERITIES = ("info", "warning", "critical")
_BUCKETS = 96
"""Points of the picture, at most."""
_MOST_DOTS = 24
_SHOWN, _SHOWN_COLUMNS = 6, 7
_BOUNDED = ("in_range", "length", "mean", "quantile", "stddev", "volume")
_TEXTS = {"regex": ("pattern",), "comparison": ("expression",), "expression": ("expression",)}


class QualityEditor(Editor):
    """A rule of data quality, the share of rows that pass over time, and rows that do not.

    What `change` sets can be set by hand too; each change tries the rule on the past again. Nothing
    is kept before `save`. Sensitive values are masked.

    Args:
        workspace: that has the table.
        rule: as `core.quality.Rule` has it, or its keys.
        id_: of the rule that is changed; '' for a new one.
        last: how far back it is tried.

    Raises:
        InputError: the rule cannot be evaluated; says why.
    """

    def __init__(
        self,
        workspace: Workspace,
        rule: Rule | Mapping[str, Any],
        *,
        id_: str = "",
        last: str = "3d",
    ) -> None:
        super().__init__(workspace)
        self.rule = rule if isinstance(rule, Rule) else Rule.of(dict(rule))
        self.id = id_
        self.last = last
        self.answer: TriedItem
        self._made: dict[str, Any] = {}
        self.refresh()

    # ---------------------------------------------------------------- what is set

    def change(self, **what: Any) -> QualityEditor:
        """Set keys of the rule (``threshold``, ``min``, ``values`` …) or ``last``, and try it.

        Returns:
            This editor; it is as before when an `InputError` says what is wrong.
        """
        before, last = self.rule, self.last
        self.last = what.pop("last", last)
        try:
            self.rule = Rule.of({**self.rule.as_dict(), **what})
            if what.keys() == {"threshold"} and self._of_rows and self.last == last:
                self._judge()  # the same rows pass, whatever share must
            else:
                self.refresh()
        except Exception:
            self.rule, self.last = before, last
            raise
        return self

    @property
    def _of_rows(self) -> bool:
        """Whether its threshold is a share of rows."""
        return KINDS[self.rule.rule].family in ROW_FAMILIES and self.rule.rule != "event_freshness"

    # ---------------------------------------------------------------- what it says of the past

    def refresh(self) -> None:
        """Try the rule on the past again, as it is by now."""
        body = operations.RuleBody(**self.rule.as_dict())
        self.answer = self.workspace.quality_backtest(body, from_=f"-{self.last}", to="now")
        if self.answer.problem:
            raise InputError(f"{self.rule.title}: {self.answer.problem}")
        self.side = "below"
        self.course = passing(self.answer.points)
        self._judge()

    def _judge(self) -> None:
        """Hold the course against the threshold."""
        self.threshold = _share(self.rule.threshold) if self._of_rows else None
        self.dots = _failing(self.course, self.threshold)
        self._sync()
        self.show()

    @property
    def title(self) -> str:
        """The rule in words."""
        return self.rule.title

    @property
    def verdict(self) -> str:
        """How many rows pass."""
        found = self.answer
        if KINDS[self.rule.rule].family in ("clock", "query"):
            return (
                "It goes by the clock, so it says nothing of the past: it counts once it is kept."
            )
        if not found.rows:
            return f"No row was looked at in the last {self.last}."
        share = f"{_percent(1 - found.failed / found.rows)} of {found.rows:,}"
        thing = "rows" if self._of_rows else "checks"
        said = f"In the last {self.last} {share} {thing} pass"
        if not found.failed:
            return f"{said}."
        return f"{said}; {found.issue or f'{found.failed:,} fail'}."

    def _evidence(self) -> markup.Safe:
        samples = self.answer.samples[:_SHOWN]
        if not samples:
            return markup.Safe("")
        heads = _heads(samples, self.rule)
        rows = [[str(each.get(head, "")) for head in heads] for each in samples]
        body = markup.table(heads, rows)
        rest = markup.more(self.answer.failed, len(samples), "editor.answer.samples")
        return markup.details("rows that fail", markup.Safe(body + rest), is_open=True)

    # ---------------------------------------------------------------- save, code, tile

    @property
    def code(self) -> str:
        """Python that makes the rule."""
        keys = "".join(f"    {key!r}: {value!r},\n" for key, value in self.rule.as_dict().items())
        return f"lab.quality.add({{\n{keys}}})"

    def save(self) -> RuleItem:
        """Keep the rule: a new one is added, a known one changed."""
        given = self.rule.as_dict()
        if self.id:
            kept = self.workspace.change_quality_rule(**given, id=self.id)
        else:
            kept = self.workspace.add_quality_rule(**given)
        self.id = kept.id
        return kept

    def tile(self) -> Tile:
        """The quality board of its table."""
        return Tile(kind="quality", title=f"Quality of {self.rule.table}")

    # ---------------------------------------------------------------- controls

    def _controls(self) -> list[Widget]:
        import ipywidgets as w

        rule, kind = self.rule, self.rule.rule
        made: dict[str, Any] = {}
        if self._of_rows:
            said = rule.threshold or "100%"
            made["threshold"] = w.Text(said, description="Must pass", continuous_update=False)
        for name in ("min", "max") if kind in _BOUNDED else ():
            said = "" if getattr(rule, name) is None else str(getattr(rule, name))
            made[name] = w.Text(said, description=name.capitalize(), continuous_update=False)
        if kind in ("in_set", "not_in_set"):
            words = ", ".join(map(str, rule.values))
            made["values"] = w.Text(words, description="Values", continuous_update=False)
        for name in (*_TEXTS.get(kind, ()), "filter"):
            said = getattr(rule, name)
            made[name] = w.Text(said, description=name.capitalize(), continuous_update=False)
        made["severity"] = w.Dropdown(
            options=_SEVERITIES, value=rule.severity, description="Severity"
        )
        ranges = RANGES if self.last in RANGES else (*RANGES, self.last)
        made["last"] = w.Dropdown(options=ranges, value=self.last, description="Look at")
        for control in (made["severity"], made["last"]):
            control.layout.width = "200px"
        for name, control in made.items():
            control.observe(lambda change, name=name: self._set(name, change["new"]), "value")
        self._made = made
        return list(made.values())

    def _set(self, name: str, value: str) -> None:
        if value != self._shown(name):
            self.attempt(lambda: self.change(**{name: self._meant(name, value)}))

    def _meant(self, name: str, value: str) -> Any:
        """What was written by hand, as a rule takes it."""
        text = value.strip()
        if name == "values":
            numbers = bool(self.rule.values) and not isinstance(self.rule.values[0], str)
            parts = [each.strip() for each in text.split(",") if each.strip()]
            return [_number(each) if numbers else each for each in parts]
        if name in ("min", "max"):
            return _number(text) if text else None
        return text

    def _shown(self, name: str) -> str:
        if name == "last":
            return self.last
        value = getattr(self.rule, name)
        if name == "values":
            return ", ".join(map(str, value))
        if name == "threshold":
            return str(value or "100%")
        return "" if value is None else str(value)

    def _sync(self) -> None:
        for name, control in self._made.items():
            show_in(control, self._shown(name))

    def _drag(self, threshold: float) -> None:
        share = min(1.0, max(0.0, threshold))
        self.change(threshold=f"{100 * share:.4g}%")


def passing(points: Sequence[tuple[str, int, int]]) -> Course:
    """Share of rows that pass, over buckets of equal width; NaN where none were looked at.

    Args:
        points: of each minute or window its start, the rows looked at, and those that failed.
    """
    if not points:
        return Course(unit="ratio")
    times = milliseconds([at for at, _, _ in points])
    rows = np.array([count for _, count, _ in points], dtype=float)
    failed = np.array([count for _, _, count in points], dtype=float)
    width = max(60_000.0, np.ceil((times[-1] - times[0]) / _BUCKETS / 60_000) * 60_000)
    places = ((times - times[0]) // width).astype(int)
    every, bad = np.bincount(places, weights=rows), np.bincount(places, weights=failed)
    starts = times[0] + width * np.arange(every.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Course(starts, 1 - bad / every, unit="ratio")


def _failing(course: Course, threshold: float | None) -> list[Dot]:
    """Buckets below what must pass, where they are few."""
    if threshold is None:
        return []
    below = np.flatnonzero(course.values < threshold - 1e-12)
    if below.size > _MOST_DOTS:
        return []  # the line itself is told apart there
    return [
        Dot(at, value, "bad", f"{_percent(value)} pass")
        for at, value in zip(
            course.times[below].tolist(), course.values[below].tolist(), strict=True
        )
    ]


def _share(threshold: str) -> float:
    text = threshold.strip()
    if not text:
        return 1.0
    number = float(text.rstrip("%"))
    return number / 100 if text.endswith("%") else number


def _percent(share: float) -> str:
    """Never 100 % while something fails.

    >>> _percent(1.0), _percent(0.99999)
    ('100 %', '99.999 %')
    """
    percent = 100 * share
    near = f"{percent:.4g}"
    return f"{near} %" if float(near) < 100 or share >= 1 else f"{percent:.6g} %"


def _number(text: str) -> Any:
    """A number where it is one, else the text, such as a time."""
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        return text


def _heads(samples: Sequence[Mapping[str, Any]], rule: Rule) -> list[str]:
    """The rule's own columns first, few enough to be read."""
    own = [each for each in (rule.field, *rule.fields) if each]
    every = list(dict.fromkeys(name for each in samples for name in each))
    return [*own, *(each for each in every if each not in own)][:_SHOWN_COLUMNS]
