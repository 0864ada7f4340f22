"""The one exception that an operator can act on, and several of them told at once."""

from __future__ import annotations

from collections.abc import Sequence


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """A step that was refused: the message names the thing, the reason and the remedy.

    A message never holds a password: connection strings are shown by ``postgres.dsn.shown``.
    """


class ListedRefusal(Refusal):
    """A refusal of several lines, which are shown as they are: some are to be pasted.

    Whoever raises it makes sure that no line end comes from a name or from another program's message.
    """


class Refusals(ListedRefusal):
    """What was refused in several places; ``each`` has one text for each of them."""

    def __init__(self, each: Sequence[str]) -> None:
        self.each = tuple(each)
        super().__init__("\n".join(self.each))


def texts_of(refusal: Refusal) -> list[str]:
    """Return one text for each thing that was refused; only a listed refusal has line ends."""
    if isinstance(refusal, Refusals):
        return list(refusal.each)
    text = str(refusal)
    return [text if isinstance(refusal, ListedRefusal) else " ".join(text.split())]
