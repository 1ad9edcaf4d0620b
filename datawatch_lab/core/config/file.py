"""The YAML file of the configuration: its keys and values, the environment filled in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datawatch_lab.core.config.keys import KEYS, Key, value_of
from datawatch_lab.core.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_LITERAL = ("sources",)
"""References in their addresses are filled in when they are watched, so no password is kept."""


def from_file(path: Path, environment: Mapping[str, str]) -> dict[Key, Any]:
    """What a file sets, by key.

    Raises:
        ConfigError: it cannot be read, or a key or value is wrong; names it and the options.
    """
    by_name = {key.name: key for key in KEYS}
    found = {}
    for name, given in _leaves(_inner(_document(path), path), "", path):
        is_literal = name in _LITERAL
        value = given if is_literal else _expanded(given, environment, f"{path}: {name}")
        if value is not None:
            found[by_name[name]] = value_of(by_name[name], value, f"{path}: {name}")
    return found


def _document(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_loader())  # noqa: S506 — safe
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}.") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold keys and values, such as `server: {{port: 3002}}`.")
    return document


def _loader() -> type[Any]:
    """YAML's safe loader, which refuses a key that stands twice instead of taking the last."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader: Any, node: Any) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            if isinstance(key.value, str):
                seen.add(key.value)
        loader.flatten_mapping(node)
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return Loader


def _inner(document: dict[Any, Any], path: Path) -> dict[Any, Any]:
    """The keys, of which some or all may stand below ``datawatch:``."""
    if "datawatch" not in document:
        return document
    inner = document["datawatch"] or {}
    if not isinstance(inner, dict):
        raise ConfigError(f"{path}: datawatch is a section; it must hold keys.")
    beside = {key: value for key, value in document.items() if key != "datawatch"}
    twice = [str(key) for key in beside if key in inner]
    if twice:
        raise ConfigError(f"{path}: {twice[0]} stands below datawatch and beside it.")
    return inner | beside


def _leaves(document: Mapping[Any, Any], above: str, path: Path) -> Iterator[tuple[str, object]]:
    """Dotted names and values, each name known."""
    names = [key.name for key in KEYS]
    for part, value in document.items():
        name = f"{above}{part}"
        if name in names:
            yield name, value
        elif isinstance(value, str) and f"{name}.url" in names:
            yield f"{name}.url", value
        elif any(known.startswith(f"{name}.") for known in names):
            if value is not None and not isinstance(value, Mapping):
                raise ConfigError(f"{path}: {name} is a section; it must hold keys.")
            yield from _leaves(value or {}, f"{name}.", path)
        else:
            raise _unknown(name, names, path)


def _unknown(name: str, names: list[str], path: Path) -> ConfigError:
    """The error for a key that does not exist, with the nearest key or section."""
    sections = [known.rpartition(".")[0] for known in names if "." in known]
    sections = [each for each in sections if not name.startswith(f"{each}.")]
    near = difflib.get_close_matches(name, dict.fromkeys([*names, *sections]), n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]!r}?" if near else "."
    above = f"{name.rpartition('.')[0]}." if "." in name else ""
    level = [known[len(above) :].partition(".")[0] for known in names if known.startswith(above)]
    where = f"Keys of {above[:-1]}" if above else "Keys"
    return ConfigError(
        f"{path}: no key {name!r}{guess}", hint=f"{where}: {', '.join(dict.fromkeys(level))}."
    )


def _expanded(value: Any, environment: Mapping[str, str], where: str) -> Any:
    """A value with ``${NAME}`` and ``${NAME:-default}`` filled in, at any depth."""
    if isinstance(value, str):
        return _expand(value, environment, where)
    if isinstance(value, list):
        return [_expanded(each, environment, where) for each in value]
    if isinstance(value, dict):
        return {key: _expanded(each, environment, f"{where}.{key}") for key, each in value.items()}
    return value


def _expand(text: str, environment: Mapping[str, str], where: str) -> str:
    def value_for(found: re.Match[str]) -> str:
        value = environment.get(found[1]) or found[2]
        if value is None:
            raise ConfigError(
                f"{where} asks for the environment variable {found[1]}, which is not set.",
                hint=f"Set it, or give a default: ${{{found[1]}:-default}}.",
            )
        return value

    return _VARIABLE.sub(value_for, text)
