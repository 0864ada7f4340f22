"""Where an HTTP server may send a request for a source on to.

The worker stands where others do not: a server of the world that redirects to an address near the worker (its
loopback, its link's metadata service, the site's network) would have it read what only the worker reaches.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

_FAR, _SITE, _NEAR = 0, 1, 2


class RedirectRefused(Exception):  # noqa: N818 - the text is the reason
    """A redirect that is not followed."""


async def check_redirect(session: Any, context: Any, params: Any) -> None:  # noqa: ANN401, ARG001 - aiohttp's
    """Refuse a redirect from https to http, and one to an address nearer to the worker; a hook of aiohttp.

    Raises:
        RedirectRefused: with both addresses.
    """
    headers = params.response.headers
    origin = params.url
    target = origin.join(type(origin)(headers.get("Location") or headers.get("URI") or ""))
    if origin.scheme == "https" and target.scheme != "https":
        raise RedirectRefused(
            f"it redirects to {target.with_query(None)}, which is not encrypted: declare an https address"
        )
    if target.origin() == origin.origin():
        return
    if max(await _ranks(target)) > max(await _ranks(origin)):
        raise RedirectRefused(
            f"it redirects to {target.origin()}, an address of the worker itself or of its own network: "
            "declare that address, if it is meant"
        )


async def _ranks(url: Any) -> list[int]:  # noqa: ANN401 - yarl's URL
    """Return how near the addresses of a URL are; a name that nobody knows is far: connecting to it fails."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port)
    except OSError:
        return [_FAR]
    return [_rank(str(address[4][0])) for address in found] or [_FAR]


def _rank(text: str) -> int:
    address = ipaddress.ip_address(text.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback or address.is_link_local or address.is_unspecified:
        return _NEAR
    return _SITE if not address.is_global else _FAR
