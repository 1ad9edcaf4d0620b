"""Data quality of a workspace: ``panel serve panel_apps/quality.py``.

The board, rules with their failing rows, suggestions, a check of every row. The workspace is
``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``; an engine that serves it is attached to.
"""

from datawatch_lab.views.pages.serving import page

page("quality").servable(title="DataWatch: data quality")
