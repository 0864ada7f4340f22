"""strace: which system calls of a verb change the volume, and a verb that is disturbed at one of them.

strace counts the invocations of each system call by itself and in each process; ``when=N`` disturbs the N-th
one just before the kernel does it.
"""

from __future__ import annotations

import collections
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

from crash.module import ended

_NAMES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "symlink")
_NODES = ("symlinkat", "link", "linkat", "mknod", "mknodat", "open", "openat", "creat")
_CONTENT = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "copy_file_range", "sendfile", "ioctl")
_LENGTH = ("ftruncate", "truncate", "fallocate")
_MODES = ("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat")
_ATTRIBUTES = ("utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr")
SYNCING = ("fsync", "fdatasync", "sync", "syncfs", "sync_file_range")
CHANGING = (*_NAMES, *_NODES, *_CONTENT, *_LENGTH, *_MODES, *_ATTRIBUTES, *SYNCING)
_MARKING = ("access", "faccessat", "faccessat2")
_MARK = "/reingest-begins"
_LINE = re.compile(r"^(?:(?P<pid>\d+) +)?(?P<call>\w+)\((?P<rest>.*)$")
_OPENING = ("open", "openat")
# What fails from then on: the result, too, is told by a write, and much is opened to be read.
_LASTING = tuple(call for call in CHANGING if call not in (*_OPENING, "creat", "ioctl", "write"))
_LEASE, _ANY_LEASE = re.compile(r"window\.lease\.\d+"), "window.lease.PROCESS"  # each has one of its own
_VOLUME = "{volume}"
_RANDOM = re.compile(r"(\.reingest-probe|\.new)-[0-9a-f]{16}")  # names that nobody can foresee
_ARGUMENTS = re.compile(r'[^,]*<(?P<folder>[^>]*)>, "(?P<name>[^"]*)"')  # an open directory and a name in it
_CREATES = re.compile(r"O_CREAT|O_TRUNC|O_TMPFILE")


class NotTracedError(Exception):
    """strace cannot be used here, or saw something that this harness does not know how to disturb."""


@dataclass(frozen=True)
class Point:
    """One system call that changes the volume, by its number among those of its name."""

    call: str
    number: int
    shown: str  # its arguments, the volume's path left out
    before: tuple[tuple[str, int], ...]  # how many of each changing system call came before it
    # What is opened, as the call has it: a path in the volume, or a bare name in an open directory. Of these
    # openings alone it is the `number`-th.
    path: str = ""

    def __str__(self):
        return f"{self.call} {self.number}: {self.call}({self.shown}"

    @property
    def syncs(self):
        return self.call in SYNCING


