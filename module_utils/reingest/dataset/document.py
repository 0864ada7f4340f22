"""Reading dataset.yml as a document: its keys as written, none twice, none unknown."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import Refusal
from ..sources.place import text_of

_MOST = 16  # MiB
_MOST_KEYS = 10_000  # of one mapping, with what it merges: a few lines of aliases can make any number

_MOST_BITS = 4096  # of a number; Python itself writes none of much more


class _Loader(yaml.SafeLoader):
    """Takes keys as they are written (`null`, `on` and `no` are names here) and refuses one given twice."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what `<<` names, up to a limit."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_KEYS:
            raise yaml.constructor.ConstructorError(
                None, None, f"merges more than {_MOST_KEYS} keys", node.start_mark
            )

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401
        """Return the value of a node; where its type cannot hold the text, PyYAML raises anything."""
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int) and value.bit_length() > _MOST_BITS:
                raise ValueError(_MOST_BITS)  # noqa: TRY301 - as Python says of decimal digits only
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            told = f"no value of the type {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from error
        return value


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key.value} is here twice", key.start_mark
            )
        seen.add(key.value)
    loader.flatten_mapping(node)
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_document(file: Path) -> Section:
    """Return the file's top level.

    Raises:
        Refusal: there is no such file, or it is not YAML, or a key is given twice.
    """
    try:
        text = text_of(file, _MOST)
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(
            f"the dataset {file} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        raise Refusal(f"{where}: {error.problem}; correct the dataset") from error
    except yaml.YAMLError as error:
        raise Refusal(f"{file}: not YAML: {error}") from error
    except RecursionError as error:
        raise Refusal(f"{file}: nested too deeply; correct the dataset") from error
    return Section(file, "", value)


class Section:
    """One mapping of the document, with its place in it for messages."""

    def __init__(self, file: Path, where: str, value: object) -> None:
        self.file = file
        self.where = where
        if not isinstance(value, dict):
            raise self.refusal(f"must be a list of `key: value`, not {_shown(value)}")
        self._values: dict[str, Any] = value

    def refusal(self, text: str, key: str = "") -> Refusal:
        """Return a refusal that names the file and the place."""
        place = ".".join(part for part in (self.where, key) if part)
        return Refusal(f"{self.file}: {place + ': ' if place else ''}{text}")

    def only(self, known: Collection[str]) -> None:
        """Refuse a key that is not known, with the nearest one that is."""
        for key in self._values:
            if key in known:
                continue
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(known)}"
            raise self.refusal(f"unknown key {key}; {hint}")

    def __contains__(self, key: str) -> bool:
        """Return whether the key is given."""
        return key in self._values

    def keys(self) -> list[str]:
        """Return the keys, in the order of the file."""
        return list(self._values)

    def value(self, key: str) -> object:
        """Return whatever stands there; None when the key is absent."""
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default the key is required."""
        if key not in self._values:
            if default is None:
                raise self.refusal(f"the key {key} is missing")
            return default
        value = self._values[key]
        if not isinstance(value, str):
            raise self.refusal(f"must be a text, not {_shown(value)} (quote it)", key)
        return value

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """Return one of some words."""
        value = self.text(key, default)
        if value not in choices:
            raise self.refusal(f"{value!r} is none of {', '.join(choices)}", key)
        return value

    def flag(self, key: str) -> bool:
        """Return true or false; false when absent."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self.refusal(f"must be true or false, not {_shown(value)}", key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; one text alone is a list of one, an absent key an empty list."""
        value = self._values.get(key, [])
        values = value if isinstance(value, list) else [value]
        for entry in values:
            if not isinstance(entry, str) or not entry:
                raise self.refusal(f"must be a text or a list of texts, not {_shown(entry)}", key)
        return tuple(values)

    def fraction(self, key: str, most: float = 1) -> float | None:
        """Return a percentage, as a fraction of at most ``most``; None when absent."""
        if key not in self._values:
            return None
        value = self._values[key]
        number = value[:-1].strip() if isinstance(value, str) and value.endswith("%") else ""
        try:
            fraction = float(number) / 100
        except ValueError:
            fraction = -1.0
        if not 0 <= fraction <= most or math.isinf(fraction):
            raise self.refusal(f"must be a percentage such as 5%, not {_shown(value)}", key)
        return fraction

    def section(self, key: str) -> Section:
        """Return the mapping below a key."""
        return Section(self.file, ".".join(part for part in (self.where, key) if part), self._values[key])

    def sections(self, key: str) -> list[Section]:
        """Return the list of mappings below a key; an empty one when absent."""
        value = self._values.get(key, [])
        if not isinstance(value, list):
            raise self.refusal(f"must be a list, not {_shown(value)}", key)
        place = ".".join(part for part in (self.where, key) if part)
        return [Section(self.file, f"{place}[{at}]", entry) for at, entry in enumerate(value)]


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value)
