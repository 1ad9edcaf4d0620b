"""Dashboards as apps of ``panel serve``: one to look at, one to change."""

from __future__ import annotations

import panel as pn

from datawatch_lab.core.errors import DataWatchError, WorkspaceError
from datawatch_lab.service.handle import Workspace, default_path
from datawatch_lab.views import theme
from datawatch_lab.views.board.component import Board
from datawatch_lab.views.board.feed import BoardFeed
from datawatch_lab.views.board.stored import loader
from datawatch_lab.views.builder.component import Builder
from datawatch_lab.views.pages.parts import fault
from datawatch_lab.views.pages.serving import shared_place

__all__ = ["builder", "dashboard"]

_STYLE = """
.ground {{ position: fixed; inset: 0; overflow: auto; background: var(--dw-ground);
  color: var(--dw-ink); font: 14px/1.45 {font}; }}
.card {{ max-width: 560px; margin: 64px auto; padding: 32px; background: var(--dw-card);
  border: 1px solid var(--dw-line); border-radius: 12px; box-shadow: var(--dw-shadow); }}
@media (max-width: 640px) {{ .card {{ margin: 16px; padding: 16px; }} }}
h2 {{ font-size: 22px; margin: 0 0 8px; }}
p {{ color: var(--dw-ink-2); margin: 0 0 16px; overflow-wrap: anywhere; }}
code, pre {{ color: var(--dw-ink); font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }}
pre {{ background: var(--dw-ground); border-radius: 8px; padding: 12px 16px; margin: 0;
  overflow-x: auto; }}
.code-of {{ position: relative; }} button {{ display: none; }}
:host {{ {light} }}
@media (prefers-color-scheme: dark) {{ :host {{ {dark} }} }}
"""
"""Of the page that says why there is no dashboard: alone, in the look of the others."""


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
    except DataWatchError as error:
        if isinstance(error, WorkspaceError):
            _forget()
        return _refused(error)
    return Builder(feed, id_) if edit else Board(feed, id_)


def _refused(error: DataWatchError) -> pn.viewable.Viewable:
    """A page that says why there is no dashboard, and what helps."""
    light, dark = (
        "; ".join(f"--dw-{name}: {value}" for name, value in each.items())
        for each in (theme.LIGHT, theme.DARK)
    )
    style = _STYLE.format(font=theme.FONT, light=light, dark=dark)
    made = f'<div class="ground">{fault(error)}</div>'
    return pn.pane.HTML(made, stylesheets=[style], sizing_mode="stretch_width")  # type: ignore[no-untyped-call]


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
