"""From dataset.yml to a `Dataset`: every key checked, every mistake named with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..disclosure.printable import name_of
from ..sources.reading import Reading
from ..sources.registry import format_called
from .column_form import FORM_KEYS as FORM_KEYS_OF_COLUMNS
from .column_form import read_column_form
from .document import Section, read_document
from .form import DATES, FORM_KEYS, read_form, read_timezone
from .limits import LIMITS, read_limits, read_table_limits
from .model import ELEMENT, NO_SCHEMA, REST, Budget, Check, Column, Condition, Dataset, Table
from .objects import read_objects
from .oids import OID_MEANINGS
from .owners import IGNORE, MAINTENANCE, OWNERS, PORTAL, SCHEMA, SOURCE
from .pattern import is_pattern

_REJECTS = ("on_reject", "max_rejects")
_TOP = (
    "database", "schema", "sources", "release", "tables", "views", "databases", "objects",
    "transform", "transform_again", "checks", "timezone", "dates", *_REJECTS,
)  # fmt: skip
_JUDGED = (*LIMITS, "profile", "required")  # by the verification
_LOADED = ("from", "each", "where", "columns", "duplicates", *_JUDGED, *_REJECTS, *FORM_KEYS)
_OF_ONE = ("oids", "from", "each", "where", "columns", "duplicates", *_REJECTS, *FORM_KEYS)
_TABLE = ("owner", "orphans", "oids", *_LOADED)
_ORPHANS = {SOURCE: ("fail", "drop", "quarantine"), PORTAL: ("quarantine", "drop", "fail")}
_ON_REJECT = ("fail", "quarantine")
_UNPOPULATED, _AFTER_SWITCH = "unpopulated", "after_switch"


def parse_dataset(
    file: Path, *, sources: str = "", release: str = "", loaded_elsewhere: bool = False
) -> Dataset:
    """Return the dataset of a file.

    Args:
        file: dataset.yml; relative paths in it start at its folder.
        sources: another folder of sources than the file names, relative to the same folder.
        release: another release than the file names; without either it is the name of the folder of sources.
        loaded_elsewhere: the portal's own loader fills the tables: `from:` and `schema:` may be left out.

    Raises:
        Refusal: what the file says is not a dataset; the message has the file, the place, and the remedy.
    """
    file = file.absolute()
    top = read_document(file)
    top.only(_TOP)
    database = top.text("database")
    if database in MAINTENANCE:
        raise top.refusal(
            f"{database} is PostgreSQL's own; every load replaces the database: name another", "database"
        )
    folder = (file.parent / (sources or top.text("sources", "."))).resolve()
    transforms = tuple(file.parent / name for name in top.texts("transform"))
    named = _tables(top, filled_otherwise=loaded_elsewhere or bool(transforms))
    checks = top.section("checks") if "checks" in top else Section(file, "checks", {})
    checks.only((*LIMITS, "sql"))
    return Dataset(
        file=file,
        database=database,
        schema=NO_SCHEMA if loaded_elsewhere and "schema" not in top else file.parent / top.text("schema"),
        sources=folder,
        release=name_of(release or top.text("release", "") or folder.name, "release"),
        tables=tuple(table for table in named if not is_pattern(table.name)),
        patterns=tuple(table for table in named if is_pattern(table.name)),
        transforms=transforms,
        again=_again(top, transforms),
        limits=read_limits(checks),
        checks=_checks(checks),
        max_rejects=_budget(top),
        databases=_databases(top, database),
        unpopulated=_views(top, _UNPOPULATED),
        after_switch=_views(top, _AFTER_SWITCH),
        objects=read_objects(top),
        timezone=read_timezone(top),
        dates=top.choice("dates", DATES, DATES[0]),
    )


def _again(top: Section, transforms: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the transforms that run again once users' rows are in place, in the order of all."""
    again = {top.file.parent / name for name in top.texts("transform_again")}
    for path in sorted(again - {*transforms}):
        raise top.refusal(f"{path.name} is none of `transform:`: name it there, too", "transform_again")
    return tuple(path for path in transforms if path in again)


def _views(top: Section, word: str) -> frozenset[str]:
    """Return the materialised views of which a word is said."""
    if "views" not in top:
        return frozenset()
    section, words = top.section("views"), (_UNPOPULATED, _AFTER_SWITCH)
    return frozenset(name for name in section.keys() if section.choice(name, words) == word)  # noqa: SIM118


