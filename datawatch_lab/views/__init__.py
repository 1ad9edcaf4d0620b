"""Panel, Bokeh and HoloViews: the live overview page, its server, plots of metrics."""
