"""Secrets of a portal's own loader where they would be seen, or are too short to be masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from ..errors import Refusal
from .secrets import secret_texts

SHORTEST = 6  # characters of a secret: fewer stand in many a text that is none, and all of it would be masked


def named_secrets(dsns: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return every text to mask with the name of what holds it: ``secret_texts``, each with its variable."""
    named = {text: name for name, dsn in dsns.items() for text in secret_texts([dsn])}
    return {**named, **{value: name for name, value in values.items() if value}}


def short_secrets(secrets: Mapping[str, object]) -> list[str]:
    """Return which secrets are too short to be masked, by their names; an empty one is none.

    A connection string is its password.
    """
    found = []
    for name, value in secrets.items():
        passwords = secret_texts([str(value)])
        if any(len(unquote(one)) < SHORTEST for one in passwords):
            found.append(f"the password in {name}")
        elif not passwords and 0 < len(str(value)) < SHORTEST:
            found.append(name)
    return found


def refuse_shown(secrets: Mapping[str, str], argv: Iterable[str], environment: Mapping[str, str]) -> None:
    """Refuse a secret where it would be seen, as a whole value: ``x`` is not seen in ``--example``.

    Args:
        secrets: the texts, each with the name of what holds it, see ``named_secrets``.
        argv: the arguments of a program.
        environment: variables that are not declared secret.

    Raises:
        Refusal: an argument, or a variable, holds one.
    """
    for number, argument in enumerate(argv):
        held = _held(argument, secrets)
        if held:
            raise Refusal(
                f"argument {number} of the loader holds the secret {held}, which everybody on the host "
                "could read "
                "there: give it to the loader as a variable of its environment, in `secrets:`"
            )
    for name, value in environment.items():
        held = _held(value, secrets)
        if held:
            raise Refusal(
                f"the loader's variable {name} holds the secret {held}: move it from `environment:` to "
                "`secrets:`, whose values are never shown"
            )


def _held(text: str, secrets: Mapping[str, str]) -> str:
    """Return the name of a secret that stands in a text as a whole value: between what ends a word."""
    for secret, name in secrets.items():
        before, after = (
            (r"(?<!\w)" if secret[0].isalnum() else ""),
            (r"(?!\w)" if secret[-1].isalnum() else ""),
        )
        if re.search(f"{before}{re.escape(secret)}{after}", text):
            return name
    return ""
