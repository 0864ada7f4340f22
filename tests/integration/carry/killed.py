"""Work that is killed on the way, at a function that it calls."""

from __future__ import annotations

import os
import signal


def killed_in(module, name, work, *, after):
    """Do work in a process that is killed when it comes to a function, before it or after it."""
    child = os.fork()
    if not child:
        inner = getattr(module, name)

        def deadly(*arguments, **named):
            if after:
                inner(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, deadly)
        try:
            work()
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)
