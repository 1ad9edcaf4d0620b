"""The verb export-board: a dashboard as a picture, a PDF or its values."""

from __future__ import annotations

from pathlib import Path

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import opened, say, workspace_option

_PICTURES = ("png", "pdf")
_VALUES = ("csv", "json", "parquet")


@click.command("export-board", short_help="Write a dashboard as PNG, PDF, CSV, JSON or Parquet.")
@click.argument("name")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--range", "range_", default="", metavar="RANGE", help="As 6h, today or FROM/TO.")
@click.option("--filter", "filters", multiple=True, metavar="LABEL=VALUE", help="Only these.")
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="A choice.")
@click.option("--theme", type=click.Choice(("light", "dark")), default="light", show_default=True)
@click.option("--width", type=int, default=1440, show_default=True, help="Of a picture, pixels.")
@workspace_option
def export_board(
    name: str,
    out: Path,
    range_: str,
    filters: tuple[str, ...],
    variables: tuple[str, ...],
    theme: str,
    width: int,
    workspace: Path | None,
) -> None:
    """Write what the dashboard NAME (or its id) shows now into OUT.

    The ending of OUT says the form: .png and .pdf are drawn by a Chromium of this machine; .csv,
    .json and .parquet hold the values of all tiles.
    """
    from datawatch_lab.core.writing import check_target, write_whole

    form = out.suffix.lower().removeprefix(".")
    if form not in (*_PICTURES, *_VALUES):
        known = ", ".join(f".{each}" for each in (*_PICTURES, *_VALUES))
        raise click.UsageError(f"OUT ends in {out.suffix or 'nothing'}; it must be one of {known}.")
    check_target(out)
    with opened(workspace, "export-board") as handle:
        from datawatch_lab.views import objects
        from datawatch_lab.views.board.feed import BoardFeed, look_of
        from datawatch_lab.views.board.stored import loader
        from datawatch_lab.views.builder.data import file_of
        from datawatch_lab.views.still import Still, still_of

        feed = BoardFeed(handle, loader(handle))
        board = feed.load(name)
        asked = {"range": [range_] if range_ else [], "filter": filters, "var": variables}
        look = look_of("admin", asked)
        if form in _PICTURES:
            how = Still(form, width, theme)
            body = still_of(feed, board, look, how, told=say, given=objects.of(None))[0]
        else:
            say(f"Asking {text.plural(len(board.tiles), 'tile')} …")
            body = file_of(feed.view(board, look), form)[0]
    write_whole(out, body)
    say(f"Wrote {out}: {text.clean(board.name)}, {len(body) / 1_000:,.0f} kB.")