def missing():
    """Return why nothing can be traced here; empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (package strace)"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


def trace(verb, volume, work):
    """Run a verb undisturbed; return its answer and the points, in order.

    Raises:
        NotTracedError: a process or thread beside the main one changes the volume.
    """
    log = work / "trace"
    found = _run(verb, volume, work, log, ["--follow-forks"])
    return found, points(log.read_text(encoding="utf-8", errors="replace"), volume)


def points(log, volume):
    """Return what changes the volume, or tells the result, in a log of strace."""
    main, told, counted, found = "", False, collections.Counter(), []
    for line in log.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        main = main or match["pid"] or ""
        call, rest = match["call"], match["rest"]
        if call in _MARKING:
            continue
        inside = str(volume) in rest
        if (match["pid"] or "") != main:
            if inside and _changes(call, rest):
                raise NotTracedError(
                    f"another thread or process than the main one changes the volume: {line}"
                )
            continue
        tells = call == "write" and rest.startswith("1<") and not told  # the first write of the result
        told = told or tells
        if _changes(call, rest) and (inside or tells):
            before = tuple((name, count) for name, count in counted.items() if name in _LASTING)
            path = _opened(rest, volume) if call in _OPENING else ""
            found.append(Point(call, counted[path or call] + 1, shown(rest, volume), before, path))
        # What a process opens to read may differ each time, by what else runs on the machine.
        counted[_opened(rest, volume) if call in _OPENING else call] += 1
    return found


def killed(verb, volume, work, point):
    """Run a verb that is killed just before a point; return whether it was killed there."""
    log = work / "kill"
    injected = f"--inject={point.call}:signal=KILL:when={point.number}"
    died = _run(verb, volume, work, log, [injected, *_only(volume, point)])
    return died.code != 0 and died.result is None and _last_is(log, volume, point)


def faulty(verb, volume, work, point, error, *, onwards=False):
    """Run a verb in which a point fails with an error; return its answer, and whether the point was hit.

    Args:
        verb: the verb.
        volume: the volume's path.
        work: a folder for logs.
        point: where.
        error: the name of the error.
        onwards: every changing call from there on fails too, but those that open a file, because strace
            cannot tell which are for reading.
    """
    log = work / "fault"
    reached = dict(point.before)
    more = [
        f"--inject=?{call}:error={error}:when={reached.get(call, 0) + 1}+"
        for call in (_LASTING if onwards else ())
        if call != point.call
    ]
    only = "" if not onwards or point.call == "write" else "+"
    injected = f"--inject={point.call}:error={error}:when={point.number}{only}"
    found = _run(verb, volume, work, log, [injected, *more, *_only(volume, point)])
    text = log.read_text(encoding="utf-8", errors="replace")
    hit = any(
        line.startswith(f"{point.call}(")
        and line.rstrip().endswith("(INJECTED)")
        and _is(line, volume, point)
        for line in text.splitlines()
    )
    return found, hit


def _only(volume, point):
    """Return the options by which strace looks at one file alone, where one is opened."""
    own = point.path.replace(_VOLUME, str(volume))
    return [f"--trace-path={path}" for path in (own, _MARK)] if own else []


def _opened(rest, volume):
    """Return what is opened in the volume, as the call has it."""
    match = _ARGUMENTS.match(rest)
    if match is None:
        return "elsewhere"
    name = match["name"]
    if name.startswith("/"):
        path = _LEASE.sub(_ANY_LEASE, name.replace(str(volume), _VOLUME, 1))
        return path if path.startswith(_VOLUME) else "elsewhere"
    return name if match["folder"].startswith(str(volume)) else "elsewhere"


def shown(rest, volume):
    """Return a call's arguments without what differs from volume to volume, or from process to process."""
    text = (
        re.sub(r"\)\s+= .*$", ")", re.sub(r"^1<[^>]*>.*", "1<the result>)", rest))
        .replace(str(volume), "")
        .replace("<>", "</>")
    )
    text = _RANDOM.sub(r"\1-RANDOM", _LEASE.sub(_ANY_LEASE, text))
    return re.sub(r"\d{2,}<", "N<", re.sub(r'"\{.*', '"..."', text))


def _last_is(log, volume, point):
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.partition("(")[0] in CHANGING]
    return bool(lines) and _is(lines[-1], volume, point)


def _is(line, volume, point):
    """Return whether a line is the call of a point, on the same file."""
    call, _, rest = line.partition("(")
    return call == point.call and _names(call, shown(rest, volume)) == _names(call, point.shown)


def _names(call, text):
    """Return the paths and names in a call's arguments; not texts that were written, which tell times."""
    return re.findall(r"<[^>]*>" if call in _CONTENT else r'<[^>]*>|"[^"]*"', text)


def _changes(call, rest):
    if call in _OPENING:
        return bool(_CREATES.search(rest))
    return call != "ioctl" or "FICLONE" in rest


def _set(calls):
    return ",".join(f"?{call}" for call in calls)


def _run(verb, volume, work, log, options):
    """Run a verb in a child under strace; counts begin where the verb does."""
    log.write_text("")
    told, tell = os.pipe()
    with tempfile.TemporaryFile(dir=work) as out:
        child = verb.start(volume, out, lambda: _wait(told))
        command = ["strace", "--output", log, "--quiet=all", "--decode-fds=path", "--columns=1"]
        marks = f"--trace={_set((*CHANGING, *_MARKING))}"
        options = [option.replace(_ANY_LEASE, f"window.lease.{child}") for option in options]
        tracer = subprocess.Popen([*command, marks, *options, f"--attach={child}"], stderr=subprocess.DEVNULL)
        while _MARK not in log.read_text(encoding="utf-8", errors="replace"):
            if tracer.poll() is not None:
                os.kill(child, signal.SIGKILL)
                break
            time.sleep(0.001)
        os.write(tell, b"go")
        found = ended(child, out)
    tracer.wait()
    os.close(told)
    os.close(tell)
    return found


def _wait(told):
    """Make a call that strace shows until it was seen to show it: before that it may not stop every call."""
    while not select.select([told], [], [], 0.002)[0]:
        os.access(_MARK, os.F_OK)
