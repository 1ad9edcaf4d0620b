"""The live overview of a workspace: ``panel serve panel_apps/overview.py``.

The workspace is ``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``. If an engine serves it, this
page attaches to that; else the file is opened while somebody looks. Looking never creates a file.
"""

from pathlib import Path

import panel as pn

from datawatch_lab.service.handle import default_path, open_workspace
from datawatch_lab.views.feed import Feed
from datawatch_lab.views.overview import Page


def feed_of(path: Path) -> Feed:
    """The feed of a workspace, which all sessions of this process share."""
    return Feed(
        lambda: open_workspace(path, what="panel serve", create=False),
        name=path.stem,
        owned=True,
    )


place = default_path().resolve()
feed = pn.state.as_cached(f"datawatch {place}", lambda: feed_of(place))
Page(feed).template.servable(title="DataWatch")
