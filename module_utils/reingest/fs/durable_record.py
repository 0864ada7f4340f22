"""A small JSON document on disk: what reingest must still know after a power cut.

It is replaced as a whole and synced, so that no crash of ours leaves half of one: a document that cannot be
understood was damaged by somebody else. Each kind of record says itself what is to be done about that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import Refusal
from .durable import clear_staged, sync_directory, unlink, write_json
from .no_follow import MOST, is_folder, read_small
from .record_values import parse_document
from .rename import rename

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class DamagedRecord(Refusal):
    """A record that cannot be understood."""


@dataclass(frozen=True)
class DurableRecord(Generic[T]):
    """One record at its path; its value is a frozen dataclass of JSON values.

    The messages are put together as: what it is called, its path, what is wrong, and the advice.
    """

    path: Path
    parse: Callable[[dict[str, Any]], T]  # any ValueError, TypeError, KeyError or AttributeError: damaged
    version: int = 0  # the only one that is read, in the key "version"; 0: the format has none
    called: str = ""  # in messages, before the path
    damaged: type[DamagedRecord] = DamagedRecord
    if_damaged: str = ": delete it"  # advice
    if_other: str = "update reingest"  # advice, where it is of another version
    if_denied: str = "run as root"  # advice, where this account may not read it

    def read(self) -> T | None:
        """Return its value; None when there is none.

        Raises:
            DamagedRecord: it cannot be understood; the subclass that the record has for that.
            UnsafePathError: it is another account's, or no small regular file.
            Refusal: this account may not read it, or it is of another version.
        """
        try:
            document = parse_document(own_text(self.path))
            version = document["version"] if self.version else 0
            if type(version) is not int:
                raise ValueError("no version")  # noqa: TRY301 - damaged, like the others
            if version == self.version:
                return self.parse(document)
        except FileNotFoundError:
            return None
        except PermissionError:
            raise Refusal(f"{self._name} cannot be read by this account: {self.if_denied}") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self.damaged(f"{self._name} is damaged{self.if_damaged}") from None
        raise Refusal(
            f"{self._name} is of version {version}, this reingest knows {self.version}: {self.if_other}"
        )

    def write(self, value: T) -> None:
        """Replace it, durably."""
        write_json(self.path, asdict(value))

    def remove(self) -> None:
        """Remove it, durably, and what a writer that died had made ready; it need not be there."""
        if not is_folder(self.path.parent):
            return
        clear_staged(self.path)
        unlink(self.path)
        sync_directory(self.path.parent)

    def put_aside(self, name: str) -> Path:
        """Give it another name in its folder, durably; return its path then."""
        aside = self.path.with_name(name)
        rename(self.path, aside)
        sync_directory(self.path.parent)
        return aside

    @property
    def _name(self) -> str:
        return f"{self.called} {self.path}" if self.called else str(self.path)


def own_text(path: Path, *, most: int = MOST) -> str:
    """Return the text of a small file that reingest itself wrote.

    Raises:
        UnsafePathError: it is another account's, or no small regular file.
        OSError: it is not there, or this account may not read it.
        ValueError: it is no UTF-8.
    """
    return read_small(path, most=most, own=True).decode()
