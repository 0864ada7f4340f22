"""Where sources of this host may lie, and what they may be: regular files in the folders that are declared.

The dataset may come from somebody who may not read all that the worker's account reads, and so may the folder
of a release, with the links in it. So what leads out of the folder of sources needs the operator's word.
"""

from __future__ import annotations

import difflib
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import Refusal

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def check_place(path: Path, folder: Path, roots: Sequence[Path] = ()) -> None:
    """Refuse a source that is not a file in the folder of sources, or in one that is declared beside it.

    Args:
        path: the source, as it was found.
        folder: the folder of sources.
        roots: further folders, from ``reingest_source_roots``.

    Raises:
        Refusal: it leads out, by its name or by a link; it is no regular file; or it is not there.
    """
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:  # a circle of links
        reason = getattr(error, "strerror", None) or "its links lead in a circle"
        raise Refusal(f"source {path} cannot be read: {reason}; correct `from:` or `sources:`") from error
    if not any(real.is_relative_to(root.resolve()) for root in (folder, *roots)):
        told = f", to {real}" if real != path else ""
        raise Refusal(
            f"source {path} leads out of the folder of sources {folder}{told}: put the file there, or "
            "declare the folder where it lies in reingest_source_roots"
        )
    refuse_special(path, mode)


def refuse_missing_folder(folder: Path, patterns: Iterable[str]) -> None:
    """Refuse a folder of sources that is not there, where a source lies in it.

    Args:
        folder: the folder of sources.
        patterns: what the dataset names; addresses and absolute paths need no folder.

    Raises:
        Refusal: names the folder, and the nearest one that is there.
    """
    needed = any("://" not in one and not Path(one).is_absolute() for one in patterns)
    if not needed or folder.exists():
        return
    missing = folder
    while not missing.parent.exists():
        missing = missing.parent
    try:
        beside = sorted(one.name for one in missing.parent.iterdir() if one.is_dir())
    except OSError:  # a file, or a folder that this account may not list
        beside = []
    near = difflib.get_close_matches(missing.name, beside, n=1, cutoff=0.5)
    told = f"did you mean {missing.parent / near[0]}?" if near else f"{missing.parent} has no {missing.name}:"
    raise Refusal(
        f"the folder of sources {folder} is not there; {told} correct reingest_sources, or `sources:`"
    )


def refuse_special(path: Path, mode: int | None = None) -> None:
    """Refuse what is there and no regular file: reading it may wait forever, or act upon a device.

    Args:
        path: the file.
        mode: what ``stat`` says of it; None: it is asked.

    Raises:
        Refusal: names what it is.
    """
    if mode is None:
        try:
            mode = path.stat().st_mode
        except OSError:
            return  # who opens it tells that
    for test, kind in _KINDS:
        if test(mode):
            raise Refusal(
                f"{path} is {kind}: a source, a schema or a dataset is a regular file; correct the name"
            )


def text_of(path: Path, most: int) -> str:
    """Return the text of a dataset or of a schema; what is no regular file is refused before it is opened.

    Args:
        path: the file.
        most: MiB; a longer one is refused, as a file with a hole may be longer than all memory.

    Raises:
        Refusal: it is no regular file, or longer.
        OSError: it cannot be read.
        UnicodeDecodeError: it is no UTF-8.
    """
    refuse_special(path)
    with path.open("rb") as file:
        content = file.read((most << 20) + 1)
    if len(content) > most << 20:
        raise Refusal(f"{path} is longer than {most} MiB: look into it, and correct the name")
    return content.decode().replace("\r\n", "\n").replace("\r", "\n")  # as a text file is read
