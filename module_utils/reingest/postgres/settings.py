"""Settings of a data directory that would cost its rows in a power cut, read from its files.

``pg_control`` does not say whether a server ran without fsync, and a server that is stopped cannot be asked.
Its files can: ``postmaster.opts`` has the command line of the last start, which counts before everything, and
``postgresql.auto.conf`` counts before ``postgresql.conf`` and what that includes. Of several lines in these
the last one counts. (PostgreSQL's manual, "Setting Parameters": "Managing Configuration File Contents".)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.no_follow import is_folder, listed, read_small

# Off, a power cut leaves pages that nothing can repair.
NEEDED = ("fsync", "full_page_writes")
LOAD_CONF = "reingest.load.conf"  # beside postgresql.conf: the settings of the staging server for a load

_LINE = re.compile(
    r"\s*(?P<name>[A-Za-z_][\w.$]*)(?:\s*=\s*|\s+)(?:'(?P<quoted>(?:[^'\\]|''|\\.)*)'|(?P<bare>[^\s#']+))"
)
_ESCAPE = re.compile(r"''|\\(.)")
_ARGUMENT = re.compile(r'"([^"]*)"')  # postmaster.opts quotes each argument and escapes nothing
_TAKE_VALUE = "BCcDdfhklNPprStW"  # short options of `postgres` that are followed by a value
_DEPTH = 10  # PostgreSQL itself reads no deeper
_MOST_FILES = 1000  # a file that includes itself twice would be read 2 to the power of _DEPTH times


@dataclass(frozen=True)
class Setting:
    """A setting as a file has it."""

    name: str
    value: str
    where: str  # "<file>:<line>", or the file alone where it has no lines


def is_on(value: str) -> bool:
    """Return whether PostgreSQL reads the value of a boolean setting as true."""
    text = value.strip().lower()
    return text in ("on", "1") or (bool(text) and ("true".startswith(text) or "yes".startswith(text)))


def setting_faults(data: Path, *, without: str = "") -> list[str]:
    """Return which of ``NEEDED`` are off, by the command line of the last start or by the files, and where.

    A file that a server would include and that is not here (its path is one of a container, say) does not
    belong to the data directory and is passed over: what it sets, the server itself was asked when the load
    was finalised.

    Args:
        data: the data directory.
        without: the name of an included file that is about to be taken away, and is not looked into.

    Raises:
        Refusal: they include one another without end.
    """
    faults = []
    remedies = (
        (command_line(data), "start the staging server without it, and load again (load.yml keeps the rows)"),
        (
            file_settings(data, without=without),
            "take it out, restart the staging server, and run load.yml, which keeps the rows",
        ),
    )
    for found, remedy in remedies:
        faults += [
            f"{one.where} sets {one.name} = {one.value}, a power cut would damage it: {remedy}"
            for one in found.values()
            if one.name in NEEDED and not is_on(one.value)
        ]
    return faults


def command_line(data: Path) -> dict[str, Setting]:
    """Return the settings of the last start's command line by name; none where no server ever started."""
    path = data / "postmaster.opts"
    text = _text(path)
    return {name: Setting(name, value, str(path)) for name, value in _options(_ARGUMENT.findall(text or ""))}


def file_settings(data: Path, *, without: str = "") -> dict[str, Setting]:
    """Return the settings of ``postgresql.conf``, its includes and ``postgresql.auto.conf`` by name."""
    found: dict[str, Setting] = {}
    read: list[Path] = []
    for name in ("postgresql.conf", "postgresql.auto.conf"):
        found.update((one.name, one) for one in _settings(data / name, 0, without, read))
    return found


def files_read(data: Path) -> list[Path]:
    """Return the files that settings are read from, whether they are there or not.

    Raises:
        Refusal: they include one another without end.
    """
    read: list[Path] = []
    for name in ("postgresql.conf", "postgresql.auto.conf"):
        for _ in _settings(data / name, 0, LOAD_CONF, read):
            pass
    return read


def parse_settings(text: str, where: str) -> Iterator[Setting]:
    """Yield what the lines of a settings file say, ``include`` and its kin as settings like the others."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.match(line)
        if match is not None:
            quoted = match["quoted"]
            value = match["bare"] if quoted is None else _ESCAPE.sub(lambda hit: hit[1] or "'", quoted)
            yield Setting(match["name"].lower(), value, f"{where}:{number}")


def _settings(path: Path, depth: int, without: str, read: list[Path]) -> Iterator[Setting]:
    read.append(path)
    if len(read) > _MOST_FILES:
        raise Refusal(
            f"{read[0]} includes more than {_MOST_FILES} files, {path} the last: correct its includes"
        )
    text = _text(path) if depth <= _DEPTH and path.name != without else None
    for one in parse_settings(text or "", str(path)):
        if one.name in ("include", "include_if_exists"):
            yield from _settings(path.parent / one.value, depth + 1, without, read)
        elif one.name == "include_dir":
            for entry in _folder(path.parent / one.value):
                yield from _settings(entry, depth + 1, without, read)
        else:
            yield one


def _folder(path: Path) -> list[Path]:
    if not is_folder(path):
        return []
    return [path / name for name in listed(path) if name.endswith(".conf") and not name.startswith(".")]


def _options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what the arguments of ``postgres`` set: ``-c name=value``, ``--name=value``, and ``-F``."""
    waiting = iter(arguments)
    for argument in waiting:
        if argument.startswith("--"):
            yield _pair(argument[2:])
        elif argument.startswith("-"):
            for at, letter in enumerate(argument[1:], start=2):
                if letter == "F":
                    yield "fsync", "off"
                if letter in _TAKE_VALUE:
                    value = argument[at:] or next(waiting, "")
                    if letter == "c":
                        yield _pair(value)
                    break


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.replace("-", "_").lower(), value


def _text(path: Path) -> str | None:
    try:
        return read_small(path).decode("utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
