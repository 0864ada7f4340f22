"""The one exception that an operator can act on."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """A step that was refused: the message names the thing, the reason and the remedy.

    A message never holds a password: connection strings are shown by ``postgres.dsn.shown``.
    """
