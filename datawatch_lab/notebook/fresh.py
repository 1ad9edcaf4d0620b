"""An attribute that is asked for when it is used, and that completion may look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, overload

if TYPE_CHECKING:
    from datawatch_lab.notebook.held import Held

Given = TypeVar("Given")


class Fresh(Generic[Given]):
    """An attribute that is asked for when it is used.

    No ``property``, since IPython evaluates none when it completes ``lab.metrics["…``.

    Args:
        ask: gives it.
    """

    def __init__(self, ask: Callable[[Held], Given]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__

    @overload
    def __get__(self, lab: None, owner: type[Held]) -> Fresh[Given]: ...
    @overload
    def __get__(self, lab: Held, owner: type[Held]) -> Given: ...
    def __get__(self, lab: Held | None, owner: type[Held]) -> Fresh[Given] | Given:
        """The thing itself, or this when asked of the class."""
        return self if lab is None else self._ask(lab)
