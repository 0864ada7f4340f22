"""Files elsewhere, by fsspec: HTTP(S), S3 and what else it knows."""

from __future__ import annotations

import contextlib
import io
import re
import ssl
from collections.abc import Iterator
from typing import IO, Any, cast
from urllib.parse import urlsplit

from ..errors import Refusal
from .optional import library
from .redirect import RedirectRefused, check_redirect
from .source import PACKED, Remote, expanded, without_secrets

_BUFFER = 1 << 18
_GONE = (404, 410)
_STALLED = 300  # seconds without a byte


def expand_remote(url: str) -> tuple[Remote, ...]:
    """Return the files that a URL stands for; a glob is looked up, except over HTTP, which has no lists.

    Raises:
        Refusal: there is none.
    """
    if "*" not in url or url.startswith("http"):
        return (Remote(url),)
    remote = Remote(url)
    with _told(remote):
        system, path = _system(remote)
        found = [Remote(system.unstrip_protocol(name)) for name in sorted(system.glob(path))]
    if not found:
        raise Refusal(f"source {url} does not exist: put the file there, or correct `from:`")
    return tuple(found)


def remote_version(remote: Remote) -> tuple[int | None, str]:
    """Return the size, where the server tells it, and the strong ETag of the content, empty without one.

    Raises:
        Refusal: the file is not there, or the server does not answer.
    """
    with _told(remote):
        system, path = _system(remote)
        system.invalidate_cache()
        info = system.info(path)
    tag = str(info.get("ETag") or "")
    return info.get("size"), "" if tag.startswith("W/") else tag


def open_remote(remote: Remote) -> IO[bytes]:
    """Return a stream of the content, read once from the beginning to the end.

    Raises:
        Refusal: the file is not there, or the server does not answer.
    """
    with _told(remote):
        system, path = _system(remote)
        options = {"block_size": 0} if remote.url.startswith("http") else {}  # one request, not one a block
        stream = _Stream(system.open(path, "rb", **options), remote)
        return cast("IO[bytes]", io.BufferedReader(stream, _BUFFER))


def open_seekable(remote: Remote) -> IO[bytes]:
    """Return the content as a file that can be read anywhere: the server must answer requests for ranges.

    Raises:
        Refusal: the file is not there, or the server does not answer.
    """
    with _told(remote):
        system, path = _system(remote)
        return cast("IO[bytes]", system.open(path, "rb"))


class _Stream(io.RawIOBase):
    """A file of fsspec as a raw stream; whatever its library raises becomes an ``OSError``."""

    def __init__(self, file: Any, remote: Remote) -> None:  # noqa: ANN401 - fsspec is imported late
        self._file, self._remote = file, remote
        self._position = 0

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a buffer has no type before Python 3.12
        try:
            block = self._file.read(len(buffer))
        except Exception as error:  # each file system of fsspec raises what its own library raises
            raise OSError(_reason(error, self._remote)) from error
        buffer[: len(block)] = block
        self._position += len(block)
        return len(block)

    def close(self) -> None:
        self._file.close()
        super().close()


@contextlib.contextmanager
def _told(remote: Remote) -> Iterator[None]:
    try:
        yield
    except Refusal:
        raise
    except FileNotFoundError as error:
        # fsspec says so of whatever kept it from asking; only a server that says so knows.
        cause = error.__cause__
        if cause is not None and remote.url.startswith("http") and getattr(cause, "status", 0) not in _GONE:
            raise Refusal(f"source {remote} cannot be read: {_reason(cause, remote)}") from error
        raise Refusal(
            f"source {remote} does not exist: put the file there, or correct `from:` or `sources:`"
        ) from error
    except Exception as error:  # as above
        raise Refusal(f"source {remote} cannot be read: {_reason(error, remote)}") from error


def _reason(error: BaseException, remote: Remote) -> str:
    """Return what went wrong, as an operator knows it; aiohttp's errors are told by what they have."""
    if isinstance(error, RedirectRefused):
        return without_secrets(str(error), remote.url)
    status = getattr(error, "status", 0)
    if status:
        return f"the server answers {status}; ask whoever runs it, or correct `from:`"
    if isinstance(error, TimeoutError) or type(error).__name__.endswith("TimeoutError"):
        return "the server does not answer in time: run again, or ask whoever runs it"
    certificate = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(certificate, ssl.SSLError):
        why = getattr(certificate, "verify_message", "") or certificate.reason or str(certificate)
        return (
            f"TLS: {without_secrets(why, remote.url)}: install the server's authority on the worker, or name "
            "the server as its certificate does"
        )
    return without_secrets(f"{type(error).__name__} {error}", remote.url)


def _system(remote: Remote) -> tuple[Any, str]:
    """Return fsspec's file system for the URL, and the path in it."""
    core = library("fsspec.core", "fsspec", f"source {remote}")
    url = expanded(remote.url)
    options: dict[str, Any] = {"skip_instance_cache": True}
    if url.startswith("http"):
        aiohttp = library("aiohttp", "aiohttp", f"source {remote}")
        # Without this a transfer ends after five minutes, whatever its size.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=_STALLED)
        options["client_kwargs"] = {"timeout": timeout, "trust_env": True}
        if urlsplit(url).path.endswith(PACKED):
            # It may be sent with `Content-Encoding: gzip`: who reads it unpacks it, and once.
            options["client_kwargs"].update(auto_decompress=False, headers={"Accept-Encoding": "identity"})
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(check_redirect)
        options["client_kwargs"]["trace_configs"] = [trace]
    if "::" in re.sub(
        r"^\w+://(?:[^/@]*@)?\[[^/\]]*\]", "", url
    ):  # which fsspec takes for files within files
        raise Refusal(f"source {remote} has :: in it: name one file; correct `from:`")
    system, path = core.url_to_fs(url, **options)
    return system, path
