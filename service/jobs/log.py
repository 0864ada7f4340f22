"""A job's log as server-sent events: each line with the offset behind it, from which a reader goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

_CHUNK = 64 << 10  # bytes that are read at a time; a longer line is cut into pieces
_POLL_S = 0.25
_ALIVE_S = 15.0  # a comment, so that proxies and browsers see that somebody is there


async def follow(path: Path, offset: int, state: Callable[[], str]) -> AsyncIterator[bytes]:
    """Yield the lines of a log behind an offset as they come, and at last an event ``end`` with the state.

    Args:
        path: the log; it need not be there yet.
        offset: bytes that the reader has.
        state: asked for the job's state; ``running`` while more may come.
    """
    silent = 0.0
    while True:
        over = await asyncio.to_thread(state)
        data = await asyncio.to_thread(_read, path, offset)
        whole = data.rfind(b"\n") + 1
        if not whole and (len(data) == _CHUNK or over != "running"):
            whole = len(data)
        for line in data[:whole].splitlines(keepends=True):
            offset += len(line)
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            yield b"id: %d\ndata: %s\n\n" % (offset, json.dumps(text).encode())
        if whole:
            silent = 0.0
            continue
        if over != "running":
            yield b"event: end\ndata: %s\n\n" % json.dumps(over).encode()
            return
        await asyncio.sleep(_POLL_S)
        silent += _POLL_S
        if silent >= _ALIVE_S:
            silent = 0.0
            yield b": waiting\n\n"


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_CHUNK)
    except OSError:
        return b""
