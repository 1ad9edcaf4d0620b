"""The verbs quarantine and quarantine replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.service.answers import Fixed, QuarantineAnswer, QuarantineItem, ReplayAnswer
    from datawatch_lab.service.handle import Workspace

_ALL = 2**31 - 1
_ROWS_A_REQUEST = 5_000
_RAW_SHOWN = 48


@click.group(
    invoke_without_command=True, short_help="List events that were set aside, or replay them."
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    metavar="N",
    help="At most N rows; 0 for all.",
)
@click.option(
    "--state",
    type=click.Choice(["waiting", "replayed"]),
    default="waiting",
    show_default=True,
    help="Rows that wait, or rows that were replayed.",
)
@workspace_option
@json_option
@click.pass_context
def quarantine(
    ctx: click.Context, limit: int, state: str, workspace: Path | None, as_json: bool
) -> None:
    """List events that were set aside, with line, reason and their text; or replay them."""
    if ctx.invoked_subcommand:
        ctx.obj = (workspace, as_json)
        return
    with opened(workspace, "quarantine") as handle:
        answer = handle.quarantine(limit=limit or _ALL, state=state)
    if as_json:
        print_json(answer.items)
    else:
        _show(answer, state)


def _show(answer: QuarantineAnswer, state: str) -> None:
    from datawatch_lab.cli.show import console

    out = console()
    if not answer.items:
        out.print("Nothing waits in quarantine." if state == "waiting" else "Nothing was replayed.")
        return
    out.print(_rows(answer.items))
    shown = len(answer.items)
    out.print()
    more = "" if shown == answer.total else "--limit 0 shows all, "
    out.print(f"{shown:,} of {answer.total:,} shown; {more}--json shows their whole text.")
    if state == "waiting":
        out.print("Correct them: datawatch quarantine --json > rows.json, edit `raw`, then")
        out.print("datawatch quarantine replay --from rows.json")


def _rows(items: list[QuarantineItem]) -> Any:
    from datawatch_lab.cli.show import grid, row

    listed = grid(
        ("Id", "Line", "Table", "Kind", "Reason", "Text", "Source"), numbers=("Id", "Line")
    )
    for each in items:
        row(
            listed,
            str(each.id),
            text.count(each.line) if each.line else "–",
            each.table,
            each.kind,
            each.reason,
            text.clean(each.raw, _RAW_SHOWN),
            each.source,
        )
    return listed


@quarantine.command()
@click.argument("ids", nargs=-1, type=int, metavar="[IDS]...")
@click.option(
    "--from",
    "corrected",
    type=click.File("rb"),
    metavar="FILE",
    help="Corrected rows: NDJSON or a JSON array; - for standard input.",
)
@workspace_option
@json_option
@click.pass_context
def replay(
    ctx: click.Context,
    ids: tuple[int, ...],
    corrected: Any,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Take events of the quarantine in again.

    IDS are tried as they are. With --from, each row of FILE is {"id": N, "raw": "text"} or
    {"id": N, "event": {...}}: the output of `datawatch quarantine --json`, edited, is one. Without
    either, all that wait are tried.
    """
    above, above_json = ctx.obj or (None, False)
    name = getattr(corrected, "name", "standard input")
    fixed = read_corrected(corrected.read(), name) if corrected is not None else []
    if corrected is not None and not fixed and not ids:
        raise click.UsageError(f"{name} holds no rows.")
    with opened(workspace or above, "quarantine replay") as handle:
        answer = _replay(handle, list(ids), fixed)
    if as_json or above_json:
        print_json(answer)
    else:
        _show_replay(answer)


def read_corrected(content: bytes, name: str) -> list[Fixed]:
    """The corrected rows of a file; other keys than id, raw and event are passed over.

    Raises:
        InputError: it is neither NDJSON nor a JSON array of such rows; names the row.
    """
    import msgspec

    from datawatch_lab.core.errors import InputError
    from datawatch_lab.service.answers import Fixed

    try:
        if content.lstrip()[:1] == b"[":
            rows = msgspec.json.decode(content)
        else:
            rows = msgspec.json.Decoder().decode_lines(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{name} is neither NDJSON nor a JSON array: {error}.") from None
    fixed: list[Fixed] = []
    for number, each in enumerate(rows, start=1):
        try:
            fixed.append(msgspec.convert(each, Fixed))
        except msgspec.ValidationError as error:
            raise InputError(
                f"{name}: row {number}: {error}.",
                hint='A row is {"id": 7, "raw": "…"} or {"id": 7, "event": {…}}.',
            ) from None
    return fixed


def _replay(handle: Workspace, ids: list[int], fixed: list[Fixed]) -> ReplayAnswer:
    """Replay in parts, so that no request grows too large."""
    if not fixed:
        return handle.replay(ids=ids)
    answers = [
        handle.replay(ids=[] if start else ids, fixed=fixed[start : start + _ROWS_A_REQUEST])
        for start in range(0, len(fixed), _ROWS_A_REQUEST)
    ]
    from datawatch_lab.service.answers import ReplayAnswer

    return ReplayAnswer(
        tried=sum(each.tried for each in answers),
        applied=sum(each.applied for each in answers),
        duplicate=sum(each.duplicate for each in answers),
        remaining=answers[-1].remaining,
        failed=[row for each in answers for row in each.failed],
    )


def _show_replay(answer: ReplayAnswer) -> None:
    from datawatch_lab.cli.show import console

    out = console()
    out.print(
        f"{text.plural(answer.tried, 'event')} tried: {answer.applied:,} applied, "
        f"{answer.duplicate:,} duplicate, {len(answer.failed):,} failed again; "
        f"{answer.remaining:,} still wait in quarantine."
    )
    if answer.failed:
        out.print(_rows(answer.failed[:20]))
        if len(answer.failed) > 20:
            out.print(f"… and {len(answer.failed) - 20:,} more.")
