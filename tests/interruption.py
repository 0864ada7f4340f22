"""Kill our own code just before one of its changes: for what is tried so often that strace is too slow.

``tests/crash`` does the same to whole verbs, at their system calls.
"""

from __future__ import annotations

import functools
import os
import pathlib
import traceback

from plugins.module_utils.reingest.adoption import adopt
from plugins.module_utils.reingest.fs import rename
from plugins.module_utils.reingest.promotion import swap

STEPS = ("rename", "replace", "symlink", "unlink", "mkdir", "rmdir", "chmod", "chown", "fsync")
KILLED = 9


def killed_at(step, act):
    """Run ``act`` in a child that is killed just before its ``step``-th change; return whether it was."""
    child = os.fork()
    if child == 0:
        done = 0

        def counted(change, *arguments, **options):
            nonlocal done
            if done == step:
                os._exit(KILLED)
            done += 1
            return change(*arguments, **options)

        # Python 3.9's pathlib calls the functions that were there when it was imported.
        places = [os, *([pathlib._normal_accessor] if hasattr(pathlib, "_normal_accessor") else [])]
        for name in STEPS:
            change = functools.partial(counted, getattr(os, name))
            for place in places:
                setattr(place, name, change)
        rename.exchange = swap.exchange = adopt.exchange = functools.partial(counted, swap.exchange)
        try:
            act()
        except BaseException:  # noqa: BLE001 - a child must not become a second pytest
            os.write(2, traceback.format_exc().encode())
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED
