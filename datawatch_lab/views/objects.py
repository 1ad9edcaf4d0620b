"""Panel and HoloViews objects that tiles show: those of a notebook, and those of a server.

A server is given a Python file by the environment: ``DATAWATCH_OBJECTS=FILE.py``. The file is run
as the server begins, and its ``OBJECTS`` maps names to objects, or to functions that make one for
each who looks, of the workspace. It runs with all rights of the server, so it is the owner's own.
"""

from __future__ import annotations

import logging
import os
import re
import runpy
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from datawatch_lab.core.errors import ConfigError

log = logging.getLogger(__name__)

VARIABLE = "DATAWATCH_OBJECTS"
PATH = "/datawatch/objects"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def given() -> Mapping[str, Any]:
    """The objects of this process by name; none where the environment names no file.

    Raises:
        ConfigError: the file cannot be run, or says no objects; says why.
    """
    file = os.environ.get(VARIABLE, "")
    return _of(str(Path(file).resolve())) if file else {}


@cache
def _of(file: str) -> Mapping[str, Any]:
    try:
        found = runpy.run_path(file).get("OBJECTS")
    except Exception as error:
        raise ConfigError(f"{VARIABLE}: {file} failed: {type(error).__name__}: {error}") from error
    return checked(found, file)


def checked(found: Any, file: str) -> Mapping[str, Any]:
    """What a file says, if it is objects by name.

    Raises:
        ConfigError: it is not; says what it must be.
    """
    if not isinstance(found, Mapping) or not found:
        raise ConfigError(
            f"{VARIABLE}: {file} has no OBJECTS.",
            hint='It must say OBJECTS = {"name": object or function of the workspace, …}.',
        )
    bad = [name for name in found if not (isinstance(name, str) and _NAME.fullmatch(name))]
    if bad:
        raise ConfigError(
            f"{VARIABLE}: {bad[0]!r} in {file} is no name.",
            hint="Names are of small letters, digits, - and _, at most 60.",
        )
    return dict(found)


def addresses() -> dict[str, str]:
    """Where a server shows each object."""
    return {name: f"{PATH}/{name}" for name in given()}


def apps(workspace: Any) -> dict[str, Callable[[], Any]]:
    """What Panel serves: a page by path, with one object as large as the page."""
    return {f"{PATH}/{name}": _app(name, each, workspace) for name, each in given().items()}


def _app(name: str, given_: Any, workspace: Any) -> Callable[[], Any]:
    import panel as pn

    def show() -> Any:
        asked = pn.state.session_args.get("theme", [b""])[0]
        config: Any = pn.config
        config.theme = "dark" if asked == b"dark" else "default"
        try:
            made = shown(given_(workspace) if callable(given_) else given_)
        except Exception:
            log.exception("the object %s could not be made", name)
            alert: Any = pn.pane.Alert
            made = alert(f"{name} could not be made; the log of the server says why.")
        return pn.Column(made, sizing_mode="stretch_both", margin=0)

    return show


def shown(thing: Any) -> Any:
    """A thing as Panel shows it, as large as the place that it is given; it is not changed."""
    import panel as pn

    if isinstance(thing, pn.viewable.Viewable | pn.viewable.Viewer):
        return pn.Column(thing, sizing_mode="stretch_both", margin=0)
    pane: Any = pn.panel
    return pane(thing, sizing_mode="stretch_both", margin=0)
