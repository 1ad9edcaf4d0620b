"""What pages about schemas share: the class of a change, and facts in one line."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.views.pages.parts import Html, badge

_TONES = {"breaking": "bad", "risky": "warn", "safe": "good"}


def impact(name: str) -> Html:
    """The class of a change."""
    return badge(name, _TONES.get(name, "calm"))


def facts(given: Mapping[str, object]) -> str:
    """What is said of something: ``type: text, nullable: True``; '' for nothing."""
    return ", ".join(f"{name}: {value}" for name, value in given.items() if value not in (None, ""))
