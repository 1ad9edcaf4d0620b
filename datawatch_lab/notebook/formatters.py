"""Formatters of types that are not ours to show: what operations answer, as tables.

``lab.workspace`` gives plain answers of the service. While the extension is loaded they show as
tables of their fields, escaped and cut; masked values are masked already. Nothing of what others
registered is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from datawatch_lab.notebook import markup

if TYPE_CHECKING:
    from IPython.core.formatters import BaseFormatter
    from IPython.core.interactiveshell import InteractiveShell

_OPERATIONS = "datawatch_lab.service.operations"
TYPES = (
    *((f"{_OPERATIONS}.alerts", name) for name in ("RuleAnswer", "BacktestAnswer")),
    (f"{_OPERATIONS}.alerts_open", "AlertAnswer"),
    (f"{_OPERATIONS}.anomalies", "AnomalyAnswer"),
    (f"{_OPERATIONS}.forecasts", "ForecastAnswer"),
    (f"{_OPERATIONS}.metrics", "MetricDetail"),
    *(
        ("datawatch_lab.service.quality", name)
        for name in ("RuleItem", "ScoreAnswer", "SuggestionItem", "TriedItem", "ViolationItem")
    ),
    *(
        ("datawatch_lab.service.answers", name)
        for name in ("ColumnAnswer", "MetricAnswer", "QueryAnswer", "TableAnswer")
    ),
    ("datawatch_lab.core.quality", "Rule"),
    ("datawatch_lab.core.alerting", "AlertRule"),
)
"""Module and name of each type; none of them is loaded for it."""

_MOST, _LONG = 40, 160


def fields_html(answer: Any) -> str:
    """The fields of an answer as a table, without those that are empty; long lists are counted."""
    rows = [
        (markup.soft(name), _said(getattr(answer, name)))
        for name in answer.__struct_fields__
        if getattr(answer, name) not in (None, "", [], {}, ())
    ]
    head = markup.paragraph(markup.name(type(answer).__name__))
    return markup.block(head, markup.table(["", ""], rows[:_MOST]))


def _said(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) > 5:
        return f"{len(value):,} items"
    if isinstance(value, msgspec.Struct | list | tuple | dict):
        return markup.short(str(msgspec.to_builtins(value)), _LONG)
    return str(value)


class Formatters:
    """Registers the formatters in one shell, and takes them away again.

    Args:
        ipython: the shell.
    """

    def __init__(self, ipython: InteractiveShell) -> None:
        display: Any = ipython.display_formatter
        self._html: BaseFormatter | None = None
        if display is not None:
            self._html = display.formatters["text/html"]
        self._before: dict[tuple[str, str], Any] = {}

    def register(self) -> None:
        """Show the types as tables; harmless where nothing is displayed."""
        for module, name in TYPES if self._html is not None else ():
            html: Any = self._html
            self._before[(module, name)] = html.for_type_by_name(module, name, fields_html)

    def restore(self) -> None:
        """Put back what showed them before."""
        html: Any = self._html
        for (module, name), before in self._before.items():
            html.pop(f"{module}.{name}", None)
            if before is not None and before is not fields_html:
                html.for_type_by_name(module, name, before)
        self._before = {}
