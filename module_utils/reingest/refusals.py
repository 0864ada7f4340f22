"""Many things asked, and all that is refused told at once, not the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Callable

from .errors import Refusal, Refusals, texts_of

_AT_ONCE = 8


class Refused:
    """Gathers refusals, so that all of them are reported at once."""

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
