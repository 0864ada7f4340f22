"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from ..errors import Refusal
from .lines import read_lines


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_number)


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each object and its line number; empty lines are passed over.

    Raises:
        Refusal: a line is not JSON, or not an object, or cannot be read; with file and line.
    """
    decode = _DECODER.decode
    for number, line in read_lines(path):
        try:
            record = decode(line)
        except ValueError as error:
            if not line.strip():
                continue
            raise Refusal(f"{path}:{number}: not JSON: {error}; correct the source") from error
        except RecursionError as error:
            raise Refusal(f"{path}:{number}: nested too deeply; correct the source") from error
        if type(record) is not dict:
            raise Refusal(f"{path}:{number}: not a JSON object; JSON lines hold one object a line")
        yield number, record
