"""What plots need in a notebook's page, put there inline, so that they show without a network."""

from __future__ import annotations


def prepare_output() -> None:
    """Load Panel and HoloViews into the notebook, once a kernel; nothing comes from elsewhere."""
    import holoviews as hv
    import panel as pn

    if not getattr(pn.extension, "_loaded", False):
        pn.extension(inline=True)
    if hv.Store.current_backend != "bokeh" or not getattr(hv.extension, "_loaded", False):
        hv.extension("bokeh", inline=True, logo=False)
    hv.renderer("bokeh").webgl = False
