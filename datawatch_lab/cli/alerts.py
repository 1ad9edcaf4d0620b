"""The verb alerts: rules and how they stand, open alerts, history, back-tests, silences, tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

_HELP = """Alert rules and how they stand; without a command, the rules.

\b
datawatch alerts add 'Order spike' --metric orders_created_rate
    --condition '> 200% of baseline' --for 5m --channel slack
datawatch alerts backtest 'Order spike' --from -7d
"""


@click.group(short_help="Alert rules, alerts, back-tests.", help=_HELP, invoke_without_command=True)
@workspace_option
@json_option
@click.pass_context
def alerts(ctx: click.Context, workspace: Path | None, as_json: bool) -> None:
    """Alert rules and how they stand."""
    if ctx.invoked_subcommand is None:
        _rules(workspace, as_json=as_json)


@alerts.command("rules", short_help="The rules and how they stand.")
@workspace_option
@json_option
def rules(workspace: Path | None, as_json: bool) -> None:
    """List the rules, what each says, and its state."""
    _rules(workspace, as_json=as_json)


def _rules(workspace: Path | None, *, as_json: bool) -> None:
    with opened(workspace, "alerts") as handle:
        found = handle.alert_rules()
    if as_json:
        print_json(found)
        return
    rows = [(each.name, each.state, each.severity, each.reason or each.reading) for each in found]
    _table("Alert rules", ("Rule", "State", "Severity", "Says"), rows, "There are no rules yet.")


@alerts.command("add", short_help="Add a rule.")
@click.argument("name")
@click.option("--condition", default="", metavar="TEXT", help="Such as '> 200% of baseline'.")
@click.option("--metric", default="", metavar="METRIC", help="That the condition is about.")
@click.option(
    "--type",
    type=click.Choice(["metric", "freshness", "quality", "schema", "service", "errors", "anomaly"]),
    default="metric",
    help="What it is about.",
)
@click.option("--table", default="", metavar="TABLE", help="For types that are about tables.")
@click.option("--for", "lasting", default="0s", metavar="SPAN", help="How long it must hold.")
@click.option("--keep-firing-for", default="0s", metavar="SPAN", help="How long it must not.")
@click.option(
    "--severity",
    type=click.Choice(["info", "warning", "critical"]),
    default="warning",
    help="How grave.",
)
@click.option("--channel", "channels", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--by", "group_by", multiple=True, metavar="LABEL", help="One state a value.")
@workspace_option
@json_option
def add(name: str, workspace: Path | None, as_json: bool, **what: Any) -> None:
    """Add the rule NAME; its condition and metric are checked first."""
    values: dict[str, Any] = {
        key: list(each) if isinstance(each, tuple) else each for key, each in what.items()
    }
    with opened(workspace, "alerts") as handle:
        made = handle.add_alert_rule(name, **values)
    if as_json:
        print_json(made)
    else:
        click.echo(f"{made.name}: {made.reading}.")


@alerts.command("drop", short_help="Drop a rule.")
@click.argument("rule")
@workspace_option
@json_option
def drop(rule: str, workspace: Path | None, as_json: bool) -> None:
    """Drop a rule, by name or id; its open alerts end."""
    with opened(workspace, "alerts") as handle:
        gone = handle.drop_alert_rule(rule)
    if as_json:
        print_json(gone)
    else:
        click.echo(f"{gone.name} is dropped.")


@alerts.command("active", short_help="Alerts that are not over.")
@workspace_option
@json_option
def active(workspace: Path | None, as_json: bool) -> None:
    """List alerts that are not over, newest first."""
    with opened(workspace, "alerts") as handle:
        found = handle.active_alerts()
    _show_alerts(found, "Open alerts", "No alert is open.", as_json=as_json)


@alerts.command("history", short_help="Alerts that fired.")
@click.option(
    "--from", "start", default="-7d", metavar="TIME", help="Fired since.", show_default=True
)
@click.option("--rule", default="", metavar="NAME", help="Of one rule.")
@workspace_option
@json_option
def history(start: str, rule: str, workspace: Path | None, as_json: bool) -> None:
    """List alerts that fired, newest first."""
    with opened(workspace, "alerts") as handle:
        found = handle.alert_history(start, rule=rule)
    _show_alerts(found, "Alerts", "No alert fired.", as_json=as_json)


def _show_alerts(found: Sequence[Any], title: str, nothing: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each.rule,
            each.severity,
            each.status,
            _clock(each.fired),
            _clock(each.resolved),
            "–" if each.value is None else f"{each.value:,.6g}",
            each.id[:8],
        )
        for each in found
    ]
    heads = ("Rule", "Severity", "Status", "Fired", "Over", "Value", "Id")
    _table(title, heads, rows, nothing)


@alerts.command("backtest", short_help="What a rule would have done.")
@click.argument("rule")
@click.option(
    "--from", "start", default="-7d", metavar="TIME", show_default=True, help="From when."
)
@click.option("--to", "end", default="now", metavar="TIME", show_default=True, help="Until when.")
@workspace_option
@json_option
def backtest(rule: str, start: str, end: str, workspace: Path | None, as_json: bool) -> None:
    """Run a saved rule over a range of the past."""
    with opened(workspace, "alerts") as handle:
        found = handle.backtest_alert(rule, start=start, end=end)
    if as_json:
        print_json(found)
        return
    rows = [(_clock(each.fired), _clock(each.ended), each.value) for each in found.episodes]
    _table(rule, ("Fired", "Over", "Value"), rows, "It would not have fired.")
    click.echo(
        f"{len(found.episodes)} episodes, {found.minutes_firing:,.0f} minutes firing, "
        f"{found.pages} messages; {found.unknown:,} of {found.evaluations:,} without a value."
    )


@alerts.command("trace", short_help="Why an alert was told or not.")
@click.argument("which")
@workspace_option
@json_option
def trace(which: str, workspace: Path | None, as_json: bool) -> None:
    """Say step by step why an alert (by id) was told or not, or how a rule (by name) stood."""
    with opened(workspace, "alerts") as handle:
        found = handle.alert_trace(which)
    if as_json:
        print_json(found)
        return
    _table(which, ("At", "What", "Why"), [(_clock(x.at), x.what, x.detail) for x in found], "–")


@alerts.command("test", short_help="Send a test message.")
@click.argument("channels", nargs=-1)
@workspace_option
@json_option
def test(channels: tuple[str, ...], workspace: Path | None, as_json: bool) -> None:
    """Send a test message to CHANNELS, or to all of them."""
    with opened(workspace, "alerts") as handle:
        found = handle.test_alert(list(channels))
    if as_json:
        print_json(found)
    else:
        rows = [(each.channel, "taken" if each.ok else "failed", each.detail) for each in found]
        _table("Test", ("Channel", "Outcome", "Detail"), rows, "There are no channels.")
    if not all(each.ok for each in found):
        raise click.exceptions.Exit(1)


@alerts.command("silences", short_help="List, make and end silences.")
@click.option(
    "--add", "matchers", multiple=True, metavar="NAME=VALUE", help="Silence what matches."
)
@click.option("--for", "lasting", default="1h", metavar="SPAN", show_default=True, help="How long.")
@click.option("--comment", default="", metavar="TEXT", help="Why.")
@click.option("--end", "ending", default="", metavar="ID", help="End a silence now.")
@workspace_option
@json_option
def silences(
    matchers: tuple[str, ...],
    lasting: str,
    comment: str,
    ending: str,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """List silences; with --add make one, with --end end one."""
    pairs = [each.partition("=") for each in matchers]
    if any(not sign for _, sign, _ in pairs):
        raise click.BadParameter("write NAME=VALUE, such as rule='Order spike'", param_hint="--add")
    with opened(workspace, "alerts") as handle:
        if ending:
            handle.end_silence(ending)
        if pairs:
            wanted = {name: value for name, _, value in pairs}
            handle.add_silence(wanted, lasting=lasting, comment=comment)
        found = handle.silences()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            ", ".join(f"{k}={v}" for k, v in each.matchers.items()),
            _clock(each.ends),
            each.hides,
            each.would_have_hidden,
            each.id[:8],
        )
        for each in found
    ]
    heads = ("Matches", "Until", "Hides", "Would have hidden (7 d)", "Id")
    _table("Silences", heads, rows, "There are no silences.")


def _clock(at: str | None) -> str:
    return "–" if at is None else at[:16].replace("T", " ")


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], nothing: str
) -> None:
    from datawatch_lab.cli.show import console, grid, row

    if not rows:
        click.echo(nothing)
        return
    listed = grid(tuple(heads), title=title)
    for each in rows:
        row(listed, *(str(cell) for cell in each))
    console().print(listed)
