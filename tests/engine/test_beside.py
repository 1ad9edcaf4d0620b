"""What stands beside an engine, while it ends."""

from __future__ import annotations

from typing import cast

import pytest

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.engine import Engine
from datawatch_lab.engine.beside import Beside


class First:
    """Looks at itself, and for another, as it ends."""

    made = 0

    def __init__(self, engine: Engine) -> None:
        self.beside = cast("Beside", engine)
        self.found: list[object] = []
        First.made += 1

    def close(self) -> None:
        """Ask as a thread that has not ended does."""
        self.found.append(self.beside(First))
        with pytest.raises(WorkspaceError, match="being closed"):
            self.beside(Second)
        self.found.append("refused")


class Second:
    """Nobody asked for it in time."""

    def __init__(self, engine: Engine) -> None:
        raise AssertionError(engine)


def test_nothing_is_made_while_others_end() -> None:
    """What there is stays the same one, what there is not is refused; ending twice is harmless."""
    beside = Beside.__new__(Beside)
    Beside.__init__(beside, cast("Engine", beside))
    one = beside(First)
    beside.close()
    assert one.found == [one, "refused"]
    assert beside(First) is one
    beside.close()
    assert (len(one.found), First.made) == (2, 1)
