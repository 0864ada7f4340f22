"""The bill of materials names what is locked; the tool that makes it comes from the package index, once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_bill_of_materials_names_each_pinned_requirement_with_its_version_and_digests(tmp_path):
    made = tmp_path / "sbom.json"
    subprocess.run([ROOT / ".config/sbom", "requirements.txt", made, sys.executable], cwd=ROOT, check=True)
    bill = json.loads(made.read_text())
    pinned = re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text())
    assert pinned
    assert sorted((one["name"], one["version"]) for one in bill["components"]) == sorted(pinned)
    digests = {
        hash_["content"]
        for one in bill["components"]
        for ref in one["externalReferences"]
        for hash_ in ref["hashes"]
    }
    assert digests == set(re.findall(r"sha256:([0-9a-f]{64})", (ROOT / "requirements.txt").read_text()))
    whole = bill["metadata"]["component"]
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert (whole["name"], whole["version"]) == (galaxy["name"], galaxy["version"])
