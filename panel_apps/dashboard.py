"""A dashboard, live: ``panel serve panel_apps/dashboard.py``.

``?id=`` in the address names a dashboard; without it the first one is opened. The workspace is
``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``.
"""

import panel as pn

from datawatch_lab.views.builder.apps import dashboard

pn.extension()
dashboard().servable(title="DataWatch")