def _databases(top: Section, portal: str) -> dict[str, str]:
    """Return what becomes of production's other databases."""
    if "databases" not in top:
        return {}
    section = top.section("databases")
    found = {name: section.choice(name, (IGNORE, PORTAL)) for name in section.keys()}  # noqa: SIM118
    for name, owner in found.items():
        if name == portal:
            raise section.refusal("is the portal's own, which `tables:` is about: take it out", name)
        if owner == PORTAL and name in MAINTENANCE:
            raise section.refusal(
                f"is PostgreSQL's own, which no switch can carry: write {IGNORE}, and move what is in it to "
                "another database, or make it anew in a task file (reingest_after_promote)",
                name,
            )
    return found


def _tables(top: Section, *, filled_otherwise: bool) -> tuple[Table, ...]:
    if "tables" not in top:
        raise top.refusal("the key tables is missing")
    section = top.section("tables")
    if not section.keys():
        raise section.refusal("names no table")
    names = section.keys()
    tables = tuple(_table(section.section(name), name, filled_otherwise=filled_otherwise) for name in names)
    on_reject, budget = top.choice("on_reject", _ON_REJECT, "fail"), _budget(top)
    return tuple(_with_rejects(section.section(table.name), table, on_reject, budget) for table in tables)


def _with_rejects(section: Section, table: Table, on_reject: str, whole: Budget | None) -> Table:
    """Return the table with what happens to its bad rows: as it says itself, or as the top level says."""
    if not table.sources:
        return table
    own = section.choice("on_reject", _ON_REJECT, on_reject)
    made = replace(table, on_reject=own, max_rejects=_budget(section))
    sets_aside = made.quarantines or made.orphans == "quarantine"
    if sets_aside and made.max_rejects is None and whole is None:
        raise section.refusal(
            "sets bad rows aside: say how many with `max_rejects:`, a number or a percentage"
        )
    if not sets_aside and made.max_rejects is not None:
        raise section.refusal("is for `on_reject: quarantine` or `orphans: quarantine`", "max_rejects")
    return made


def _budget(section: Section) -> Budget | None:
    """Return how many rows may be rejected: a number or a percentage; None where the key is absent."""
    if "max_rejects" not in section:
        return None
    value = section.value("max_rejects")
    if isinstance(value, str):
        return Budget(fraction=section.fraction("max_rejects"))
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise section.refusal("must be a number of rows or a percentage such as 1%", "max_rejects")
    return Budget(rows=value)


def _table(section: Section, name: str, *, filled_otherwise: bool) -> Table:
    section.only(_TABLE)
    given = [key for key in _OF_ONE if key in section] if is_pattern(name) else []
    if given:
        raise section.refusal("is for one table, and a pattern stands for several: name the table", given[0])
    if "owner" not in section:
        raise section.refusal(f"has no owner: add `owner:` with one of {', '.join(OWNERS)}")
    owner = section.choice("owner", OWNERS)
    if owner != SOURCE:
        return _kept(section, name, owner)
    if "oids" in section:
        raise section.refusal("is for tables of owner portal", "oids")
    sources = section.texts("from")
    given = [key for key in _LOADED if key in section and key not in ("from", *_JUDGED)]
    if not sources and given:
        raise section.refusal(f"{given[0]} needs `from:`, the file that the rows come from")
    if not sources and not filled_otherwise:
        raise section.refusal(
            "nothing fills it: add `from:`, the file that the rows come from, or a `transform:`"
        )
    reading = read_form(section, name, sources)
    each = section.text("each", "")
    columns = _columns(section, reading.format, each)
    return Table(
        name=name,
        owner=owner,
        sources=sources,
        reading=reading,
        each=each,
        where=_where(section, reading, each),
        columns=columns,
        duplicates=section.choice("duplicates", ("fail", "drop"), "fail"),
        orphans=section.choice("orphans", _ORPHANS[SOURCE], "fail"),
        limits=read_table_limits(section),
        required=section.flag("required"),
    )


def _kept(section: Section, name: str, owner: str) -> Table:
    """Return a table that no load fills: the portal's users write it, or the schema brings its rows."""
    for key in _LOADED:
        if key in section:
            raise section.refusal(f"is for tables of owner source; this one's owner is {owner}", key)
    if owner == SCHEMA:
        for key, owners in (("orphans", "source and portal"), ("oids", "portal")):
            if key in section:
                raise section.refusal(f"is for tables of owner {owners}", key)
        return Table(name=name, owner=owner)
    oids = section.section("oids") if "oids" in section else None
    return Table(
        name=name,
        owner=owner,
        orphans=section.choice("orphans", _ORPHANS[PORTAL], "quarantine"),
        oids={} if oids is None else {column: oids.choice(column, OID_MEANINGS) for column in oids.keys()},  # noqa: SIM118
    )


