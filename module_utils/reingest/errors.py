"""The one exception that an operator can act on, and several of them told at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Callable

_AT_ONCE = 8


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


class Refused:
    """Takes down what is refused, so that all of it is told at once."""

    def __init__(self) -> None:
        self.found: list[Refusal] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Take a refusal down instead of raising it."""
        try:
            yield
        except Refusal as refusal:
            self.found.append(refusal)

    def ask(self, questions: Sequence[Callable[[], Any]]) -> list[Any]:
        """Return the answers, asked for side by side; None where one was refused."""
        from concurrent.futures import ThreadPoolExecutor  # here: each module imports this file

        def answer(question: Callable[[], Any]) -> Any:  # noqa: ANN401 - each question has a type of its own
            try:
                return question()
            except Refusal as refusal:
                return refusal

        with ThreadPoolExecutor(max(1, min(_AT_ONCE, len(questions)))) as pool:
            answers = list(pool.map(answer, questions))
        self.found += [one for one in answers if isinstance(one, Refusal)]
        return [None if isinstance(one, Refusal) else one for one in answers]

    def tell(self) -> None:
        """Raise what was taken down, if anything was.

        Raises:
            Refusal: the one, as it was, or ``Refusals`` with each of several.
        """
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise Refusals(list(dict.fromkeys(text for one in self.found for text in texts_of(one))))


def texts_of(refusal: Refusal) -> list[str]:
    """Return one text for each thing that was refused; only a listed refusal has line ends."""
    if isinstance(refusal, Refusals):
        return list(refusal.each)
    text = str(refusal)
    return [text if isinstance(refusal, ListedRefusal) else " ".join(text.split())]
