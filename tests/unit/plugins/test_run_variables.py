"""What the playbooks make of the inventory's variables for every module of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).parents[3]
RUN = yaml.safe_load((ROOT / "playbooks/vars/run.yml").read_text())
ROLE = {
    name: text
    for name, text in yaml.safe_load((ROOT / "roles/preflight/vars/main.yml").read_text()).items()
    if name in ("__preflight_hosts", "preflight_longest_start")
}


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, 60),
        ({"reingest_start_timeout": "90"}, 90),
        ({"preflight_begun": {"longest_start": 12.5}}, 60),
        ({"preflight_begun": {"longest_start": 118.0}}, 354),
        ({"preflight_begun": {"longest_start": 118.0}, "reingest_start_timeout": 400}, 400),
        ({"preflight_begun": {"running": []}}, 60),  # of an older module
        ({"begun": {"db": {"longest_start": 118.0}, "backend": {"skipped": True}}}, 354),
        ({"begun": {"db": {"longest_start": 0.0}}}, 60),
        ({"begun": {"db": None, "backend": None}}, 60),  # the first task of all
    ],
)
def test_a_start_is_waited_for_three_times_as_long_as_the_longest_one_before(given, seconds):
    begun = {host: {"__preflight_begun": one} if one else {} for host, one in given.get("begun", {}).items()}
    known = {"hostvars": begun, "ansible_play_hosts_all": list(begun)}  # a recovery, before the role tells
    made = {name: trust_as_template(text) for name, text in {"__patience": RUN["__patience"], **ROLE}.items()}
    templar = Templar(DataLoader(), variables={**made, **known, **given})
    assert templar.template(trust_as_template(RUN["stage_context"]["start_timeout"])) == seconds


def test_a_run_that_was_never_begun_has_no_id_and_says_why():
    made = {"__never_begun": RUN["__never_begun"], "hostvars": {"localhost": {}}}
    templar = Templar(DataLoader(), variables=made)
    with pytest.raises(Exception, match=r"this run was never begun: its first tasks were left out"):
        templar.template(trust_as_template(RUN["stage_run"]))
