"""The operations as methods, of a class that waits for answers and of one whose are awaited.

`methods.pyi` beside it says their types to type checkers and editors; ``python -m tools.stubs``
writes it from the declarations.
"""

from __future__ import annotations

from typing import Any

from datawatch_lab.service import calling


class Operations:
    """Every declared operation as a method; a subclass says how one is carried out."""

    def __getattr__(self, name: str) -> Any:
        return calling.method(self._carry_out, name, type(self).__name__)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *calling.names()})


class AsyncOperations(Operations):
    """The same, to be awaited."""
