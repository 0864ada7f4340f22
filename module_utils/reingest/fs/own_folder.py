"""The folders that only this account may write: what lies in them is believed, and may name what is run."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from ..errors import Refusal


def refuse_shared(path: Path, called: str) -> None:
    """Refuse a folder that another account can write or replace; it need not be there.

    As sshd does with the files that it believes (``StrictModes`` in ``sshd_config(5)``).

    Args:
        path: the folder.
        called: what the inventory calls it.

    Raises:
        Refusal: another account owns it, or a folder above it, or may write there.
    """
    real = Path(os.path.realpath(path))
    for part in (real, *real.parents):
        try:
            status = part.lstat()
        except FileNotFoundError:
            continue
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if _is_private_group(status):
            shared &= ~stat.S_IWGRP
        if shared and part != real and status.st_mode & stat.S_ISVTX:
            shared = 0  # nobody takes away another's folder there
        if status.st_uid not in (0, os.geteuid()) or shared:
            raise Refusal(
                f"{called} {path} is not used: {part} belongs to account {status.st_uid} and has mode "
                f"{stat.S_IMODE(status.st_mode):04o}, so that other accounts than {os.geteuid()}, which runs "
                "the modules, can write what is believed there: chown and chmod it, or name another folder"
            )


def _is_private_group(status: os.stat_result) -> bool:
    """Return whether a folder's group is its owner's alone: many systems give each account such a group."""
    try:
        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid)
    except KeyError:
        return False
    return group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}
