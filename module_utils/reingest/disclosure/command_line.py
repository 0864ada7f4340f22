"""What an operator pastes into a shell as it stands, whatever name is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from .printable import UNSEEN

_VARIABLE = "reingest_accept"
# Neither a shell nor Ansible takes these for anything but themselves.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+-]+")
# Ansible executes a template in a variable, and a name may be anybody's: what is to be pasted has none.
_TEMPLATE = re.compile(r"\{[{%#]")
# What ends a quotation, what a message of one line would not keep, and what Ansible's output leaves out.
_NOT_KEPT = re.compile(rf"'| {{2,}}|[^\S ]|[\U00010000-\U0010ffff]|[{UNSEEN}]")
_ASCII = 0x7F


def accepting(names: Iterable[str]) -> str:
    """Return the argument of ansible-playbook by which an operator accepts what is named, to be pasted.

    A list takes the place of the one before it: what is accepted already is to be among the names. In a name
    that holds a template each ``{`` is a ``?``, which stands for any character.

    Args:
        names: as ``reingest_accept`` takes them; at least one.
    """
    names = [name.replace("{", "?") if _TEMPLATE.search(name) else name for name in names]
    if all(map(_PLAIN.fullmatch, names)):
        return f"-e {_VARIABLE}={','.join(names)}"
    text = json.dumps({_VARIABLE: names}, ensure_ascii=False)
    return f"-e '{_NOT_KEPT.sub(_escaped, text)}'"


def _escaped(found: re.Match[str]) -> str:
    """Return characters as JSON may have them: in the two halves of UTF-16 where they have two."""
    return "".join(json.dumps(one)[1:-1] if ord(one) > _ASCII else f"\\u{ord(one):04x}" for one in found[0])
