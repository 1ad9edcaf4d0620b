"""Words of which the sample values are made: names of persons, places and things (words.txt)."""

from __future__ import annotations

from pathlib import Path


def _lists() -> dict[str, tuple[str, ...]]:
    text = Path(__file__).with_name("words.txt").read_text(encoding="utf-8")
    blocks = (block.split("]", 1) for block in text.split("[")[1:])
    return {name: tuple(" ".join(words.split()).split(" | ")) for name, words in blocks}


_LISTS = _lists()
FIRST, LAST = _LISTS["first"], _LISTS["last"]
CITIES, REGIONS, COUNTRIES = _LISTS["cities"], _LISTS["regions"], _LISTS["countries"]
STREETS, COMPANY_ENDS = _LISTS["streets"], _LISTS["company_ends"]
ADJECTIVES, NOUNS, PROSE = _LISTS["adjectives"], _LISTS["nouns"], _LISTS["prose"]
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
)
