"""Plots of answers in a notebook: HoloViews objects that show without a network, in any theme."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from datawatch_lab.notebook.progress import in_kernel, shell
from datawatch_lab.service.answers import QueryAnswer
from datawatch_lab.views import theme

_INK = "var(--jp-content-font-color1, var(--jp-ui-font-color1, #566073))"
_LINE = "var(--jp-border-color2, rgba(128, 128, 128, 0.3))"
_SHEET = (
    ":host{"
    f"--bk-text-color:{_INK};--bk-major-label-text-color:{_INK};"
    f"--bk-axis-label-text-color:{_INK};--bk-label-text-color:{_INK};"
    f"--bk-grid-line-color:{_LINE};--bk-axis-line-color:{_LINE};"
    "--bk-border-fill-color:transparent;--bk-background-fill-color:transparent;"
    "--bk-outline-line-color:transparent}"
)
"""Text and grid take the colours of the page around, so that a change of theme reaches them."""


_LEGEND = f":host .bk-label{{color:{_INK} !important}}"
"""The legend is no part of the canvas and does not read the variables."""

_AMOUNTS = """
const size = Math.abs(tick);
const [scale, mark] = size >= 1e12 ? [1e12, " T"] : size >= 1e9 ? [1e9, " B"]
    : size >= 1e6 ? [1e6, " M"] : size >= 1e3 ? [1e3, " K"] : [1, ""];
return Number((tick / scale).toPrecision(4)).toLocaleString("en-US", {maximumFractionDigits: 4})
    + mark;
"""
_SHARES = 'return Number((tick * 100).toPrecision(4)) + " %";'
_SECONDS = """
const size = Math.abs(tick);
if (size === 0) return "0";
const [scale, mark] = size < 1 ? [1e-3, " ms"] : size < 60 ? [1, " s"]
    : size < 3600 ? [60, " min"] : size < 86400 ? [3600, " h"] : [86400, " d"];
return Number((tick / scale).toPrecision(4)) + mark;
"""
_WORDS = {"ratio": _SHARES, "s": _SECONDS}


@dataclass(frozen=True)
class Found:
    """What `set_up` found, for `restore`; None where there was nothing to change."""

    inline: bool | None = None
    webgl: bool | None = None
    printers: Mapping[type, Any] = field(default_factory=dict)


def set_up() -> Found:
    """Let Panel and HoloViews show their plots in this notebook from its own scripts.

    Does nothing but load them where no notebook runs. Harmless when repeated.
    """
    import holoviews as hv
    import panel as pn

    inline, shown = bool(pn.config.inline), "bokeh" in hv.Store.renderers
    if not shown or (in_kernel() and not inline):
        hv.extension("bokeh", inline=True, logo=False)
        pn.config.inline = True  # type: ignore[misc]  # param gives no types
    renderer = hv.renderer("bokeh")
    found = Found(inline, bool(renderer.webgl), _print_inline())
    renderer.webgl = False  # a browser without a graphics card would show nothing
    return found


def _print_inline() -> dict[type, Any]:
    """Let HoloViews' plots be shown with their styles in them; gives what printed them before.

    HoloViews itself asks a public server for Panel's styles, Panel does not when it is told so.
    """
    import holoviews as hv

    printer = _bundles()
    if printer is None:
        return {}
    kinds = (hv.Overlay, hv.Bars, hv.Layout)
    return {kind: printer.for_type(kind, _bundle) for kind in kinds}


def _bundles() -> Any:
    """The notebook's formatter of bundles; None where no notebook runs."""
    running = shell() if in_kernel() else None
    display: Any = None if running is None else running.display_formatter
    return None if display is None else display.mimebundle_formatter


def _bundle(drawn: Any, **how: Any) -> Any:
    import panel as pn

    pane: Any = pn.pane.HoloViews
    return pane(drawn)._repr_mimebundle_(**how)


def restore(found: Found) -> None:
    """Put back what `set_up` changed."""
    bundles = _bundles()
    for kind, printer in found.printers.items() if bundles is not None else ():
        if printer is None:
            bundles.pop(kind, None)
        else:
            bundles.for_type(kind, printer)
    if "panel" in sys.modules and found.inline is not None:
        import panel as pn

        pn.config.inline = found.inline  # type: ignore[misc]  # the same
    if "holoviews" in sys.modules and found.webgl is not None:
        import holoviews as hv

        hv.renderer("bokeh").webgl = found.webgl


def plot(answer: QueryAnswer, **how: Any) -> Any:
    """An answer as a HoloViews object.

    Args:
        answer: with points over time.
        how: ``kind``, ``title``, ``width``; see `views.hv.to_hv`.
    """
    set_up()
    from datawatch_lab.views.hv import to_hv

    drawn = to_hv(answer, **how)
    if how.get("kind", "line") == "line":
        drawn = drawn.clone([*drawn, _dots(answer)])
    return drawn.opts(hooks=[partial(_dress, unit=answer.unit)], clone=True)


def _dots(answer: QueryAnswer) -> Any:
    """Points with a gap on both sides, which a line does not show."""
    import holoviews as hv
    import numpy as np

    from datawatch_lab.views.hv import columns, ranked

    rows = [(np.empty(0, "datetime64[ms]"), np.empty(0), np.empty(0, dtype=object))]
    for place, series in enumerate(ranked(answer)):
        times, values = columns(series)
        known = np.pad(np.isfinite(values), 1)
        alone = known[1:-1] & ~known[:-2] & ~known[2:]
        colours = np.full(int(alone.sum()), theme.colour(place), dtype=object)
        rows.append((times[alone], values[alone], colours))
    data = tuple(np.concatenate(parts) for parts in zip(*rows, strict=True))
    dots = hv.Scatter(data, hv.Dimension("time", label="Time (UTC)"), [answer.metric, "colour"])
    return dots.opts(hv.opts.Scatter(color="colour", size=5, framewise=True))


def _dress(plot: Any, element: Any, *, unit: str) -> None:
    """The figure in the colours of the page around it, its amounts worded as everywhere."""
    del element
    figure = plot.state
    for axis in (*figure.xaxis, *figure.yaxis):
        axis.update(
            axis_line_color=None,
            major_tick_line_color=None,
            minor_tick_line_color=None,
            major_label_text_font_size="12px",
            axis_label_text_font_size="12px",
            axis_label_text_font_style="normal",
        )
        _word_ticks(axis, unit)
    figure.title.text_font_size = "14px"
    figure.background_fill_color = None
    figure.border_fill_color = None
    figure.outline_line_color = None
    figure.toolbar.logo = None
    figure.toolbar.autohide = True
    if _SHEET not in figure.stylesheets:
        figure.stylesheets = [*figure.stylesheets, _SHEET]
    for legend in figure.legend:
        legend.background_fill_alpha = 0.0
        legend.border_line_color = None
        legend.click_policy = "hide"
        legend.stylesheets = [_LEGEND]


def _word_ticks(axis: Any, unit: str) -> None:
    """Amounts as ``1.2 K`` and not ``1.200e+3``; times and names are left alone."""
    from bokeh.models import BasicTickFormatter, CustomJSTickFormatter

    if isinstance(axis.formatter, BasicTickFormatter):
        axis.formatter = CustomJSTickFormatter(code=_WORDS.get(unit, _AMOUNTS))
