"""``python -m service``: serve, and what an operator does on its host."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

import uvicorn

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.operators import orcid

from .app import make_app
from .identity.principal import READ
from .identity.signing import ServiceKey
from .identity.tokens import Tokens
from .jobs.kinds import KINDS
from .settings import Settings, SettingsError, read_settings
from .store.database import open_store

_SETTINGS = "REINGEST_SERVICE_SETTINGS"
SCOPES = (READ, "cancel", *KINDS)


def main(arguments: list[str]) -> int:
    """Do one command; return the exit code."""
    os.umask(0o077)
    given = _parser().parse_args(arguments)
    try:
        settings = read_settings(Path(given.settings or "/etc/reingest/service.yml"))
        if given.command == "serve":
            _serve(settings)
        elif given.command == "key":
            print(ServiceKey(settings).line())
        else:
            _token(given, Tokens(open_store(settings)))
    except (SettingsError, Refusal) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _serve(settings: Settings) -> None:
    uvicorn.run(
        make_app(settings),
        host=settings.host,
        port=settings.port,
        server_header=False,
        proxy_headers=False,
        access_log=False,
        timeout_graceful_shutdown=3,  # readers of logs come again
    )


def _token(given: argparse.Namespace, tokens: Tokens) -> None:
    if given.action == "make":
        print(tokens.make(given.name, orcid(given.person), given.scope, given.days))
    elif given.action == "revoke":
        tokens.revoke(given.name)
    else:
        for one in tokens.listed():
            until = datetime.fromtimestamp(one.expires, timezone.utc).date().isoformat()
            print(f"{one.name}  of {one.person}  until {until}  {' '.join(one.scopes)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="The control service of reingest")
    parser.add_argument("--settings", default=os.environ.get(_SETTINGS), help="path of its YAML file")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve until SIGTERM; jobs go on without it")
    commands.add_parser("key", help="print the line that lists its key for the hosts")
    token = commands.add_parser("token", help="tokens for machines").add_subparsers(
        dest="action", required=True
    )
    make = token.add_parser("make", help="make one, and print it once")
    make.add_argument("--name", required=True)
    make.add_argument("--person", required=True, help="ORCID iD whose rights it has at most")
    make.add_argument("--scope", required=True, action="append", choices=SCOPES)
    make.add_argument("--days", type=float, default=90)
    revoke = token.add_parser("revoke", help="take one away")
    revoke.add_argument("--name", required=True)
    token.add_parser("list", help="print them, without their secrets")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
