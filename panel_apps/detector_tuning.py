"""Tuning detectors of a workspace: ``panel serve panel_apps/detector_tuning.py``.

What a sensitivity would have flagged in the past, and which detector would have seen an incident
that is marked in the chart. Nothing is changed. The workspace is ``DATAWATCH_WORKSPACE``, else
``./datawatch.duckdb``; an engine that serves it is attached to.
"""

from datawatch_lab.views.pages.serving import page

page("detector_tuning").servable(title="DataWatch: detectors")
