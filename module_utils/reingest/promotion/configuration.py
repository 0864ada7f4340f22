"""Production's configuration in the new server: access rules, settings, certificates in its directory.

A load was made under the settings of the staging server, which works at its own address and lets others in.
What lies outside of the data directory (Debian's ``/etc/postgresql``) is the host's, and stays there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

from ..errors import Refusal
from ..fs.durable import make_directory, replace_file
from ..fs.no_follow import UnsafePathError, is_file, is_folder, listed, read_small, status_of
from ..postgres.settings import LOAD_CONF, file_settings, files_read
from ..volume.layout import Volume

_ALWAYS = ("postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf")
# Files that a setting names, and how they are called where none does.
_NAMED = {
    "hba_file": "",
    "ident_file": "",
    "ssl_cert_file": "server.crt",
    "ssl_key_file": "server.key",
    "ssl_ca_file": "",
    "ssl_crl_file": "",
    "ssl_dh_params_file": "",
    "krb_server_keyfile": "",
}
# Of the access rules: other files with rules (from 16 on), and files with names.
_INCLUDE = re.compile(r'^\s*(include|include_if_exists|include_dir)\s+"?([^"\s#]+)"?', re.MULTILINE)
_NAMES = re.compile(r'(?:^|[\s,])"?@"?([^"\s,#]+)', re.MULTILINE)
_DEPTH = 10
_RULES = ("pg_hba.conf", "pg_ident.conf")


def differing_files(volume: Volume, previous: str, load: Path) -> tuple[str, ...]:
    """Return which files of production a load has not, or has otherwise, relative to the data directory.

    Args:
        volume: the volume.
        previous: the snapshot that is live; empty: there is no production.
        load: the load's data directory, wherever it lies.

    Raises:
        Refusal: one of production's is no regular file.
    """
    live = volume.snapshot(previous) if previous else None
    if live is None or not is_folder(live):
        return ()
    return tuple(name for name in _files_of(volume, live) if not _same(live / name, load / name))


def take_over(volume: Volume, previous: str, load: Path) -> None:
    """Give a load production's files, with their owner and mode, each as a whole; what is so already stays.

    Raises:
        Refusal: one of production's is no regular file.
        OSError: the disk is full, or refuses a file.
    """
    live = volume.snapshot(previous) if previous else volume.root
    for name in differing_files(volume, previous, load):
        for folder in reversed(PurePath(name).parents[:-1]):
            make_directory(load / folder, like=live / folder)
        replace_file(load / name, read_small(live / name), like=live / name)


def _files_of(volume: Volume, live: Path) -> list[str]:
    """Return the files of a data directory that are its configuration, sorted."""
    bases = (live, volume.prod)
    settings = file_settings(live)
    found = {live / name for name in _ALWAYS}
    found.update(files_read(live))
    for name, usual in _NAMED.items():
        value = settings[name].value if name in settings else usual
        if value:
            found.add(live / value)  # an absolute one stays absolute
    rules = {live / name for name in _RULES}
    rules |= {live / settings[name].value for name in ("hba_file", "ident_file") if name in settings}
    for path in rules:
        found.update(_rules(path, 0))
    relative = {name for path in found for name in _inside(path, bases)}
    return sorted(name for name in relative if name != LOAD_CONF and status_of(live / name) is not None)


def _inside(path: Path, bases: tuple[Path, ...]) -> Iterator[str]:
    """Yield a path relative to the data directory, where it lies in it."""
    bare = Path(os.path.normpath(path))
    for base in bases:
        if base in bare.parents:
            yield str(bare.relative_to(base))
            return


def _rules(path: Path, depth: int) -> Iterator[Path]:
    """Yield the files that a file with access rules brings in."""
    if depth > _DEPTH or not is_file(path):
        return
    text = read_small(path).decode("utf-8", errors="replace")
    for name in _NAMES.findall(text):
        yield path.parent / name
    for how, name in _INCLUDE.findall(text):
        one = path.parent / name
        if how == "include_dir":
            inner = (
                [one / entry for entry in listed(one) if entry.endswith(".conf")] if is_folder(one) else []
            )
        else:
            inner = [one]
        for file in inner:
            yield file
            yield from _rules(file, depth + 1)


def _same(live: Path, load: Path) -> bool:
    ours, theirs = status_of(live), status_of(load)
    if ours is None or not stat.S_ISREG(ours.st_mode):
        raise Refusal(
            f"{live} is no regular file, and the new server would not have it: put the file itself there, "
            "or let a setting name it where it lies"
        )
    kind = (ours.st_mode, ours.st_uid, ours.st_gid, ours.st_size)
    if theirs is None or kind != (theirs.st_mode, theirs.st_uid, theirs.st_gid, theirs.st_size):
        return False
    try:
        return read_small(live) == read_small(load)
    except UnsafePathError as error:
        raise Refusal(str(error)) from error
