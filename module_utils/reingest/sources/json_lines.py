"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from .bad import Bad, bad
from .lines import read_lines


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_number)


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield each object, or why a line is none, and its line number; empty lines are passed over.

    Raises:
        Refusal: the file cannot be read on; with file and line.
    """
    decode = _DECODER.decode
    for number, line in read_lines(path):
        try:
            record = decode(line)
        except ValueError as error:
            if not line.strip():
                continue
            yield number, bad(f"not JSON: {error}; correct the source", line)
            continue
        except RecursionError:
            yield number, bad("nested too deeply; correct the source", line)
            continue
        if type(record) is not dict:
            yield number, bad("not a JSON object; JSON lines hold one object a line", line)
            continue
        yield number, record
