from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.module_utils.reingest.engines.registry import ENGINE_NAMES, UNITS, engine_of
from plugins.module_utils.reingest.errors import Refusal

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_each_engine_is_found_by_its_name(name, tmp_path):
    assert type(engine_of(name, tmp_path)).__name__.lower() == f"{name}engine"


@pytest.mark.parametrize("name", ["", "podman", "Docker"])
def test_an_unknown_engine_is_an_error_that_names_those_there_are(name, tmp_path):
    with pytest.raises(Refusal, match=rf"no engine '{name}' \(there are: docker, process\)"):
        engine_of(name, tmp_path)


def test_the_watchdog_is_started_after_the_units_of_all_engines():
    assert UNITS == ("docker.service",)


def test_nothing_but_an_engines_own_folder_and_the_registry_names_it():
    """So that a new engine is one folder and one line."""
    package = ROOT / "module_utils/reingest"
    code = re.compile(r"^ *from [\w.]*\b(?:docker|process)[. ]|[\"']docker[\"']", re.MULTILINE)
    known = {"engines/registry.py", *(f"engines/{one}/kind.py" for one in ENGINE_NAMES)}
    named = set()
    for path in [*package.rglob("*.py"), *(ROOT / "library").glob("*.py")]:
        name = str(path.relative_to(package)) if package in path.parents else path.name
        if code.search(path.read_text(encoding="utf-8")) and name not in known:
            named.add(name)
    assert named == set()


def test_the_code_of_an_engine_is_imported_when_it_is_asked_for_and_not_before():
    told = """
import sys
from pathlib import Path
from reingest.engines import occupancy, registry
def imported():
    ours = [one for one in sys.modules if one.startswith("reingest.engines")]
    return sorted(one for one in ours if one.endswith(".engine"))
before = imported()
registry.engine_of("process", Path())
print(before, imported(), "http.client" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT / "module_utils", capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] ['reingest.engines.process.engine'] False\n"
