"""What a format of sources is: its name, what a dataset may say of it, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Union

from .bad import Bad
from .reading import Dialect, Reading
from .source import Source

Records = Iterator[tuple[int, Union[dict[str, Any], Bad]]]


def no_fields(_source: Source, _reading: Reading) -> None:
    """Return None: each record has its own fields."""


@dataclass(frozen=True)
class Code:
    """What reads a format.

    Args:
        records: yields the records of one source with their numbers, ``Bad`` where one is unreadable, in
            constant memory. The number is that of the record's first line in a text, elsewhere that of the
            record, from 1. Values are those that JSON has (``sources.values``).
        fields: returns the names of the fields that every record has; None where each has its own.
        blocks: yields whole records as they lie in the text, in UTF-8 and without a header, to be read in
            another process; an ``IrregularError`` where that cannot be. None: there is no text.
        has_blocks: whether sources that are read so can be cut into blocks.
    """

    records: Callable[[Source, Reading], Records]
    fields: Callable[[Source, Reading], tuple[str, ...] | None] = no_fields
    blocks: Callable[[Source, Reading], Iterator[bytes]] | None = None
    has_blocks: Callable[[Reading], bool] = lambda _: True


@dataclass(frozen=True)
class Format:
    """A format. Its code is imported when it is first asked for.

    Args:
        name: as in `format:`.
        endings: of file names, with their dots, without that of a compression; none: told by a URL.
        code: imports its code.
        keys: the keys of a table in a dataset that are for this format, and maybe for others.
        named: whether its sources name the fields, so that `columns:` may be left out.
        dialect: of a format of fields, as it is where the dataset says nothing; None: values have types, and
            may be nested.
    """

    name: str
    endings: tuple[str, ...]
    code: Callable[[], Code]
    keys: tuple[str, ...]
    named: bool
    dialect: Dialect | None = None

    @property
    def typed(self) -> bool:
        """Whether values have types and may be nested; those of fields are texts."""
        return self.dialect is None
