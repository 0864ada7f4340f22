"""One statement for each kind of thing that can be created in a database, and the name that it is listed by.

They may be run in the order of ``made``, in a database that has ``BASE``. Roles ``reader`` and ``writer`` are
there.
"""

from __future__ import annotations

BASE = """
CREATE TABLE study (id bigint PRIMARY KEY, name text, size int, at date, tags tsvector);
CREATE TABLE sample (id bigint, study_id bigint, part int);
CREATE TABLE scratch (id int);
CREATE TABLE measured (id int, at date) PARTITION BY RANGE (at);
CREATE VIEW study_names AS SELECT id, name FROM study;
CREATE SEQUENCE ticket;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION checked() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE SCHEMA other;
CREATE TABLE child (of bigint REFERENCES study);
CREATE TRIGGER guard BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION checked();
"""

# What is made by hand, whether it is carried where the dataset says so, and by what it is listed.
MADE = {
    "schema": ("CREATE SCHEMA extra", "schema:extra", True),
    "view": ("CREATE VIEW report AS SELECT count(*) AS n FROM study", "view:public.report", True),
    "view of a view": ("CREATE VIEW report_2 AS SELECT n + 1 AS n FROM report", "view:public.report_2", True),
    "materialized view": (
        "CREATE MATERIALIZED VIEW summary AS SELECT size FROM study",
        "materialized-view:public.summary",
        True,
    ),
    "index": ("CREATE INDEX study_size ON study (size) WHERE size > 3", "index:public.study_size", True),
    "function": (
        "CREATE FUNCTION two(a int, b text DEFAULT ';') RETURNS int LANGUAGE sql SET work_mem = '8MB'"
        " AS 'SELECT 2'",
        "function:public.two(integer,pg_catalog.text)",
        True,
    ),
    "procedure": (
        "CREATE PROCEDURE tidy() LANGUAGE sql AS 'DELETE FROM sample'",
        "procedure:public.tidy()",
        True,
    ),
    "aggregate": (
        "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')",
        "aggregate:public.total(integer)",
        True,
    ),
    "trigger": (
        "CREATE TRIGGER check_sample BEFORE INSERT ON sample FOR EACH ROW EXECUTE FUNCTION checked()",
        "trigger:check_sample on public.sample",
        True,
    ),
    "constraint trigger": (
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON sample DEFERRABLE FOR EACH ROW"
        " EXECUTE FUNCTION checked()",
        "trigger:late on public.sample",
        True,
    ),
    "event trigger": (
        "CREATE EVENT TRIGGER on_ddl ON ddl_command_end EXECUTE FUNCTION told()",
        "event-trigger:on_ddl",
        True,
    ),
    "rule": (
        "CREATE RULE quiet AS ON DELETE TO sample DO INSTEAD NOTHING",
        "rule:quiet on public.sample",
        True,
    ),
    "check": (
        "ALTER TABLE sample ADD CONSTRAINT sized CHECK (part > 0) NOT VALID",
        "constraint:sized on public.sample",
        True,
    ),
    "foreign key": (
        "ALTER TABLE sample ADD CONSTRAINT of_study FOREIGN KEY (study_id) REFERENCES study",
        "constraint:of_study on public.sample",
        True,
    ),
    "unique": ("ALTER TABLE sample ADD UNIQUE (part)", "constraint:sample_part_key on public.sample", True),
    "statistics": (
        "CREATE STATISTICS study_st ON size, at FROM study",
        "statistics-object:public.study_st",
        True,
    ),
    "sequence": ("CREATE SEQUENCE numbers INCREMENT 5 CACHE 3", "sequence:public.numbers", True),
    "enum": ("CREATE TYPE size AS ENUM ('small', 'it''s big')", "type:public.size", True),
    "composite": ("CREATE TYPE place AS (x float8, y float8)", "type:public.place", True),
    "range": ("CREATE TYPE floatspan AS RANGE (subtype = float8)", "type:public.floatspan", True),
    "domain": ("CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%')", "domain:public.mail", True),
    "shell type": ("CREATE TYPE later", "type:public.later", True),
    "cast": (
        "CREATE CAST (mood AS int) WITH INOUT",
        "cast:(public.mood AS integer)",
        True,
    ),
    "collation": ("CREATE COLLATION sorted (LOCALE = 'C')", "collation:public.sorted", True),
    "conversion": (
        "CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        "conversion:public.conv",
        True,
    ),
    "operator": (
        "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
        "operator:public.===(integer,integer)",
        True,
    ),
    "operator family": (
        "CREATE OPERATOR FAMILY fam USING btree",
        "operator-family:public.fam USING btree",
        True,
    ),
    "operator class": (
        "CREATE OPERATOR CLASS cls FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 1 hashint4(int)",
        "operator-family:public.cls USING hash",  # made for the class, which goes with it
        True,
    ),
    "language": (
        "CREATE LANGUAGE mine HANDLER plpgsql_call_handler",
        "language:mine",
        False,
    ),
    "access method": (
        "CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler",
        "access-method:heap2",
        True,
    ),
    "foreign data wrapper": ("CREATE FOREIGN DATA WRAPPER fdw", "foreign-data-wrapper:fdw", True),
    "server": ("CREATE SERVER far FOREIGN DATA WRAPPER fdw OPTIONS (host 'x')", "server:far", True),
    "user mapping": (
        "CREATE USER MAPPING FOR reader SERVER far OPTIONS (user 'u', password 'wordpass')",
        "user-mapping:reader on server far",
        False,
    ),
    "foreign table": ("CREATE FOREIGN TABLE away (id int) SERVER far", "foreign-table:public.away", True),
    "text search dictionary": (
        "CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple, ACCEPT = false)",
        "text-search-dictionary:public.dict",
        True,
    ),
    "text search configuration": (
        "CREATE TEXT SEARCH CONFIGURATION conf (COPY = english)",
        "text-search-configuration:public.conf",
        True,
    ),
    "text search parser": (
        "CREATE TEXT SEARCH PARSER prs (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,"
        " LEXTYPES = prsd_lextype)",
        "text-search-parser:public.prs",
        True,
    ),
    "text search template": (
        "CREATE TEXT SEARCH TEMPLATE tmpl (INIT = dsimple_init, LEXIZE = dsimple_lexize)",
        "text-search-template:public.tmpl",
        True,
    ),
    "transform": (
        "CREATE TRANSFORM FOR int LANGUAGE plpgsql (FROM SQL WITH FUNCTION varchar_support(internal))",
        "transform:for integer {on}language plpgsql",
        True,
    ),
    "publication": ("CREATE PUBLICATION everything FOR ALL TABLES", "publication:everything", True),
    "publication of a table": ("CREATE PUBLICATION few FOR TABLE study", "publication:few", True),
    "large object": ("SELECT lo_create(4711)", "large-object:4711", False),
    "column": ("ALTER TABLE study ADD note text DEFAULT 'none'", "column:public.study.note", False),
    "setting": ("ALTER DATABASE {database} SET statement_timeout = '7s'", "setting:statement_timeout", True),
    "setting of a role": (
        "ALTER ROLE reader IN DATABASE {database} SET search_path = other, public",
        "setting:search_path of reader",
        True,
    ),
    "policy": (
        "CREATE POLICY own ON study FOR SELECT TO reader USING (id > 3)",
        "policy:own on public.study",
        True,
    ),
    "row security": ("ALTER TABLE study ENABLE ROW LEVEL SECURITY", "row-security:table:public.study", True),
    "forced row security": (
        "ALTER TABLE sample FORCE ROW LEVEL SECURITY",
        "row-security:table:public.sample",
        True,
    ),
    "grant": (
        "GRANT SELECT, UPDATE ON study TO reader WITH GRANT OPTION",
        "privileges:table:public.study",
        True,
    ),
    "grant of others": (
        "GRANT SELECT ON sample TO reader WITH GRANT OPTION; SET ROLE reader;"
        " GRANT SELECT ON sample TO writer; RESET ROLE",
        "privileges:table:public.sample",
        True,
    ),
    "grant on a column": (
        "GRANT SELECT (name) ON study TO writer",
        "privileges:column:public.study.name",
        True,
    ),
    "grant on a view": ("GRANT SELECT ON study_names TO PUBLIC", "privileges:view:public.study_names", True),
    "grant on a sequence": (
        "GRANT USAGE ON SEQUENCE ticket TO writer",
        "privileges:sequence:public.ticket",
        True,
    ),
    "revoke on a function": (
        "REVOKE EXECUTE ON FUNCTION one() FROM PUBLIC",
        "privileges:function:public.one()",
        True,
    ),
    "revoke on a built-in function": (
        "REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC",
        "privileges:function:pg_catalog.pg_sleep(double precision)",
        True,
    ),
    "grant on a built-in table": (
        "GRANT SELECT ON pg_statistic TO reader",
        "privileges:table:pg_catalog.pg_statistic",
        True,
    ),
    "grant on a built-in column": (
        "GRANT SELECT (stanullfrac) ON pg_statistic TO writer",
        "privileges:column:pg_catalog.pg_statistic.stanullfrac",
        True,
    ),
    "grant on a schema": ("GRANT CREATE ON SCHEMA public TO writer", "privileges:schema:public", True),
    "revoke on a type": ("REVOKE USAGE ON TYPE mood FROM PUBLIC", "privileges:type:public.mood", True),
    "revoke on a language": (
        "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
        "privileges:language:plpgsql",
        True,
    ),
    "revoke on the database": (
        "REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC",
        "privileges:database:{database}",
        True,
    ),
    "default privileges": (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA other GRANT SELECT ON TABLES TO reader",
        "default-privileges:for role postgres in schema other on tables",
        True,
    ),
    "default privileges everywhere": (
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        "default-privileges:for role postgres on functions",
        True,
    ),
    "owner of a table": ("ALTER TABLE measured OWNER TO writer", "owner:table:public.measured", True),
    "owner of a view": ("ALTER VIEW study_names OWNER TO writer", "owner:view:public.study_names", True),
    "owner of a function": (
        "ALTER FUNCTION shout(text) OWNER TO writer",
        "owner:function:public.shout(pg_catalog.text)",
        True,
    ),
    "owner of a type": ("ALTER TYPE pair OWNER TO writer", "owner:type:public.pair", True),
    "owner of a domain": ("ALTER DOMAIN positive OWNER TO writer", "owner:domain:public.positive", True),
    "owner of a schema": ("ALTER SCHEMA other OWNER TO writer", "owner:schema:other", True),
    "owner of the database": ("ALTER DATABASE {database} OWNER TO writer", "owner:database:{database}", True),
    "comment on a table": ("COMMENT ON TABLE study IS 'it''s \\ 100%'", "comment:table:public.study", True),
    "comment on a column": ("COMMENT ON COLUMN study.at IS 'when'", "comment:column:public.study.at", True),
    "comment on a column of a view": (
        "COMMENT ON COLUMN study_names.name IS 'its name'",
        "comment:column:public.study_names.name",
        True,
    ),
    "comment on an index": ("COMMENT ON INDEX study_pkey IS 'key'", "comment:index:public.study_pkey", True),
    "comment on a constraint": (
        "COMMENT ON CONSTRAINT study_pkey ON study IS 'key'",
        "comment:constraint:study_pkey on public.study",
        True,
    ),
    "comment on a domain's constraint": (
        "COMMENT ON CONSTRAINT positive_check ON DOMAIN positive IS 'above'",
        "comment:domain-constraint:positive_check on public.positive",
        True,
    ),
    "comment on a function": ("COMMENT ON FUNCTION one() IS '1'", "comment:function:public.one()", True),
    "comment on a schema": ("COMMENT ON SCHEMA other IS 'o'", "comment:schema:other", True),
    "comment on an extension": ("COMMENT ON EXTENSION plpgsql IS 'p'", "comment:extension:plpgsql", True),
    "comment on the database": (
        "COMMENT ON DATABASE {database} IS 'd'",
        "comment:database:{database}",
        True,
    ),
    "connection limit": ("ALTER DATABASE {database} CONNECTION LIMIT 77", "setting:connection limit", True),
    "storage of a table": ("ALTER TABLE sample SET (fillfactor = 50)", "table:public.sample", False),
    "unlogged table": ("ALTER TABLE scratch SET UNLOGGED", "table:public.scratch", False),
    "replica identity": ("ALTER TABLE study REPLICA IDENTITY FULL", "table:public.study", False),
    "statistics of a column": (
        "ALTER TABLE study ALTER size SET STATISTICS 7",
        "column:public.study.size",
        False,
    ),
    "disabled trigger": (
        "ALTER TABLE child DISABLE TRIGGER guard",
        "trigger:guard on public.child",
        True,
    ),
    "disabled reference": (
        "ALTER TABLE child DISABLE TRIGGER ALL",
        "constraint:child_of_fkey on public.child",
        False,
    ),
}
# By the major that knows it first.
LATER = {
    15: {
        "publication of a schema": (
            "CREATE PUBLICATION whole FOR TABLES IN SCHEMA other",
            "publication:whole",
            True,
        ),
        "rows and columns of a publication": (
            "CREATE PUBLICATION narrow FOR TABLE sample (id, part) WHERE (part > 3)",
            "publication:narrow",
            True,
        ),
        "grant on a parameter": (
            "GRANT SET ON PARAMETER work_mem TO reader",
            "privileges:parameter-acl:work_mem",
            True,
        ),
    },
}


def made(major, database):
    """Return all kinds that a major knows, by what they are: statement, finding, whether it is carried."""
    later = [more for since, more in LATER.items() if major >= since]
    kinds = {what: kind for kinds in (*later, MADE) for what, kind in kinds.items()}
    words = {"{database}": database, "{on}": "on " if major < 16 else ""}

    def filled(text):
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    return {
        what: (filled(statement), f"object:{filled(name)}", carried)
        for what, (statement, name, carried) in kinds.items()
    }
