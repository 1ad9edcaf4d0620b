"""The builder of dashboards: ``panel serve panel_apps/builder.py``.

``?id=`` in the address names a dashboard; without it the first one is opened. The workspace is
``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``.
"""

import panel as pn

from datawatch_lab.views.builder.apps import builder

pn.extension()
builder().servable(title="DataWatch")
