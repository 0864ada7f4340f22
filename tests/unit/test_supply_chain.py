"""What is installed is named by its digest: packages, actions, the base of images."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("tests/matrix/*.txt")])
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
DOCKERFILES = sorted(
    path
    for path in ROOT.glob("**/Dockerfile")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
DIGEST = r"(?: \\\n    | )--hash=sha256:[0-9a-f]{64}"
LINE = re.compile(rf"^([a-z0-9._-]+)==(\S+)( ;[^\\]*)?((?:{DIGEST})+)$")
# what fetches packages in this project; `ansible-test` installs a list of its own (docs/dependencies.md)
INSTALLS = re.compile(r"(?:uv pip|-m pip|bin/pip|\bpip3?) install\b")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_gives_each_package_one_version_and_its_digests_and_no_index(lock):
    text = re.sub(r"(?m)^ *#.*\n", "", lock.read_text())
    entries = re.split(r"\n(?! )", text.strip())
    assert len(entries) > 2
    assert not [entry[:60] for entry in entries if not LINE.match(entry)]
    assert "://" not in text


def scripts():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        if (
            not name.startswith(("docs/", "roles/"))
            and path.is_file()
            and path.suffix in ("", ".sh", ".yml", ".py")
        ):
            yield path


@pytest.mark.attack
def test_whatever_installs_packages_requires_their_digests():
    found = []
    for path in scripts():
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if INSTALLS.search(line) and "--require-hashes" not in line and '"$@"' not in line:
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not found


@pytest.mark.attack
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_actions_by_commit_and_may_only_read(workflow):
    text = workflow.read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert not [one for one in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one)]
    document = yaml.safe_load(text)
    assert document["permissions"] == {"contents": "read"}
    assert not [name for name, job in document["jobs"].items() if "permissions" in job]
    kept = [
        step
        for job in document["jobs"].values()
        for step in job["steps"]
        if "checkout@" in step.get("uses", "")
    ]
    assert all(step["with"]["persist-credentials"] is False for step in kept)


@pytest.mark.attack
@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.parent.name)
def test_the_base_of_an_image_can_be_given_by_its_digest(file):
    lines = [line for line in file.read_text().splitlines() if line.startswith(("ARG", "FROM"))]
    assert lines == ["ARG BASE=debian:bookworm-slim", "FROM ${BASE}"]


def test_the_collection_and_the_bill_of_materials_have_one_version():
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert f'version = "{galaxy}"' in (ROOT / "pyproject.toml").read_text()
