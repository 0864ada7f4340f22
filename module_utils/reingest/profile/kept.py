"""The profiles of a load as they are kept with its snapshot, and which of them hold still."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .model import NUMBER, TIME, TableProfile, from_plain
from .shape import ProfiledTable

_VERSION = 1  # of what is kept; another one is scanned anew


@dataclass(frozen=True)
class KeptTable:
    """A table's profile, and the mark that the table had when it was made (``written``)."""

    mark: str
    profile: TableProfile


@dataclass(frozen=True)
class KeptProfiles:
    """What is kept of a snapshot: the source-owned tables of one database."""

    snapshot: str
    database: str
    tables: Mapping[str, KeptTable]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        tables = {
            name: {"mark": table.mark, "profile": table.profile.plain()}
            for name, table in self.tables.items()
        }
        return {
            "version": _VERSION,
            "snapshot": self.snapshot,
            "database": self.database,
            "tables": tables,
        }

    def holding(
        self,
        marks: Mapping[str, str],
        shapes: Mapping[str, ProfiledTable],
        left_out: Mapping[str, Collection[str]],
    ) -> dict[str, TableProfile]:
        """Return the profiles of the tables that nobody wrote to since, without columns that are left out.

        Args:
            marks: the marks that the tables have now.
            shapes: the tables as they are now.
            left_out: the tables that are asked for, each with the columns that are not looked at.
        """
        found = {}
        for name, columns in left_out.items():
            kept, shape = self.tables.get(name), shapes.get(name)
            if kept is None or shape is None or not kept.mark or kept.mark != marks.get(name):
                continue
            asked = shape.without(columns)
            profile = kept.profile
            same = all(
                column in profile.columns and profile.columns[column].type == asked.columns[column].type
                for column in asked.columns
            )
            if same and profile.key == asked.key:
                own = {column: profile.columns[column] for column in asked.columns}
                found[name] = replace(profile, columns=own, disk=shape.disk)
        return found


def without_texts(profile: TableProfile) -> TableProfile:
    """Return a profile as it may be kept: of texts there are no values, but for numbers and times."""
    columns = {
        name: column
        if column.kind in (NUMBER, TIME)
        else replace(column, minimum=None, maximum=None, common=None)
        for name, column in profile.columns.items()
    }
    return replace(profile, columns=columns)


def kept_from_plain(value: Mapping[str, Any]) -> KeptProfiles | None:
    """Return what ``plain`` wrote; None for what another version wrote, or what is none.

    This refuses no run: tables without a kept profile are read.
    """
    try:
        if value["version"] != _VERSION:
            return None
        tables = {
            str(name): KeptTable(str(table["mark"]), from_plain(table["profile"]))
            for name, table in value["tables"].items()
        }
        return KeptProfiles(str(value["snapshot"]), str(value["database"]), tables)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
