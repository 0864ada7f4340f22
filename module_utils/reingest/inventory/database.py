"""The facts of a database itself, and the settings that it gives its sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ..postgres.dsn import Cursor
from .catalogues import rights
from .model import DATABASE, OWNER, PRIVILEGES, SETTING, Item, sorted_rights

_DATABASE = """
SELECT d.datname::text, pg_get_userbyid(d.datdba)::text, {rights}, d.datconnlimit,
    shobj_description(d.oid, 'pg_database'),
    (SELECT jsonb_object_agg(l.provider, l.label) FROM pg_shseclabel l
        WHERE l.classoid = 'pg_database'::regclass AND l.objoid = d.oid),
    jsonb_strip_nulls(to_jsonb(d) - '{{oid,datname,datdba,datacl,datconnlimit,datallowconn,datfrozenxid,
        datminmxid,datlastsysoid,dathasloginevt,encoding,dattablespace}}'::text[]) || jsonb_build_object(
        'encoding', pg_encoding_to_char(d.encoding), 'data checksums', current_setting('data_checksums'),
        'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = d.dattablespace))
FROM pg_database d WHERE d.datname = current_database()
"""
_SETTINGS = """
SELECT coalesce(pg_get_userbyid(nullif(s.setrole, 0))::text, ''), s.setconfig
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()
"""
LIMIT = "connection limit"


def database_items(cursor: Cursor) -> Iterator[Item]:
    """Yield the database, and each of its settings by itself, those for one role, too."""
    on = """'d'::"char\""""
    cursor.execute(_DATABASE.format(rights=rights("d.datacl", on, "d.datdba")))
    name, owner, given, limit, comment, labels, facts = cursor.fetchone()
    shown = {
        key[3:] if key.startswith("dat") and key != "data checksums" else key: value
        for key, value in facts.items()
    }
    shown |= {OWNER: owner, PRIVILEGES: sorted_rights(given)}
    shown |= {key: value for key, value in (("comment", comment), ("security label", labels)) if value}
    yield Item(DATABASE, name, shown)
    if limit != -1:
        yield setting_item(LIMIT, str(limit))
    cursor.execute(_SETTINGS)
    for role, lines in cursor.fetchall():
        for line in lines:
            setting, _, value = line.partition("=")
            yield setting_item(setting, value, role)


def setting_item(name: str, value: str, role: str = "") -> Item:
    """Return a setting of the database, or of a role in it."""
    facts = {"value": hashlib.sha256(value.encode()).hexdigest(), "role": role}
    return Item(SETTING, f"{name} of {role}" if role else name, facts, value=value)
