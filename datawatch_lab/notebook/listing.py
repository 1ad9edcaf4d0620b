"""Listings: named things in order, by ``[name]`` or as attributes, complete in every notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from datawatch_lab.core.errors import not_found

Item = TypeVar("Item")


class Listing(Mapping[str, Item], Generic[Item]):
    """A read-only mapping of names to things, as of when it was asked for.

    A name that is a Python identifier is an attribute too, unless the listing has a method of that
    name. The attributes are real ones, so completion sees them without running any code of ours.

    Args:
        items: the things by name, in order.

    Raises:
        NotFoundError: (when asked for a name that there is not) names the nearest.
    """

    kind = "item"

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._items = dict(items)
        own = set(dir(type(self))) | set(self.__dict__)
        self.__dict__.update(
            {each: item for each, item in items.items() if each.isidentifier() and each not in own}
        )

    def __getitem__(self, name: str) -> Item:
        if name not in self._items:
            raise not_found(self.kind, str(name), self._items)
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def get(self, name: str, default: Any = None) -> Any:
        """The thing of that name, or the default."""
        return self._items.get(name, default)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._items)
