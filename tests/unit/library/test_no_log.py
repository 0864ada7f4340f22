"""Whatever holds a connection string, a token or a secret is declared so: Ansible shows its value nowhere."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
SECRET = re.compile(r"dsn$|login$|token|secret|passw|^postgresql$")
MODULES = {
    path.stem: getattr(importlib.import_module(f"plugins.modules.{path.stem}"), "OPTIONS", {})
    for path in sorted((ROOT / "library").glob("*.py"))
}
ROLES = {
    f"{path.parts[-3]}.{name}": entry["options"]
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml"))
    for name, entry in yaml.safe_load(path.read_text())["argument_specs"].items()
}


def secrets(options):
    """Yield each option that is named like a secret, those within others, too."""
    for name, option in (options or {}).items():
        if SECRET.search(name):
            yield name, option
        yield from secrets(option.get("options"))


@pytest.mark.attack
@pytest.mark.parametrize("where", [*MODULES, *ROLES])
def test_an_option_that_holds_a_secret_is_shown_nowhere(where):
    shown = [
        name for name, option in secrets({**MODULES, **ROLES}[where]) if option.get("no_log") is not True
    ]
    assert shown == []


def test_options_that_hold_secrets_are_found():
    assert [name for name, _ in secrets(MODULES["loader_run"])].count("secrets") == 2
    assert "switchover_production_dsn" in dict(secrets(ROLES["switchover.main"]))
