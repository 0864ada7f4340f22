"""The watchdog's code as one file that outlives the module which starts it."""

from __future__ import annotations

import io
import sys
import zipfile
import zipimport
from collections.abc import Callable, Iterator
from pathlib import Path

_PACKAGE = "reingest"


def packed(main: Callable[[], None]) -> bytes:
    """Return a zip application with the sources of this very package; Python runs it as it is.

    Args:
        main: what it runs: a function of a module of this package, which whoever calls this has imported, so
            that Ansible has taken it along.
    """
    module = main.__module__[len(_package()) :]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as application:
        application.writestr(
            "__main__.py", f"from {_PACKAGE}{module} import {main.__name__}\n\n{main.__name__}()\n"
        )
        for name, content in sorted(_sources()):
            application.writestr(f"{_PACKAGE}/{name}", content)
    return out.getvalue()


def _sources() -> Iterator[tuple[str, bytes]]:
    """Give name and content of each file of the package, from a folder or from the module's own archive."""
    package = sys.modules[_package()]
    loader = package.__spec__.loader if package.__spec__ is not None else None
    if isinstance(loader, zipimport.zipimporter):  # Ansible runs modules from an archive
        with zipfile.ZipFile(loader.archive) as archive:
            inside = package.__name__.replace(".", "/") + "/"
            for name in archive.namelist():
                if name.startswith(inside) and name.endswith(".py"):
                    yield name[len(inside) :], archive.read(name)
        return
    folder = Path(str(package.__file__)).parent
    for path in folder.rglob("*.py"):
        yield str(path.relative_to(folder)), path.read_bytes()


def _package() -> str:
    return __name__.rpartition(".window.")[0]
