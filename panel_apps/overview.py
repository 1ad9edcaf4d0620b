"""The live overview of a workspace: ``panel serve panel_apps/overview.py``.

The workspace is ``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``. If an engine serves it, this
page attaches to that; else the file is opened while somebody looks. Looking never creates a file.
"""

from datawatch_lab.views.pages.serving import overview

overview().servable(title="DataWatch")
