"""Libraries that only some sources need: loaded when one of these is read."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..errors import Refusal


def library(module: str, package: str, needed_for: str) -> ModuleType:
    """Return a module.

    Raises:
        Refusal: it is not there; names the package to install on the worker.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Refusal(
            f"{needed_for} needs the Python package {package} on the worker: install it there ({error})"
        ) from error


def library_if_there(module: str) -> ModuleType | None:
    """Return a module that makes reading quicker; None where it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
