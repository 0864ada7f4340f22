r"""The chain of the ledger's lines: whether one was changed, removed, inserted or moved since it was written.

A line of the ledger ends in its hash, as the last member of its JSON object::

    {"at": ..., "state": "good", ..., "version": 2, "chain": "<64 hexadecimal digits>"}

The hash is the SHA-256 of two lines, each with its line feed: the hash of the line before, then this line as
it is written, without ``, "chain": "<hash>"``. So ``printf '%s\n%s\n' "$before" "$line" | sha256sum`` makes
it. Two lines have no line before to follow: the first one with a hash, and one that accepts a broken chain.
They follow from the SHA-256 of all bytes of the file before them, which is also what an operator accepts.

There is no secret in it: who may write the file may write all of it anew, and lines cut off its end leave a
whole chain. Both are seen against a last hash that is kept elsewhere (docs/trust/who.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from ..errors import Refusal
from ..fs.no_follow import UnsafePathError, read_small
from .layout import Volume

ACCEPTED = "accepted"  # the state of a line by which an operator accepted a broken chain: a new beginning

_HASH = re.compile(rb', "chain": "([0-9a-f]{64})"\}$')
# What no line of before the chain has, and a line of today only loses by an edit.
_MARKS = (b'"chain": "', b'"version": 2')
_TAIL = len(', "chain": ""}\n') + 64  # bytes
_NO_HASH = "has no hash"
_NOT_NEXT = "does not follow from what is before it"
_TOLD = 5
_MOST = 64 << 20  # bytes of a ledger; a run writes some 2 KiB


@dataclass(frozen=True)
class Break:
    """A line at which the chain is broken: it, or what was before it, is not what was written."""

    line: int
    why: str

    def __str__(self) -> str:
        """Return it as a part of a sentence."""
        return f"line {self.line} {self.why}"


@dataclass(frozen=True)
class Chain:
    """What the chain of a ledger proves."""

    since: int  # the first line that has a hash; 0: none has
    last: str  # the hash of the last line; where no line has one, of all bytes
    content: str  # SHA-256 of all bytes of whole lines: what an operator accepts
    breaks: tuple[Break, ...]  # those that nobody accepted
    accepted: tuple[Break, ...]  # those that an operator accepted

    def as_values(self) -> dict[str, Any]:
        """Return it as plain values, for status and the report."""
        state = "broken" if self.breaks else "whole" if self.since else "none"
        return {
            "state": state,
            "since": self.since,
            "last": self.last,
            "broken": [{"line": one.line, "why": one.why} for one in self.breaks],
            "accepted": [{"line": one.line, "why": one.why} for one in self.accepted],
            "accept": self.content if self.breaks else "",
        }


def linked(line: str, before: str) -> str:
    """Return a line, a JSON object without a hash, with the hash by which it follows ``before``."""
    return f'{line[:-1]}, "chain": "{_digest(before, line.encode())}"}}'


def hash_before(content: bytes, *, anew: bool = False) -> str:
    """Return the hash that the next line follows.

    Args:
        content: the ledger's bytes, its whole lines.
        anew: the chain starts anew with that line.
    """
    if anew:
        return hashlib.sha256(content).hexdigest()
    found = _HASH.search(content[-_TAIL:-1])
    return chain_of(content).last if found is None else _text(found)


def chain_of(content: bytes) -> Chain:
    """Return what the chain proves, by one pass over the ledger's whole lines.

    Args:
        content: the ledger's bytes; what a crash cut short at its end is passed over.
    """
    lines = content.split(b"\n")[:-1]
    so_far = hashlib.sha256()
    since, last = 0, ""
    breaks: list[Break] = []
    accepted: list[Break] = []
    for number, line in enumerate(lines, start=1):
        found = _HASH.search(line)
        if found is None:
            if since or any(mark in line for mark in _MARKS):
                breaks.append(Break(number, _NO_HASH))
        else:
            bare = line[: found.start()] + b"}"
            anew = _accepts(bare)
            before = so_far.hexdigest() if anew or not since else last
            since, last = since or number, _text(found)
            if _digest(before, bare) != last:
                breaks.append(Break(number, _NOT_NEXT))
            elif anew:
                accepted += breaks
                breaks.clear()
        so_far.update(line + b"\n")
    content_hash = so_far.hexdigest()
    return Chain(since, last or content_hash, content_hash, tuple(breaks), tuple(accepted))


def ledger_lines(volume: Volume) -> bytes:
    """Return the ledger's whole lines; what a crash cut short is left out, the next line replaces it.

    Raises:
        Refusal: it cannot be read.
    """
    try:
        content = read_small(volume.ledger, most=_MOST, own=True)
    except FileNotFoundError:
        return b""
    except UnsafePathError:
        raise
    except PermissionError:
        raise Refusal(
            f"{volume.ledger} cannot be read by this account: run as root, or give the file back its owner"
        ) from None
    except OSError as error:
        raise Refusal(f"{volume.ledger} cannot be read ({error.strerror}): look into the volume") from None
    return content[: content.rfind(b"\n") + 1]


def read_chain(volume: Volume) -> Chain:
    """Return what the chain of a volume's ledger proves.

    Raises:
        Refusal: the ledger cannot be read.
    """
    return chain_of(ledger_lines(volume))


def broken(volume: Volume, chain: Chain) -> str:
    """Return what is wrong with the chain and what to do, a sentence; empty when it is not broken."""
    if not chain.breaks:
        return ""
    more = f" and {len(chain.breaks) - _TOLD} more" if len(chain.breaks) > _TOLD else ""
    return (
        f"the chain of {volume.ledger} is broken: {', '.join(map(str, chain.breaks[:_TOLD]))}{more}. A line "
        "was changed, removed, inserted or moved by something other than reingest: find out by what. "
        "There is no load, promotion or pruning until it is restored, or accepted as it is: "
        f"playbooks/recover.yml -e reingest_accept_ledger={chain.content} (docs/trust/who.md)"
    )


def refuse_broken(volume: Volume) -> None:
    """Refuse to go by a ledger that was changed.

    Raises:
        Refusal: its chain is broken.
    """
    told = broken(volume, read_chain(volume))
    if told:
        raise Refusal(told)


def goes_on(playbook: str) -> bool:
    """Return whether a playbook goes on with a broken chain: it brings a portal back, or keeps a snapshot."""
    return playbook in ("recover", "rollback", "pin")


def _digest(before: str, line: bytes) -> str:
    return hashlib.sha256(before.encode() + b"\n" + line + b"\n").hexdigest()


def _text(found: re.Match[bytes]) -> str:
    return found.group(1).decode()


def _accepts(line: bytes) -> bool:
    """Return whether a line is one by which an operator accepted a broken chain."""
    try:
        return bool(json.loads(line)["state"] == ACCEPTED)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
