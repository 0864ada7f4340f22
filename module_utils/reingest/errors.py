"""The one exception that an operator can act on."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """A step that was refused: the message names the thing, the reason and the remedy.

    A message never holds a password: connection strings are shown by ``postgres.dsn.shown``.
    """


class ListedRefusal(Refusal):
    """A refusal of several lines, which are shown as they are: some are to be pasted.

    Whoever raises it makes sure that no line end comes from a name or from another program's message.
    """
