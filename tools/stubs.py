"""Write ``service/methods.pyi``: the types of the methods that are made of the operations.

Run ``python -m tools.stubs`` after an operation was added or changed.
"""

from __future__ import annotations

import inspect
import types
import typing
from pathlib import Path
from typing import Any

from datawatch_lab.service import calling
from datawatch_lab.service.operation import Operation

TARGET = Path(__file__).resolve().parents[1] / "datawatch_lab" / "service" / "methods.pyi"

_HEAD = """# Types of the methods made of the operations; `python -m tools.stubs` writes this file.
# ruff: noqa: A002, E501, I001, PYI041, Q000
# fmt: off

{imports}

class Operations:
    def _carry_out(self, operation: Operation[Any, Any], ask: Any) -> Any: ...
{sync}
class AsyncOperations:
    async def _carry_out(self, operation: Operation[Any, Any], ask: Any) -> Any: ...
{later}"""


class _Names:
    """How types are written, and the modules that they are imported from."""

    def __init__(self) -> None:
        self.modules: dict[str, set[str]] = {
            "typing": {"Any"},
            "datawatch_lab.service.operation": {"Operation"},
        }

    def text(self, kind: Any) -> str:  # noqa: PLR0911 — one return a kind of type
        """A type as it is written."""
        if isinstance(kind, str):
            return self._named(*kind.rsplit(".", 1))
        if kind is None or kind is type(None):
            return "None"
        if kind is Any:
            return "Any"
        if kind is ...:
            return "..."
        origin, parts = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return " | ".join(self.text(each) for each in parts)
        if origin is typing.Literal:
            self.modules["typing"].add("Literal")
            return f"Literal[{', '.join(map(repr, parts))}]"
        if origin is not None:
            return f"{self.text(origin)}[{', '.join(self.text(each) for each in parts)}]"
        if kind.__module__ == "builtins":
            return str(kind.__name__)
        return self._named(kind.__module__, kind.__qualname__)

    def _named(self, module: str, name: str) -> str:
        homes = [home for home, names in self.modules.items() if name in names and home != module]
        if homes:
            raise SystemExit(f"{name} is a type of {homes[0]} and of {module}; rename one.")
        self.modules.setdefault(module, set()).add(name)
        return name

    def imports(self) -> str:
        """The import lines, sorted as ruff does."""
        ours = "datawatch_lab"
        groups: list[list[str]] = [[], [], []]
        for module in sorted(self.modules):
            line = f"from {module} import {', '.join(sorted(self.modules[module]))}"
            standard = module.partition(".")[0] in ("typing", "collections", "datetime")
            groups[0 if standard else 2 if module.startswith(ours) else 1].append(line)
        return "\n\n".join("\n".join(group) for group in groups if group)


def source() -> str:
    """The text of the stub file."""
    names = _Names()
    found = sorted(calling.operations().items())
    sync = "".join(_method(names, name, each, "def") for name, each in found)
    later = "".join(_method(names, name, each, "async def") for name, each in found)
    return _HEAD.format(imports=names.imports(), sync=sync, later=later)


def _method(names: _Names, name: str, operation: Operation[Any, Any], word: str) -> str:
    signature = calling.signature_of(operation)
    parts = ["self"]
    for each in signature.parameters.values():
        if each.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = "" if each.default is inspect.Parameter.empty else " = ..."
        parts.append(f"{each.name}: {names.text(each.annotation)}{default}")
    answer = names.text(signature.return_annotation)
    line = f"    {word} {name}({', '.join(parts)}) -> {answer}: ...\n"
    if len(line) > 101:
        lines = "".join(f"        {part},\n" for part in parts)
        line = f"    {word} {name}(\n{lines}    ) -> {answer}: ...\n"
    return line


def main() -> None:
    """Write the file."""
    TARGET.write_text(source(), "utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
