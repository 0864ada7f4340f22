"""Interpreters that are there, and virtual environments made of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SHOWN = ("ansible-core", "psycopg2-binary", "PyYAML")


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    path: Path

    @property
    def python(self):
        return self.path / "bin/python"

    def run(self, *arguments, **environment):
        """Run its Python; return the exit code and the output."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def versions(self):
        """Return what it has, for people."""
        code = "import importlib.metadata as m, platform; print('Python', platform.python_version())\n"
        code += "for name in %r:\n try: print(name, m.version(name))\n except m.PackageNotFoundError: pass"
        return ", ".join(self.run("-c", code % (_SHOWN,))[1].splitlines())


def interpreter(version):
    """Return the Python of a version, such as "3.9"; None: there is none that runs."""
    named = os.environ.get(f"REINGEST_PYTHON_{version.replace('.', '_')}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    others = sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True)
    for one in (named, shutil.which(f"python{version}"), *others):
        if one and _is(one, version):
            return Path(one)
    return None


def environment(path, python, requirements):
    """Make a virtual environment anew, and install what is required, by uv where it is there, else by pip."""
    wanted = ["--require-hashes", "--requirement", Path(__file__).with_name(requirements)]
    shutil.rmtree(path, ignore_errors=True)
    made = Environment(path)
    if shutil.which("uv"):
        _do("uv", "venv", "--quiet", "--python", python, path)
        _do("uv", "pip", "install", "--quiet", "--python", made.python, *wanted)
    else:
        _do(python, "-m", "venv", path)
        _do(made.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted)
    return made


def _is(python, version):
    """Return whether it runs, and is of that version: a shim of pyenv may be there and not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def _do(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
