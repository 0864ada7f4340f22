"""How objects are defined where the server writes a statement, or several catalogues count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """The parts of a query on a catalogue, whose row is ``x``; ``owner`` is a condition for having one."""

    facts: str
    where: str = "true"
    kind: str = "i.type"
    owner: str = "true"


def _facts(**named: str) -> str:
    pairs = ", ".join(f"'{name.replace('_', ' ')}', {value}" for name, value in named.items())
    return f"jsonb_strip_nulls(jsonb_build_object({pairs}))"


_TABLES = "x.relkind IN ('r', 'p')"
_OWNED = """(SELECT d.refobjid::regclass::text || '.' || quote_ident(a.attname) FROM pg_depend d
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = x.oid AND d.refclassid = 'pg_class'::regclass
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') LIMIT 1)"""
_CLASS = _facts(
    definition="""CASE WHEN x.relkind IN ('v', 'm') THEN pg_get_viewdef(x.oid)
        WHEN x.relkind IN ('i', 'I') THEN pg_get_indexdef(x.oid) END""",
    persistence="CASE WHEN x.relkind NOT IN ('i', 'I') THEN nullif(x.relpersistence, 'p') END",
    access_method="""CASE WHEN x.relkind IN ('r', 'p', 'm') THEN
        (SELECT m.amname FROM pg_am m WHERE m.oid = x.relam AND m.amname <> 'heap') END""",
    tablespace="(SELECT s.spcname FROM pg_tablespace s WHERE s.oid = x.reltablespace)",
    storage="(SELECT jsonb_agg(o ORDER BY o) FROM unnest(x.reloptions) o)",
    toast_storage="""(SELECT jsonb_agg(o ORDER BY o) FROM pg_class t, unnest(t.reloptions) o
        WHERE t.oid = x.reltoastrelid AND x.reltoastrelid <> 0)""",
    row_security="""nullif(concat_ws(', ', CASE WHEN x.relrowsecurity THEN 'enabled' END,
        CASE WHEN x.relforcerowsecurity THEN 'forced' END), '')""",
    replica_identity=f"""CASE WHEN {_TABLES} AND x.relreplident <> 'd' THEN
        x.relreplident::text || coalesce(' ' || (SELECT r.indexrelid::regclass::text FROM pg_index r
         WHERE r.indrelid = x.oid AND r.indisreplident), '') END""",  # noqa: S608
    clustered_on=f"""CASE WHEN {_TABLES} THEN
        (SELECT r.indexrelid::regclass::text FROM pg_index r
         WHERE r.indrelid = x.oid AND r.indisclustered) END""",  # noqa: S608
    of="CASE WHEN x.reloftype <> 0 THEN format_type(x.reloftype, NULL) END",
    inherits="""(SELECT jsonb_agg(h.inhparent::regclass::text ORDER BY h.inhseqno) FROM pg_inherits h
        WHERE h.inhrelid = x.oid)""",
    partition_key="CASE WHEN x.relkind = 'p' THEN pg_get_partkeydef(x.oid) END",
    bound="CASE WHEN x.relispartition THEN pg_get_expr(x.relpartbound, x.oid) END",
    valid="""CASE WHEN x.relkind IN ('i', 'I') THEN
        (SELECT r.indisvalid FROM pg_index r WHERE r.indexrelid = x.oid) END""",
    statistics="""CASE WHEN x.relkind IN ('i', 'I') THEN (SELECT jsonb_object_agg(a.attnum, a.attstattarget)
        FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0) END""",
    owned_by=f"CASE WHEN x.relkind = 'S' THEN {_OWNED} END",
)
_TYPE = _facts(
    labels="""(SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
        WHERE e.enumtypid = x.oid)""",
    base="CASE WHEN x.typtype = 'd' THEN format_type(x.typbasetype, x.typtypmod) END",
    not_null="nullif(x.typnotnull, false)",
    default="CASE WHEN x.typtype IN ('d', 'b') THEN x.typdefault END",
    collation="""CASE WHEN x.typtype = 'd' THEN (SELECT x.typcollation::regcollation::text FROM pg_type b
        WHERE b.oid = x.typbasetype AND b.typcollation <> x.typcollation) END""",
    attributes="""CASE WHEN x.typtype = 'c' THEN (SELECT jsonb_agg(jsonb_build_array(a.attname,
        format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation::text) ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = x.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END""",
    row="""CASE WHEN x.typtype = 'b' THEN jsonb_build_array(x.typinput::text, x.typoutput::text,
        x.typreceive::text, x.typsend::text, x.typmodin::text, x.typmodout::text, x.typanalyze::text,
        x.typlen, x.typbyval, x.typcategory, x.typispreferred, x.typdelim,
        format_type(nullif(x.typelem, 0), NULL),
        x.typalign, x.typstorage) END""",
)
_POLICY = """format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', x.polname, x.polrelid::regclass,
    CASE WHEN x.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    CASE x.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
        ELSE 'ALL' END,
    (SELECT string_agg(CASE p WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p)) END, ', '
        ORDER BY pg_get_userbyid(p)) FROM unnest(x.polroles) p))
    || coalesce(' USING (' || pg_get_expr(x.polqual, x.polrelid) || ')', '')
    || coalesce(' WITH CHECK (' || pg_get_expr(x.polwithcheck, x.polrelid) || ')', '')"""

_ENABLED = """CASE WHEN {flag} <> 'O' THEN format('ALTER TABLE %s %s {what} %I', {table}::regclass,
    CASE {flag} WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END,
    {name}) END"""

DEFINITIONS = {
    "pg_class": Definition(
        _CLASS,
        "x.relkind NOT IN ('t', 'c')",
        owner=f"x.relkind NOT IN ('i', 'I') AND NOT (x.relkind = 'S' AND {_OWNED} IS NOT NULL)",
    ),
    "pg_type": Definition(
        _TYPE,
        # Without those that come with a table, a range or another type.
        """x.typtype <> 'm' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = x.oid)
        AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = x.typrelid AND c.relkind <> 'c')""",
        kind="CASE WHEN x.typtype = 'd' THEN 'domain' ELSE i.type END",
    ),
    "pg_proc": Definition(
        _facts(
            definition="CASE WHEN x.prokind <> 'a' THEN pg_get_functiondef(x.oid) END",
            result="CASE WHEN x.prokind = 'a' THEN pg_get_function_result(x.oid) END",
            parallel="CASE WHEN x.prokind = 'a' THEN x.proparallel END",
        )
    ),
    "pg_constraint": Definition(
        _facts(
            definition="""CASE WHEN x.contypid <> 0
                THEN format('ALTER DOMAIN %s', format_type(x.contypid, NULL))
                ELSE format('ALTER TABLE %s', x.conrelid::regclass) END
                || format(' ADD CONSTRAINT %I ', x.conname) || pg_get_constraintdef(x.oid)""",
            enabled="""(SELECT jsonb_agg(t.tgrelid::regclass::text || ' ' || t.tgenabled::text
                ORDER BY t.tgrelid::regclass::text, t.tgtype)
                FROM pg_trigger t WHERE t.tgconstraint = x.oid AND t.tgisinternal AND t.tgenabled <> 'O')""",
        ),
        "x.contype <> 't'",  # the trigger itself is listed
        kind="CASE WHEN x.contypid <> 0 THEN 'domain constraint' ELSE 'constraint' END",
    ),
    "pg_trigger": Definition(
        _facts(
            definition="pg_get_triggerdef(x.oid)",
            enabled=_ENABLED.format(flag="x.tgenabled", table="x.tgrelid", what="TRIGGER", name="x.tgname"),
        ),
        "NOT x.tgisinternal",
    ),
    "pg_rewrite": Definition(
        _facts(
            definition="pg_get_ruledef(x.oid)",
            enabled=_ENABLED.format(flag="x.ev_enabled", table="x.ev_class", what="RULE", name="x.rulename"),
        ),
        "x.rulename <> '_RETURN'",
    ),
    "pg_policy": Definition(_facts(definition=_POLICY)),
    "pg_statistic_ext": Definition(
        _facts(
            definition="pg_get_statisticsobjdef(x.oid)",
            statistics="CASE WHEN x.stxstattarget >= 0 THEN x.stxstattarget END",
        )
    ),
    "pg_default_acl": Definition("'{}'::jsonb"),
    "pg_parameter_acl": Definition("'{}'::jsonb"),
}

# Columns have no OID of their own. Those of views are in the view's query; a composite type lists its own.
COLUMNS = """
WITH members AS MATERIALIZED (
    SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e'
)
SELECT c.oid, a.attnum, n.nspname, c.relname,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
    CASE WHEN a.attacl IS NOT NULL THEN {rights} END,
    CASE WHEN a.attrelid < {first} OR m.objid IS NOT NULL THEN coalesce((SELECT {initial}
        FROM pg_init_privs p WHERE
        p.classoid = 'pg_class'::regclass AND p.objoid = c.oid AND p.objsubid = a.attnum), '[]') END,
    CASE WHEN a.attrelid < {first} OR m.objid IS NOT NULL THEN '{{}}'
    ELSE jsonb_strip_nulls(jsonb_build_object(
        'type', CASE WHEN c.relkind IN ('r', 'p', 'f') THEN format_type(a.atttypid, a.atttypmod) END,
        'collation', CASE WHEN c.relkind IN ('r', 'p', 'f') AND a.attcollation <> t.typcollation
            THEN a.attcollation::regcollation::text END,
        'not null', nullif(a.attnotnull, false),
        'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
        'generated', CASE WHEN a.attgenerated <> '' THEN
            a.attgenerated::text || ' ' || pg_get_expr(d.adbin, d.adrelid) END,
        'identity', nullif(a.attidentity, ''),
        'storage', CASE WHEN c.relkind IN ('r', 'p', 'f') AND a.attstorage <> t.typstorage
            THEN a.attstorage END,
        'compression', nullif(a.attcompression, ''),
        'statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
        'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(a.attoptions) o),
        'foreign options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(a.attfdwoptions) o))) END
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN members m ON m.objid = c.oid
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  AND (a.attrelid >= {first} AND m.objid IS NULL OR a.attacl IS NOT NULL) AND n.nspname !~ '^pg_(toast|temp)'
"""
