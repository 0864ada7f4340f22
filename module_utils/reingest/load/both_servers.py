"""Both servers of a load, looked at together: what they hold decides whether there is anything to load."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Refusal
from ..postgres.dsn import address
from ..refusals import Refused
from .locale import Locale
from .provenance import LoadRecord
from .request import Servers
from .server import Server, inspect_production, inspect_staging

LOAD, KEEP_LIVE, KEEP_STAGED = "load", "keep_live", "keep_staged"


@dataclass(frozen=True)
class BothServers:
    """What the servers hold; None of one that does not answer, and need not."""

    staging: Server | None
    production: Server | None

    @property
    def system_identifier(self) -> str:
        """The staging server's; empty where it does not answer."""
        return self.staging.system_identifier if self.staging else ""

    @property
    def roles(self) -> frozenset[str]:
        """Production's roles; none where there is no production yet."""
        return self.production.roles if self.production else frozenset()

    @property
    def locale(self) -> Locale | None:
        """That of production's database; None where there is none yet."""
        return self.production.locale if self.production else None

    @property
    def staged(self) -> LoadRecord | None:
        """What the staging server was loaded with."""
        return self.staging.record if self.staging else None

    def kept(self, digest: str, *, force: bool) -> tuple[LoadRecord | None, str]:
        """Return the finished load of that digest, which makes another one needless, and the action."""
        for server, keep in ((self.production, KEEP_LIVE), (self.staging, KEEP_STAGED)):
            record = server.record if server and not force else None
            if record is not None and record.finished and record.digest == digest:
                return record, keep
        return None, LOAD


def inspect_servers(servers: Servers, database: str) -> BothServers:
    """Return what both servers hold.

    Raises:
        Refusal: one must answer and does not, or refuses the login, or they are the same server.
    """
    refused = Refused()
    staging, production = refused.ask(
        [
            lambda: (
                None
                if servers.staging_given_up
                else inspect_staging(servers.staging_dsn, database, required=servers.staging_required)
            ),
            lambda: inspect_production(
                servers.production_dsn, database, required=servers.production_required
            ),
        ]
    )
    refused.tell()
    if staging and production and production.system_identifier == staging.system_identifier:
        raise Refusal(
            f"staging ({address(servers.staging_dsn)}) and production ({address(servers.production_dsn)}) "
            f"are the same server, system identifier {staging.system_identifier}: a load replaces its "
            "database; name two"
        )
    return BothServers(staging, production)
