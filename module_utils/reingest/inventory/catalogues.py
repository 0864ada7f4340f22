"""PostgreSQL's own list of its catalogues, and a query for the rows of any of them, known here or not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ..postgres.dsn import Cursor

FIRST_OID = 16384  # what is not PostgreSQL's own: FirstNormalObjectId
PUBLIC_SCHEMA = 2200  # is there from the beginning, and may be altered and dropped like another schema

# Read with what they belong to, beside it, or elsewhere: frame/ has the cluster's own. Statistics are no
# facts.
SKIPPED = frozenset(
    (
        "pg_attribute", "pg_attrdef", "pg_enum", "pg_index", "pg_inherits", "pg_partitioned_table",
        "pg_depend", "pg_shdepend", "pg_description", "pg_shdescription", "pg_seclabel", "pg_shseclabel",
        "pg_init_privs", "pg_db_role_setting", "pg_largeobject", "pg_statistic", "pg_statistic_ext_data",
        "pg_database", "pg_authid", "pg_auth_members", "pg_subscription", "pg_subscription_rel",
        "pg_replication_origin",
    )
)  # fmt: skip
_LIST = """
SELECT c.oid, c.relname::text,
       (SELECT jsonb_agg(jsonb_build_array(a.attname, t.typname) ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       coalesce((SELECT a.attname::text FROM pg_index i
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                 WHERE i.indrelid = c.oid AND i.indisprimary), '')
FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' ORDER BY 2
"""
_REFERENCES = "SELECT fktable::oid, fkcols, pktable::oid, pkcols, is_array FROM pg_get_catalog_foreign_keys()"
# Of what a privilege is given on, as acldefault() calls it.
_RIGHTS_ON = {
    "pg_proc": "f", "pg_largeobject_metadata": "L", "pg_language": "l", "pg_namespace": "n",
    "pg_foreign_data_wrapper": "F", "pg_foreign_server": "S", "pg_type": "T", "pg_tablespace": "t",
    "pg_parameter_acl": "p", "pg_class": "r",
}  # fmt: skip
_CLASSES = {"pg_largeobject_metadata": 2613}  # PostgreSQL names large objects by pg_largeobject
_NO_FACT = ("_aclitem", "oid", "_oid", "oidvector", "xid", "cid", "tid", "pg_lsn", "anyarray", "pg_node_tree")
_BOOTSTRAP = "10::oid"  # the superuser that initdb made


@dataclass(frozen=True)
class Reference:
    """Where the value of a column leads to: the catalogue, and the column of the table's OID, if any."""

    catalogue: int
    array: bool
    relation: str = ""  # of a column's number: the column with the OID of its table


@dataclass(frozen=True)
class Catalogue:
    """One catalogue: its columns with their types, and where these lead to."""

    oid: int
    name: str
    columns: Mapping[str, str]
    references: Mapping[str, Reference]
    key: str  # the first column of its primary key

    @property
    def has_oid(self) -> bool:
        """Return whether its rows are objects of their own."""
        return "oid" in self.columns

    @property
    def owner(self) -> str:
        """Return the expression of an object's owner."""
        found = [f"x.{name}" for name in self.references if name.endswith("owner")]
        return found[0] if found else _BOOTSTRAP

    @property
    def owned(self) -> bool:
        """Return whether its objects have an owner."""
        return self.owner != _BOOTSTRAP

    @property
    def acl(self) -> str:
        """Return the column of the privileges; empty where it has none."""
        return next((name for name, kind in self.columns.items() if kind == "_aclitem"), "")

    def facts(self) -> str:
        """Return an expression of a row's facts, in which no number of this one server is left."""
        names = [name for name in self.columns if name != "oid"]
        begin = len(os.path.commonprefix(names)) if len(names) > 1 else 0  # noqa: RUF071 - of letters
        pairs = [f"'{name[begin:] or name}', {value}" for name in names if (value := self._value(name))]
        return f"jsonb_strip_nulls(jsonb_build_object({', '.join(pairs)}))"

    def _value(self, name: str) -> str:
        """Return the expression of one column; empty where it is no fact of the object."""
        kind, reference, column = self.columns[name], self.references.get(name), f"x.{name}"
        if name == "umoptions":  # the values may be passwords
            return f"(SELECT jsonb_agg(split_part(o, '=', 1) ORDER BY o) FROM unnest({column}) o)"  # noqa: S608
        if kind == "pg_node_tree":
            own = next((f"x.{one}" for one in self.references if one.endswith("relid")), "")
            return f"pg_get_expr({column}, {own})" if own else ""
        if reference is not None and name.endswith("owner"):
            return ""
        if reference is not None and reference.relation:
            numbers = f"unnest({column}::int2[])" if reference.array else f"unnest(ARRAY[{column}])"
            return (
                f"(SELECT jsonb_agg(a.attname ORDER BY u.n) FROM {numbers} WITH ORDINALITY u(o, n)"  # noqa: S608
                f" JOIN pg_attribute a ON a.attrelid = x.{reference.relation} AND a.attnum = u.o)"
            )
        if reference is not None and reference.array:
            named = f"(pg_identify_object({reference.catalogue}, u.o, 0)).identity"
            return (
                f"(SELECT jsonb_agg({named} ORDER BY u.n)"  # noqa: S608
                f" FROM unnest({column}::oid[]) WITH ORDINALITY u(o, n))"
            )
        if reference is not None:
            found = f"(pg_identify_object({reference.catalogue}, {column}::oid, 0)).identity"
            return f"CASE WHEN {column}::oid <> 0 THEN {found} END"
        if kind in _NO_FACT:
            return ""
        if name.endswith("options"):
            return f"(SELECT jsonb_agg(o ORDER BY o) FROM unnest({column}) o)"  # noqa: S608
        return f"to_jsonb({column}::text)" if kind.startswith("reg") else f"to_jsonb({column})"


def read_catalogues(cursor: Cursor) -> dict[str, Catalogue]:
    """Return all of them by name, those that only a newer PostgreSQL has, too."""
    cursor.execute(_REFERENCES)
    references: dict[int, dict[str, Reference]] = {}
    for table, columns, target, keys, array in cursor.fetchall():
        if keys == ["oid"]:
            references.setdefault(table, {})[columns[0]] = Reference(target, array)
        elif keys == ["attrelid", "attnum"]:
            references.setdefault(table, {})[columns[1]] = Reference(target, array, columns[0])
    cursor.execute(_LIST)
    return {
        name: Catalogue(_CLASSES.get(name, oid), name, dict(columns), references.get(oid, {}), key)
        for oid, name, columns, key in cursor.fetchall()
    }


def rights(acl: str, on: str, owner: str) -> str:
    """Return an expression of the rights in an ``aclitem[]``, or of those that are given without one.

    Args:
        acl: the expression of the list.
        on: the expression of what they are on, as ``acldefault`` calls it.
        owner: the expression of the owner's OID.
    """
    return (
        "(SELECT coalesce(jsonb_agg(jsonb_build_array(r.privilege_type,"  # noqa: S608
        f" CASE r.grantee WHEN 0 THEN '' WHEN {owner} THEN NULL ELSE pg_get_userbyid(r.grantee)::text END,"
        f" CASE r.grantor WHEN {owner} THEN NULL ELSE pg_get_userbyid(r.grantor)::text END, r.is_grantable)),"
        f" '[]') FROM aclexplode(coalesce({acl}, acldefault({on}, {owner}))) r)"
    )


def rights_on(catalogue: Catalogue) -> str:
    """Return the expression of what privileges of a catalogue's objects are on; empty: not known here."""
    if catalogue.name == "pg_class":
        return """CASE WHEN x.relkind = 'S' THEN 's' ELSE 'r' END::"char\""""
    found = _RIGHTS_ON.get(catalogue.name, "")
    return f"""'{found}'::"char\"""" if found else ""
