"""Panel and HoloViews objects that tiles show: those of a notebook, and those of a server.

A server is given a Python file by its configuration: ``objects``, ``serve --objects FILE`` or
``DATAWATCH_OBJECTS=FILE``. The file is run as the server begins, and its ``OBJECTS`` maps names to
objects, or to functions that make one for each who looks, of the workspace. It runs with all rights
of the server, so it is the owner's own.
"""

from __future__ import annotations

import logging
import os
import re
import runpy
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from datawatch_lab.core.config import Config
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.views.theme import DARK, FONT, LIGHT

log = logging.getLogger(__name__)

VARIABLE = "DATAWATCH_OBJECTS"
PATH = "/datawatch/objects"
_THEMES = {"light": "default", "dark": "dark"}
"""As Panel calls them."""

_SIGNS = re.compile(r'<link rel="(?:apple-touch-icon|icon|manifest)"[^>]*>')
_ALONE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    'img-src data: blob:; font-src data:">'
)
"""A page that stands in a picture has all that it needs in it."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def of(config: Config | None) -> Mapping[str, Any]:
    """The objects that a configuration names, by name; of the environment without one.

    Raises:
        ConfigError: the file cannot be run, or says no objects; says why.
    """
    file = os.environ.get(VARIABLE, "") if config is None else config.objects
    return _run(str(Path(file).resolve())) if file else {}


@cache
def _run(file: str) -> Mapping[str, Any]:
    try:
        found = runpy.run_path(file).get("OBJECTS")
    except Exception as error:
        raise ConfigError(f"objects: {file} failed: {type(error).__name__}: {error}") from error
    return checked(found, file)


def checked(found: Any, file: str) -> Mapping[str, Any]:
    """What a file says, if it is objects by name.

    Raises:
        ConfigError: it is not; says what it must be.
    """
    if not isinstance(found, Mapping) or not found:
        raise ConfigError(
            f"objects: {file} has no OBJECTS.",
            hint='It must say OBJECTS = {"name": object or function of the workspace, …}.',
        )
    bad = [name for name in found if not (isinstance(name, str) and _NAME.fullmatch(name))]
    if bad:
        raise ConfigError(
            f"objects: {bad[0]!r} in {file} is no name.",
            hint="Names are of small letters, digits, - and _, at most 60.",
        )
    return dict(found)


def addresses(given: Iterable[str], root: str) -> dict[str, str]:
    """Where a server shows each object, from a page that sees its root there.

    >>> addresses(["heat"], "../")
    {'heat': '../datawatch/objects/heat'}
    """
    return {name: f"{root}{PATH[1:]}/{name}" for name in given}


def apps(given: Mapping[str, Any], workspace: Any) -> dict[str, Callable[[], Any]]:
    """What Panel serves: a page by path, with one object as large as the page."""
    return {f"{PATH}/{name}": _app(name, each, workspace) for name, each in given.items()}


def _app(name: str, thing: Any, workspace: Any) -> Callable[[], Any]:
    def show() -> Any:
        import panel as pn

        asked = pn.state.session_args.get("theme", [b""])[0]
        config: Any = pn.config
        config.theme = _THEMES["dark" if asked == b"dark" else "light"]
        return made(name, thing, workspace)

    return show


def made(name: str, thing: Any, workspace: Any) -> Any:
    """An object as Panel shows it, as large as its page; in its place a sentence where it fails."""
    import panel as pn

    try:
        found = shown(thing(workspace) if callable(thing) else thing)
    except Exception:
        log.exception("the object %s could not be made", name)
        alert: Any = pn.pane.Alert
        found = alert(f"{name} could not be made; the log of the server says why.")
    return pn.Column(found, sizing_mode="stretch_both", margin=0)


def save(name: str, thing: Any, workspace: Any, file: Path, *, theme: str) -> None:
    """Write an object as a page that asks nothing of anybody, as it is before anybody touches it.

    Args:
        name: of the object.
        thing: the object, or a function that makes it of the workspace.
        workspace: for that function.
        file: HTML, with all scripts in it.
        theme: light or dark.
    """
    from bokeh.document import Document
    from bokeh.resources import INLINE
    from panel.config import config
    from panel.io.state import set_curdoc

    with set_curdoc(Document()), config.set(theme=_THEMES[theme]):
        made(name, thing, workspace).save(str(file), title=name, resources=INLINE)
    # A page of Panel has the colours of a light one, whatever its theme.
    ink = (DARK if theme == "dark" else LIGHT)["ink"]
    style = (
        f"<style>body{{color:{ink};--panel-on-background-color:{ink};font-family:{FONT}}}</style>"
    )
    page = _SIGNS.sub("", file.read_text("utf-8"))
    page = page.replace("<head>", f"<head>{_ALONE}", 1).replace("</head>", f"{style}</head>", 1)
    file.write_text(page, "utf-8")


def shown(thing: Any) -> Any:
    """A thing as Panel shows it, as large as the place that it is given; it is not changed."""
    import panel as pn

    if isinstance(thing, pn.viewable.Viewable | pn.viewable.Viewer):
        return pn.Column(thing, sizing_mode="stretch_both", margin=0)
    pane: Any = pn.panel
    return pane(thing, sizing_mode="stretch_both", margin=0)
