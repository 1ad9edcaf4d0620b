"""Dashboards as YAML and JSON that people can read and compare, and back.

The order of keys is always the same, and what is at its default is left out. What a server keeps of
a dashboard (version, who made it, when) is not part of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from datawatch_lab.core.dashboards.document import Dashboard, Tile, TileQuery
from datawatch_lab.core.dashboards.known import Known
from datawatch_lab.core.dashboards.places import Path, written
from datawatch_lab.core.dashboards.reading import Outcome, look_at, read_dashboard
from datawatch_lab.core.dashboards.values import EXPONENT
from datawatch_lab.core.errors import InputError

if TYPE_CHECKING:
    import yaml

LONGEST = 2_000_000
"""Characters of a document at most."""

_ORDER = (
    *("id", "name", "description", "time_range", "refresh", "theme", "template", "is_public"),
    *("annotations", "filters", "variables", "notes", "tiles"),
)
_TILE_ORDER = ("id", "kind", "title", "query", "queries", "window", "options", "note")
_PLACE = ("x", "y", "w", "h")
_DEEPEST = 40


def to_plain(value: Dashboard | Tile | TileQuery) -> dict[str, Any]:
    """A dashboard, a tile or a query as plain values that the reader takes back.

    >>> to_plain(Tile(kind="text", note="Hello"))
    {'kind': 'text', 'note': 'Hello', 'w': 4, 'h': 3}
    """
    if isinstance(value, Dashboard):
        return _said(value, _ORDER)
    if isinstance(value, Tile):
        found = _said(value, _TILE_ORDER)
        return found | {name: getattr(value, name) for name in _PLACE if getattr(value, name) >= 0}
    return _said(value, _fields(type(value)))


@cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    """The fields of a struct by name; to ask for them costs more than to write them."""
    return {each.name: each for each in msgspec.structs.fields(kind)}


def _said(value: msgspec.Struct, order: Any) -> dict[str, Any]:
    """The fields that are not at their default, in an order."""
    defaults = _fields(type(value))
    found = {}
    for name in order:
        here, field = getattr(value, name), defaults[name]
        if field.default_factory is not msgspec.NODEFAULT:
            default: Any = field.default_factory()
        else:
            default = field.default
        if here != default:
            found[name] = _plain(here)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Dashboard | Tile | TileQuery):
        return to_plain(value)
    if isinstance(value, msgspec.Struct):
        return _said(value, _fields(type(value)))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def to_json(dashboard: Dashboard) -> str:
    """A dashboard as JSON, a key a line."""
    return msgspec.json.format(msgspec.json.encode(to_plain(dashboard)), indent=2).decode() + "\n"


def to_yaml(dashboard: Dashboard) -> str:
    """A dashboard as YAML."""
    import yaml

    found: str = yaml.dump(
        to_plain(dashboard),
        Dumper=_dumper(),
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    return found


def _dumper() -> type[yaml.SafeDumper]:
    """YAML's safe writer; words of several lines stand as a block, lists of words in one line."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def words(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        is_block = "\n" in value and not any(line != line.rstrip() for line in value.split("\n"))
        style = "|" if is_block else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    def listed(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
        is_flat = all(isinstance(each, str | int | float) for each in value)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=is_flat)

    # for readers of YAML 1.2, and for ours, such a text is put in quotes
    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))
    Dumper.add_representer(str, words)
    Dumper.add_representer(list, listed)
    return Dumper


# ----------------------------------------------------------------------------- reading


def parse_text(words: str, *, where: str = "the document") -> tuple[Any, dict[Path, int]]:
    """YAML or JSON as plain values, and the line that each stands in.

    Raises:
        InputError: it is neither, says a key twice, or has anchors, which no dashboard needs.
    """
    import yaml

    if len(words) > LONGEST:
        raise InputError(f"{where} is longer than {LONGEST:,} characters.")
    lines: dict[Path, int] = {}
    try:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        _refuse_aliases(words, loader)
        node = yaml.compose(words, Loader=loader)
        if node is None:
            raise InputError(f"{where} is empty.", hint="It needs a name and tiles at least.")
        return _built(yaml.SafeLoader(""), node, (), lines), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{where}{line} is not YAML: {error.problem or error.context}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where} is not YAML: {' '.join(str(error).split())[:300]}.") from None


def _refuse_aliases(words: str, loader: Any) -> None:
    """Refuse what stands for another part: a few lines could mean a document without end."""
    import yaml

    for event in yaml.parse(words, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InputError(f"line {line}: aliases are not taken.", hint="Write it out.")


def _built(maker: Any, node: Any, path: Path, lines: dict[Path, int]) -> Any:
    """The value of a node, and the lines of all that is in it."""
    import yaml

    lines[path] = node.start_mark.line + 1
    if len(path) > _DEEPEST:
        raise InputError(f"{written(path)}: that is too deep for a dashboard.")
    if isinstance(node, yaml.SequenceNode):
        return [_built(maker, each, (*path, n), lines) for n, each in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return maker.construct_object(node)
    found: dict[str, Any] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in found:
            line = key.start_mark.line + 1
            raise InputError(f"{written((*path, name))}, line {line}: it stands twice.")
        found[name] = _built(maker, value, (*path, name), lines)
        lines[(*path, name)] = key.start_mark.line + 1
    return found


def from_text(words: str, *, known: Known | None = None, where: str = "the document") -> Dashboard:
    """A dashboard from YAML or JSON.

    Raises:
        InputError: says in which line what is wrong.
    """
    given, lines = parse_text(words, where=where)
    return read_dashboard(_inner(given), lines=lines, known=known)


def look_at_text(words: str, *, known: Known | None = None) -> Outcome:
    """A dashboard from YAML or JSON, and all that is wrong with it."""
    from datawatch_lab.core.dashboards.places import Fault

    try:
        given, lines = parse_text(words)
    except InputError as error:
        return Outcome(None, (Fault("", error.message),))
    return look_at(_inner(given), lines=lines, known=known)


def _inner(given: Any) -> Any:
    """The document, which may stand below ``dashboard:``."""
    if isinstance(given, Mapping) and set(given) == {"dashboard"}:
        return given["dashboard"]
    return given
