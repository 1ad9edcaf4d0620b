"""The verb demo: a simulated shop in a workspace of its own, served."""

from __future__ import annotations
from typing import Any
import click


@click.command()
def demo(**how: Any) -> None:
    """x"""
