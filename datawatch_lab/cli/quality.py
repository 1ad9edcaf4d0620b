"""The verb quality: scores, rules, violations, suggestions, and a check of everything now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, say, workspace_option

if TYPE_CHECKING:
    from rich.text import Text

    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.quality import RuleItem, ScoreAnswer, TriedItem

_DIMENSIONS = ("completeness", "validity", "freshness", "consistency", "uniqueness", "accuracy")
_STATES = {
    "good": ("●", "green"),
    "ok": ("●", "green"),
    "bad": ("▲", "red"),
    "failing": ("▲", "red"),
    "disabled": ("○", "dim"),
    "no data": ("○", "dim"),
}
_NONE = "No rules yet. `datawatch quality suggest` proposes some, --accept keeps them."

_table_option = click.option("--table", metavar="TABLE", help="Only this table.")
_window_option = click.option(
    "--window", default="24h", metavar="D", help="Scores look back so far.  [default: 24h]"
)


@click.group(invoke_without_command=True, short_help="Show the quality of the data; check it.")
@_table_option
@_window_option
@workspace_option
@json_option
@click.pass_context
def quality(
    ctx: click.Context, table: str | None, window: str, workspace: Path | None, as_json: bool
) -> None:
    """Show scores by table and dimension, and what is wrong, in words."""
    if ctx.invoked_subcommand is not None:
        return
    with opened(workspace, "quality") as handle:
        report = handle.quality_report(window=window, table=table)
    if as_json:
        print_json(report)
        return
    _show_scores(report.score)
    from datawatch_lab.cli.show import console
    from datawatch_lab.cli.show import text as shown

    out = console()
    for each in report.recommendations:
        out.print()
        out.print(shown(f"▲ {each.issue}", "red" if each.severity == "critical" else "yellow"))
        out.print(shown(f"  {each.advice}", "dim"))
    if report.score.tables:
        out.print()
        out.print(shown(report.summary, "bold"))


def _show_scores(score: ScoreAnswer) -> None:
    from datawatch_lab.cli.show import console, grid, row

    if not score.tables:
        console().print(_NONE)
        return
    heads = [each.capitalize() for each in _DIMENSIONS]
    table = grid(("Table", *heads, "Score", "Trend", "State"), numbers=(*heads, "Score", "Trend"))
    for each in score.tables:
        cells = [_percent(getattr(each, name)) for name in _DIMENSIONS]
        trend = "" if each.trend is None else f"{each.trend:+g}"
        row(table, each.table, *cells, _percent(each.score), trend, _state(each.state))
    console().print(table)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g} %"


def _state(word: str) -> Text:
    from datawatch_lab.cli.show import text as shown

    sign, colour = _STATES.get(word, ("○", "dim"))
    return shown(f"{sign} {word}", colour)


@quality.command("check", short_help="Check every row that is there now.")
@_table_option
@click.option("--rule", metavar="ID", help="Only the rule with this id or title.")
@workspace_option
@json_option
def check(table: str | None, rule: str | None, workspace: Path | None, as_json: bool) -> None:
    """Check every row that is there now against the rules; exit status 1 when one fails."""
    with opened(workspace, "quality") as handle:
        found = handle.quality_check(table=table, rule=rule)
    if as_json:
        print_json(found)
    else:
        _show_tried(found)
    if any(each.failed for each in found):
        click.get_current_context().exit(1)


def _show_tried(found: list[TriedItem]) -> None:
    from datawatch_lab.cli.show import console, grid, row

    if not found:
        console().print(_NONE)
        return
    table = grid(
        ("Rule", "Rows", "Failed", "Passed", "Found"), numbers=("Rows", "Failed", "Passed")
    )
    for each in found:
        row(
            table,
            each.title,
            text.count(each.rows),
            text.count(each.failed),
            _percent(each.score),
            each.problem or each.issue,
        )
    console().print(table)


@quality.command("suggest", short_help="Propose rules from the data.")
@_table_option
@click.option("--accept", is_flag=True, help="Keep the rules that are proposed.")
@workspace_option
@json_option
def suggest(table: str | None, accept: bool, workspace: Path | None, as_json: bool) -> None:
    """Propose rules from the data, each with a reason and the share of rows that keep to it."""
    from datawatch_lab.cli.show import console, grid, row

    with opened(workspace, "quality") as handle:
        found = handle.quality_suggestions(table=table)
        for each in found if accept else ():
            _add(handle, each.definition, origin="suggested")
    if as_json:
        print_json(found)
        return
    if not found:
        console().print("Nothing to propose: too few rows, or the rules are there already.")
        return
    listed = grid(("Rule", "Passes", "Because"), numbers=("Passes",))
    for each in found:
        row(listed, each.title, f"{each.pass_rate:.2%}", each.reason)
    console().print(listed)
    say(f"{len(found)} rules are kept." if accept else "--accept keeps these rules.")


@quality.command("rules", short_help="List the rules; add those of a file.")
@_table_option
@_window_option
@click.option(
    "--add",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep the rules of a YAML file.",
)
@click.option("--drop", metavar="ID", help="Drop the rule with this id or title.")
@workspace_option
@json_option
def rules(
    table: str | None,
    window: str,
    file: Path | None,
    drop: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """List the rules with their scores. FILE holds data_quality_rules as the configuration does."""
    given = _rules_of(file) if file else []
    with opened(workspace, "quality") as handle:
        for each in given:
            _add(handle, each, origin="user")
        if drop:
            say(f"{handle.drop_quality_rule(drop).title} is dropped.")
        found = handle.quality_rules(table=table, window=window)
    if as_json:
        print_json(found)
    else:
        _show_rules(found)


def _show_rules(found: list[RuleItem]) -> None:
    from datawatch_lab.cli.show import console, grid, row

    if not found:
        console().print(_NONE)
        return
    numbers = ("Rows", "Failed", "Score")
    table = grid(("Id", "Rule", "Dimension", *numbers, "State", "Found"), numbers=numbers)
    for each in found:
        row(
            table,
            each.id[:8],
            each.title,
            each.dimension,
            text.count(each.rows),
            text.count(each.failed),
            _percent(each.score),
            _state(each.state),
            each.problem or each.issue,
        )
    console().print(table)


def _rules_of(file: Path) -> list[dict[str, Any]]:
    """Rules of a YAML file, as mappings."""
    import yaml

    from datawatch_lab.core.config.rules import read_quality_rules
    from datawatch_lab.core.errors import ConfigError
    from datawatch_lab.core.quality import Rule

    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        for key in ("datawatch", "data_quality_rules"):
            if isinstance(document, dict):
                document = document.get(key, document)
        return [Rule.of_config(each).as_dict() for each in read_quality_rules(document)]
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{file}: {' '.join(str(error).split())}") from None


def _add(handle: Workspace, definition: dict[str, Any], *, origin: str) -> None:
    handle.add_quality_rule(**{**definition, "origin": origin})


@quality.command("violations", short_help="List rows that broke rules.")
@_table_option
@click.option("--rule", metavar="ID", help="Only the rule with this id or title.")
@click.option(
    "--state",
    type=click.Choice(["open", "acknowledged", "withdrawn", "any"]),
    default="open",
    help="Only these.  [default: open]",
)
@click.option("--limit", type=click.IntRange(0), default=100, help="At most so many.")
@click.option("--acknowledge", metavar="ID", help="Acknowledge this one first.")
@workspace_option
@json_option
def violations(
    table: str | None,
    rule: str | None,
    state: str,
    limit: int,
    acknowledge: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """List rows and windows that broke rules, newest first, with their keys."""
    from datawatch_lab.cli.show import console, grid, row

    with opened(workspace, "quality") as handle:
        if acknowledge:
            handle.acknowledge_violation(acknowledge)
        found = handle.quality_violations(
            table=table, rule=rule, state="" if state == "any" else state, limit=limit
        )
    if as_json:
        print_json(found)
        return
    listed = grid(("At (UTC)", "Rule", "Key", "Value", "Severity", "Id"))
    for each in found.violations:
        key = ", ".join(f"{name}={value}" for name, value in each.key.items())
        row(
            listed,
            text.moment(each.at),
            each.rule,
            key or each.description,
            each.value,
            each.severity,
            each.id[:8],
        )
    console().print(listed if found.violations else "No violations.")
    if found.total > len(found.violations):
        say(f"{len(found.violations)} of {found.total:,} are shown; --limit shows more.")
