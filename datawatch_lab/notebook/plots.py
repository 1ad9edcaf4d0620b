"""Plots of answers in a notebook: HoloViews objects that show without a network, in any theme."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from datawatch_lab.notebook.progress import in_kernel
from datawatch_lab.service.answers import QueryAnswer

_INK = "var(--jp-content-font-color1, var(--jp-ui-font-color1, #566073))"
_LINE = "var(--jp-border-color2, rgba(128, 128, 128, 0.3))"
_SHEET = (
    ":host{"
    + "".join(
        f"--bk-{part}-text-color:{_INK};"
        for part in ("title", "major-label", "axis-label", "label", "item")
    )
    + f"--bk-grid-line-color:{_LINE};--bk-axis-line-color:{_LINE};"
    "--bk-border-fill-color:transparent;--bk-background-fill-color:transparent;"
    "--bk-outline-line-color:transparent}"
)
"""Text and grid take the colours of the page around, so that a change of theme reaches them."""


@dataclass(frozen=True)
class Found:
    """What `set_up` found, for `restore`; None where there was nothing to change."""

    inline: bool | None = None
    webgl: bool | None = None


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
    found = Found(inline, bool(renderer.webgl))
    renderer.webgl = False  # a browser without a graphics card would show nothing
    return found


def restore(found: Found) -> None:
    """Put back what `set_up` changed."""
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

    return themed(to_hv(answer, **how))


def themed(element: Any) -> Any:
    """The plot with text and grid in the colours of the page around it."""
    return element.opts(hooks=[_dress], clone=True)


def _dress(plot: Any, element: Any) -> None:
    del element
    figure = plot.state
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