def _columns(section: Section, kind: str, each: str) -> tuple[Column, ...]:
    if "columns" not in section:
        if kind and not format_called(kind).named:
            raise section.refusal(f"the key columns is missing: {kind} names no columns")
        return ()
    mapping = section.section("columns")
    names = mapping.keys()
    columns = tuple(_column(mapping, name) for name in names)
    if not columns:
        raise mapping.refusal("names no column")
    if sum(column.is_rest for column in columns) > 1:
        raise mapping.refusal('more than one column takes the rest of the record ("*")')
    for column in columns:
        for path in column.paths:
            _check_element(mapping, column.name, path, kind, each)
    return columns


def _check_element(mapping: Section, key: str, path: str, kind: str, each: str) -> None:
    if not each and _nested(kind) and path.startswith(ELEMENT):
        raise mapping.refusal(f"{path} is the element of an array: name the array in `each:`", key)


def _nested(kind: str) -> bool:
    """Return whether values of the format, if there is one, may be nested."""
    return bool(kind) and format_called(kind).typed


def _where(section: Section, reading: Reading, each: str) -> tuple[Condition, ...]:
    """Return which records are the table's; all of them where the key is absent."""
    if "where" not in section:
        return ()
    nested, mapping = _nested(reading.format), section.section("where")
    if not mapping.keys():
        raise mapping.refusal("names no path")
    conditions = []
    for path in mapping.keys():  # noqa: SIM118 - a Section is no dict
        _check_element(mapping, path, path, reading.format, each)
        if path == REST:
            raise mapping.refusal("is the rest of a record, and a condition needs a path to one value", path)
        value = mapping.value(path)
        values = value if isinstance(value, list) else [value]
        if not values:
            raise mapping.refusal("names no value", path)
        for one in values:
            if not nested and not isinstance(one, str):
                raise mapping.refusal(f"must be a field's text, or a list of them: quote {one}", path)
            if one is not None and not isinstance(one, (str, int, float)):  # bool is an int
                raise mapping.refusal(f"must be one value, or a list of values, not {one!r} (quote it)", path)
        null = None if nested else reading.dialect.null
        conditions.append(Condition(path, tuple(None if one == null else one for one in values)))
    return tuple(conditions)


def _column(mapping: Section, name: str) -> Column:
    value = mapping.value(name)
    optional, form = False, None
    if isinstance(value, dict):
        detail = mapping.section(name)
        if "value" in detail:
            return _constant(detail, name)
        detail.only(("path", "value", "optional", *FORM_KEYS_OF_COLUMNS))
        paths, optional = detail.texts("path"), detail.flag("optional")
        if not paths:
            raise detail.refusal("the key path (or value, for the same in each row) is missing")
        form = read_column_form(detail)
        if form and REST in paths:
            raise detail.refusal("is the rest of a record, and no number or date", "path")
    else:
        paths = mapping.texts(name)
    if not paths:
        raise mapping.refusal("names no path", name)
    if REST in paths and len(paths) > 1:
        raise mapping.refusal('"*" stands alone', name)
    return Column(name, paths, optional, form)


def _constant(detail: Section, name: str) -> Column:
    for key in detail.keys():  # noqa: SIM118 - a Section is no dict
        if key != "value":
            raise detail.refusal("is for a column with a path, and `value:` is the same in each row", key)
    value = detail.value("value")
    if not isinstance(value, (str, int, float)):  # bool is an int
        raise detail.refusal("must be one value (quote a date; leave a column out that is NULL)", "value")
    return Column(name, (), value=value)


def _checks(section: Section) -> tuple[Check, ...]:
    found: dict[str, Check] = {}
    for entry in section.sections("sql"):
        entry.only(("name", "query", "expect"))
        name = entry.text("name")
        if name in found:
            raise entry.refusal(f"there is another check named {name!r}", "name")
        if "expect" not in entry:
            raise entry.refusal("the key expect is missing")
        if isinstance(entry.value("expect"), (dict, list)):
            raise entry.refusal("must be one value, as the query gives one", "expect")
        found[name] = Check(name, entry.text("query"), entry.value("expect"))
    return tuple(found.values())
