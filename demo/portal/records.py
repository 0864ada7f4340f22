"""The shapes of the database's answers: columns in the order of the statements in ``queries``."""

from __future__ import annotations

from typing import Any, NamedTuple


class Served(NamedTuple):
    """The load that the database holds."""

    release: str
    snapshot: str


class Totals(NamedTuple):
    """Rows of the whole database."""

    studies: int
    biosamples: int
    omics: int
    data_objects: int
    downloads: int


class StudyLine(NamedTuple):
    """A study in the list of studies."""

    id: str
    name: str
    ecosystem: str | None
    biosamples: int
    omics: int


class Study(NamedTuple):
    """One study; ``annotations`` is the rest of its source record."""

    id: str
    name: str
    description: str | None
    doi: str | None
    principal_investigator: str | None
    ecosystem: str | None
    biosamples: int
    omics: int
    annotations: dict[str, Any]


class OmicsType(NamedTuple):
    """How many omics processings of one type a study has, and how many data objects they put out."""

    name: str | None
    processings: int
    data_objects: int


class DataObject(NamedTuple):
    """One data object; ``size`` in bytes."""

    id: str
    name: str
    description: str | None
    size: int
    md5: str | None
    downloads: int


class Ecosystem(NamedTuple):
    """An ecosystem and its number of biosamples."""

    name: str
    biosamples: int


class BiosampleLine(NamedTuple):
    """A biosample in a list."""

    id: str
    name: str
    ecosystem: str | None
    habitat: str | None
    collection_date: str | None


class Biosample(NamedTuple):
    """One biosample; ``annotations`` is the rest of its source record."""

    id: str
    name: str
    description: str | None
    latitude: float | None
    longitude: float | None
    collection_date: str | None
    ecosystem: str | None
    habitat: str | None
    annotations: dict[str, Any]


class StudyName(NamedTuple):
    """A link to a study."""

    id: str
    name: str
