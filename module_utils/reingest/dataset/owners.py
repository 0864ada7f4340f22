"""Who owns the rows of a table."""

from __future__ import annotations

SOURCE = "source"  # every load replaces them
PORTAL = "portal"  # the portal's users write them: a switch carries them over
SCHEMA = "schema"  # they come with the schema
OWNERS = (SOURCE, PORTAL, SCHEMA)
IGNORE = "ignore"  # of another database of production: a switch leaves it behind; PORTAL: it is carried whole
MAINTENANCE = ("postgres", "template0", "template1")  # PostgreSQL's own databases: no switch carries them
