"""The HTTP edge: tornado handlers made from the operations that `service` declares.

`routes.patterns` gives the URL patterns, for a Bokeh server or a plain tornado application;
`auth.Gate` tells who asks; `openapi` describes it all; `server.Server` serves patterns alone.
"""
