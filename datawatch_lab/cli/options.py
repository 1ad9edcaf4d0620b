"""What the verbs share: their common options, the open workspace, JSON on standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from datawatch_lab.core.settings import Settings
    from datawatch_lab.service.handle import Workspace

Verb = TypeVar("Verb", bound=Callable[..., Any])

_LOCK_PATIENCE_SECONDS = 5.0
_LOCK_PAUSE_SECONDS = 0.1


def _remember_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        ctx.meta["debug"] = True


def debug_option(verb: Verb) -> Verb:
    """Add ``--debug``."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_remember_debug,
        help="Show where an error comes from (also with DATAWATCH_DEBUG=1).",
    )(verb)


def workspace_option(verb: Verb) -> Verb:
    """Add ``--workspace FILE`` and ``--debug``; the verb gets ``workspace``, a path or None."""
    return click.option(
        "--workspace",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The workspace.  [default: $DATAWATCH_WORKSPACE or ./datawatch.duckdb]",
    )(debug_option(verb))


def selection_options(verb: Verb) -> Verb:
    """Add ``--include`` and ``--exclude``, patterns of tables; the verb gets tuples of them."""
    only = click.option(
        "--include", multiple=True, metavar="GLOB", help="Only these tables; may be repeated."
    )
    without = click.option(
        "--exclude", multiple=True, metavar="GLOB", help="Not these; may be repeated."
    )
    return only(without(verb))


def json_option(verb: Verb) -> Verb:
    """Add ``--json``; the verb gets ``as_json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, and nothing else on standard output."
    )(verb)


@contextmanager
def opened(
    path: Path | None,
    verb: str,
    *,
    create: bool = False,
    settings: Settings | None = None,
    changed: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[Workspace]:
    """The workspace of a verb, its own or that of the engine which owns it; closed at the end.

    Another command that has the file for a moment is waited for. Without settings, those hold that
    the workspace was last given.

    Raises:
        WorkspaceError: it cannot be used; says why and what to do.
    """
    from datawatch_lab.core.errors import WorkspaceLockedError
    from datawatch_lab.service.handle import open_workspace

    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while True:
        try:
            workspace = open_workspace(
                path,
                what=f"datawatch {verb}",
                create=create,
                settings=settings,
                changed=changed,
            )
            break
        except WorkspaceLockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOCK_PAUSE_SECONDS)
    with workspace:
        yield workspace


def print_json(value: object) -> None:
    """Print a value as JSON that people can read too."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    click.echo(text)


def say(text: str) -> None:
    """Tell the user something beside the result: on standard error, if it is still there."""
    with suppress(OSError):
        click.echo(text, err=True)


def on_terminal() -> bool:
    """Whether somebody watches standard error."""
    return sys.stderr.isatty()
