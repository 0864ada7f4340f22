"""The role hands on what an inventory declares of the portal's own loader."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROLE = Path(__file__).parents[3] / "roles/load"


def test_each_key_that_the_role_hands_on_may_be_declared():
    handed_on = {
        key
        for path in (ROLE / "tasks").glob("*.yml")
        for key in re.findall(r"load_loader\.(\w+)", path.read_text())
    }
    spec = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]
    assert handed_on == spec["main"]["options"]["load_loader"]["options"].keys()
