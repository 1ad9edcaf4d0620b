"""The verbs config check and config init: a configuration file, looked at and begun."""

from __future__ import annotations

import os
from pathlib import Path

import click

from datawatch_lab.cli.options import debug_option, json_option, print_json, say

DEFAULT_FILE = Path("datawatch.yaml")


@click.group(short_help="Check a configuration file, or begin one.")
def config() -> None:
    """Check a configuration file, or begin one.

    A workspace remembers the settings that it was last given (`datawatch serve --config FILE`), for
    who opens it without a file. What a file leaves out has its default again, so that an empty file
    resets them.
    """


@config.command(short_help="Say whether a file is right; connects to nothing.")
@click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file.  [default: ./datawatch.yaml]",
)
@json_option
@debug_option
def check(file: Path | None, as_json: bool) -> None:
    """Say whether a configuration file, with the environment, is right.

    A wrong key or value ends with status 2 and says what is possible. What may be wrong is a
    warning: addresses, forms of keys, folders that are not there, names of metrics. Nothing is
    connected to and nothing is written.
    """
    import msgspec

    from datawatch_lab.core.config import load_config
    from datawatch_lab.core.config.check import doubts

    chosen = file or DEFAULT_FILE
    found = doubts(load_config(chosen, os.environ))
    if as_json:
        print_json({"file": str(chosen), "valid": True, "warnings": msgspec.to_builtins(found)})
        return
    for each in found:
        say(f"Warning: {each.key}: {each.message}")
    warned = {0: "", 1: ", with 1 warning"}.get(len(found), f", with {len(found)} warnings")
    click.echo(f"{chosen} is right{warned}.")


@config.command(short_help="Print a file with every key and its meaning.")
@click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there instead; a file that exists is left alone.",
)
@debug_option
def init(file: Path | None) -> None:
    """Print a configuration file with every key, its default and what it means."""
    from datawatch_lab.core.config.template import default_file
    from datawatch_lab.core.errors import ConfigError

    if file is None:
        click.echo(default_file(), nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(default_file())
    except FileExistsError:
        raise ConfigError(f"{file} exists; it is left as it is.", hint="Name another.") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.") from None
    say(f"Wrote {file}.")
