"""Where somebody is in the portal: a page and what stands behind the question mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

HOME = "home"
_LONGEST = 4_000
_MOST = 40


@dataclass(frozen=True)
class Place:
    """An address within the portal.

    Attributes:
        page: key of a page, see `pages.PAGES`.
        given: parameters of the address, in order of name; the last of a name counts.
    """

    page: str
    given: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, page: str, given: Mapping[str, str]) -> Place:
        """A place; empty parameters are left out.

        >>> Place.of("data", {"tab": "late", "q": ""}).given
        (('tab', 'late'),)
        """
        kept = {name: value for name, value in given.items() if value}
        return cls(page, tuple(sorted(kept.items())))

    @classmethod
    def read(cls, page: str, address: str) -> Place:
        """The place that a link of the page leads to.

        >>> Place.read("data", "quality?tab=rules#top")
        Place(page='quality', given=(('tab', 'rules'),))
        >>> Place.read("data", "?tab=late")
        Place(page='data', given=(('tab', 'late'),))
        """
        parts = urlsplit(address[:_LONGEST])
        name = parts.path.rstrip("/").rpartition("/")[2] or page
        pairs = parse_qsl(parts.query, max_num_fields=_MOST)
        return cls.of(HOME if name == "datawatch" else name, dict(pairs))

    def get(self, name: str, default: str = "") -> str:
        """A parameter."""
        return dict(self.given).get(name, default)

    def number(self, name: str, default: int, *, least: int = 1, most: int = 1_000) -> int:
        """A parameter that is a whole number; the default where it is none.

        >>> Place.of("data", {"n": "12"}).number("n", 5), Place("data").number("n", 5)
        (12, 5)
        """
        text = self.get(name)
        return min(max(int(text), least), most) if text.isdecimal() else default

    def link(self, page: str | None = None, **changes: str | int | None) -> str:
        """A relative address: of this page with other parameters, or of another page.

        Relative, so that it holds behind a proxy that serves the portal below another path.

        >>> Place.of("data", {"tab": "late"}).link(tab="ledger", id=3)
        '?tab=ledger&id=3'
        >>> Place("data").link("quality", table="orders")
        'quality?table=orders'
        >>> Place("home").link("quality"), Place("data").link("home")
        ('datawatch/quality', '../datawatch')
        """
        other = page is not None and page != self.page
        kept = {} if other else dict(self.given)
        kept |= {name: "" if value is None else str(value) for name, value in changes.items()}
        query = urlencode({name: value for name, value in kept.items() if value})
        if not other:
            return f"?{query}"
        path = "../datawatch" if page == HOME else f"{page}"
        if self.page == HOME:
            path = f"datawatch/{page}"
        return f"{path}?{query}" if query else path
