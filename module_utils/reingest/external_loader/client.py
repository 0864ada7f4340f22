"""Requests to a job server: with a token, TLS verified, no redirect followed."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from ..disclosure.secrets import masked, without_passwords
from ..errors import Refusal
from ..host.web import Until, opener

_LARGEST = 64 << 20
_TIMEOUT_S = 30.0  # for which it may be silent
_LONGEST_S = 300.0  # in which an answer is whole
_SHOWN = 300  # characters of what it says
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class Passing(Exception):  # noqa: N818 - the next attempt may go through
    """No answer, or one that says to come again; the text is the reason."""


@dataclass(frozen=True)
class Client:
    """Asks with the token; ``ca_file`` are certificates to trust instead of the system's."""

    token: str
    ca_file: str = ""

    def post(self, url: str, body: object) -> bytes:
        """Send JSON and return the answer's body.

        Raises:
            Passing: there was no answer that says whether the request was taken.
            Refusal: it was not.
        """
        return self._answer(url, "POST", json.dumps(body).encode())

    def get(self, url: str) -> bytes:
        """Return the answer's body.

        Raises:
            Passing: no answer now.
            Refusal: an answer that will not become another one.
        """
        return self._answer(url, "GET", None)

    def _answer(self, url: str, method: str, data: bytes | None) -> bytes:
        headers = {"Accept": "application/json, text/plain;q=0.9, */*;q=0.5"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the plan checked it
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        opens = opener(Until(time.monotonic() + _LONGEST_S, _TIMEOUT_S), self._tls(), follows=False)
        try:
            with opens.open(request, timeout=_TIMEOUT_S) as reply:
                body: bytes = reply.read(_LARGEST + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(url, method, error) from None
        except ssl.SSLError as error:
            raise Refusal(f"{url}: TLS: {error.reason}; {_CERTIFICATES}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", "") or error
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise Refusal(f"{url}: TLS: {reason.verify_message}; {_CERTIFICATES}") from error
            raise Passing(f"{url}: {str(reason)[:_SHOWN]}") from error
        if len(body) > _LARGEST:
            raise Refusal(f"{url} answers more than {_LARGEST >> 20} MiB: declare an address that gives less")
        return body

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file or None)

    def _refused(self, url: str, method: str, error: urllib.error.HTTPError) -> Exception:
        try:
            text = " ".join(error.read(_SHOWN).decode(errors="replace").split())
        except (OSError, http.client.HTTPException):
            text = ""
        text = masked(text, (self.token,))
        said = f"{url} answers {error.code}{f': {text}' if text else ''}"
        if error.code in (401, 403):
            return Refusal(f"{said}; check the loader's token (REINGEST_LOADER_TOKEN or `job.token`)")
        if 300 <= error.code < 400:
            where = without_passwords(masked(error.headers.get("Location", "nowhere"), (self.token,)))[
                :_SHOWN
            ]
            return Refusal(
                f"{said}; it redirects to {where}, and the token is not sent on: declare that address"
            )
        if error.code in _PASSING and method == "GET":
            return Passing(said)
        return Refusal(f"{said}; correct the loader's `job:`, or look at the job server's log")


_CERTIFICATES = "install the server's authority on the worker, or name it in `job.ca_file`"
