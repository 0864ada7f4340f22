"""A hostile account on the host: what it can do meanwhile, and how long a step may take that it disturbs."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress

from clusters import unprivileged


@contextmanager
def meanwhile(act, *arguments):
    """Call a function again and again, as the unprivileged account, until the block ends."""
    account = unprivileged()
    ready, tells = os.pipe()
    attacker = os.fork()
    if attacker == 0:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        os.write(tells, b"there")
        while True:
            with suppress(OSError):
                act(*arguments)
    try:
        assert os.read(ready, 5) == b"there"
        yield
        assert os.waitpid(attacker, os.WNOHANG) == (0, 0), "the attacker gave up"
    finally:
        os.kill(attacker, signal.SIGKILL)
        os.waitpid(attacker, 0)
        os.close(ready)
        os.close(tells)


@contextmanager
def within(seconds):
    """Fail where the block hangs."""

    def late(*_):
        raise AssertionError(f"it hangs: not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def belongs_to_attacker(path):
    """Give a path to the unprivileged account; return the path."""
    account = unprivileged()
    os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return path


def let_pass(path):
    """Let the unprivileged account through all folders above a path, and into it."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode & 0o7777
        if mode & 0o055 != 0o055:
            folder.chmod(mode | 0o055)
