"""Dashboards as apps of ``panel serve``: one to look at, one to change."""

from __future__ import annotations

import panel as pn

from datawatch_lab.core.errors import DataWatchError, WorkspaceError
from datawatch_lab.service.handle import Workspace, default_path
from datawatch_lab.views.board.component import Board
from datawatch_lab.views.board.feed import BoardFeed
from datawatch_lab.views.board.stored import loader
from datawatch_lab.views.builder.component import Builder
from datawatch_lab.views.pages.serving import shared_place

__all__ = ["builder", "dashboard"]

_NONE_YET = (
    "### No workspace yet\n\n{message}\n\n"
    "Make one with `datawatch demo`, or name one in `DATAWATCH_WORKSPACE`."
)


def dashboard() -> pn.viewable.Viewable:
    """The dashboard that the address names (``?id=``), live; else the first, else an overview."""
    return _opened(edit=False)


def builder() -> pn.viewable.Viewable:
    """The dashboard that the address names (``?id=``) in edit mode; else the first."""
    return _opened(edit=True)


def _opened(*, edit: bool) -> pn.viewable.Viewable:
    try:
        feed = _feed()
        id_ = _chosen(feed.workspace)
    except WorkspaceError as error:
        _forget()
        return pn.Column(_NONE_YET.format(message=error))
    except DataWatchError as error:
        return pn.Column(_NONE_YET.format(message=error))
    return Builder(feed, id_) if edit else Board(feed, id_)


def _key() -> str:
    return f"datawatch boards {default_path().resolve()}"


def _feed() -> BoardFeed:
    """The boards of this process, over the workspace that its apps share."""

    def make() -> BoardFeed:
        workspace = shared_place().lend()
        return BoardFeed(workspace, loader(workspace))

    made: BoardFeed = pn.state.as_cached(_key(), make)
    return made


def _forget() -> None:
    """Give a workspace back that is reached no more; who looks next reaches it anew."""
    kept = pn.state.cache.pop((_key(),), None)
    if kept is not None:
        feed: BoardFeed = kept[0]
        feed.close()
        feed.workspace.close()


def _chosen(workspace: Workspace) -> str:
    """The dashboard that is asked for; a workspace without one is given an overview."""
    asked = pn.state.session_args.get("id", [b""])[0].decode() if pn.state.curdoc else ""
    if asked:
        return workspace.get_dashboard(asked).id
    found = workspace.list_dashboards()
    if found:
        return found[0].id
    try:
        return workspace.add_dashboard(template="overview").id
    except DataWatchError:  # nothing has come yet that a template could show
        return workspace.add_dashboard(name="Dashboard").id
