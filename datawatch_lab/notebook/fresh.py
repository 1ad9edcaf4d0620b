"""An attribute that is asked for when it is used, and that completion may look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, overload

if TYPE_CHECKING:
    from datawatch_lab.notebook.lab import Lab

Given = TypeVar("Given")


class Fresh(Generic[Given]):
    """An attribute that is asked for when it is used.

    No ``property``, since IPython evaluates none when it completes ``lab.metrics["…``.

    Args:
        ask: gives it.
    """

    def __init__(self, ask: Callable[[Lab], Given]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__

    @overload
    def __get__(self, lab: None, owner: type[Lab]) -> Fresh[Given]: ...
    @overload
    def __get__(self, lab: Lab, owner: type[Lab]) -> Given: ...
    def __get__(self, lab: Lab | None, owner: type[Lab]) -> Fresh[Given] | Given:
        """The thing itself, or this when asked of the class."""
        return self if lab is None else self._ask(lab)
