"""DataWatch Lab: live tables, metrics and dashboards from database changes and telemetry.

The folders, in the order in which data flows::

    core/       values, protocols, errors, clock, durations, settings; knows no edge
    ingest/     bytes → typed change batches: envelopes/ (formats), sources/ (inputs)
    metrics/    field roles, the catalogue of automatic metrics, partial states, queries
    anomaly/    detectors, the bank that steps all series, episodes, evaluation
    forecast/   models, their choice by back-test, calibrated intervals
    quality/    rules, scores, suggestions
    schema/     DDL, inference, diff, classification, blast radius
    alerts/     condition language, state machine, routing stages, channels
    dashboards/  templates that fit a workspace, differences, exports
    store/      DuckDB: change log, roll-ups, ledger, quarantine, migrations; all SQL
    engine/     composition: the one place where stages meet; owns threads and transactions
    service/    the operations of a workspace, each declared once; the only door for every edge
    api/        tornado: REST and WebSocket, generated from service/
    client/     the SDK, sync and async: operations over HTTP, events in the background
    views/      Panel and HoloViews: the live overview page, plots
    notebook/   the IPython extension and objects that show themselves
    jupyter/    the server extension that finds the engine, the extension of JupyterLab
    reports/    notebooks run with parameters, as HTML and PDF
    cli         the command `datawatch`

`core` imports nothing of ours, stages import `core` only, `engine` wires the stages, `service`
calls the engine, and the edges know `service` and `core`; ``tests/test_imports.py`` enforces it.
The public names below load on first use, so ``import datawatch_lab`` itself loads next to nothing.

>>> import datawatch_lab as dw
>>> sorted(dw.__all__)[:4]
['Dashboard', 'MetricDetector', 'Note', 'Tile']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datawatch_lab.anomaly.metric_detector import MetricDetector
    from datawatch_lab.notebook.dashboards import Dashboard, Note, Tile, TileQuery, Variable
    from datawatch_lab.notebook.extension import (
        load_ipython_extension,
        unload_ipython_extension,
    )
    from datawatch_lab.notebook.objects import connect, open

    __version__: str

__all__ = [
    "Dashboard",
    "MetricDetector",
    "Note",
    "Tile",
    "TileQuery",
    "Variable",
    "__version__",
    "connect",
    "load_ipython_extension",
    "open",
    "unload_ipython_extension",
]

_HOMES = {
    **{
        name: ("datawatch_lab.notebook.dashboards", name)
        for name in ("Dashboard", "Note", "Tile", "TileQuery", "Variable")
    },
    "MetricDetector": ("datawatch_lab.anomaly.metric_detector", "MetricDetector"),
    "connect": ("datawatch_lab.notebook.objects", "connect"),
    "load_ipython_extension": ("datawatch_lab.notebook.extension", "load_ipython_extension"),
    "open": ("datawatch_lab.notebook.objects", "open"),
    "unload_ipython_extension": ("datawatch_lab.notebook.extension", "unload_ipython_extension"),
}
"""Public name → the module that it lives in and its name there."""


def __getattr__(name: str) -> Any:
    """Load a public name from its home.

    Raises:
        AttributeError: there is no such name.
    """
    if name == "__version__":
        from importlib.metadata import version

        return version("datawatch-lab")
    if name not in _HOMES:
        raise AttributeError(f"datawatch_lab has no name {name!r}. Names: {', '.join(__all__)}.")
    module, there = _HOMES[name]
    return getattr(import_module(module), there)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
