"""The repository as what a portal installs: an archive, in a project that has nothing of this repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from deployment import RELEASE_2, ROOT, demo_inventory, ingested_deployment
from tiers import full, sample

NAME = "dataportal.reingest"
PROGRAMS = Path(os.environ.get("REINGEST_TEST_ANSIBLE", ROOT / ".venv/bin"))  # those of another ansible-core
INSTALLED = ".ansible/collections/ansible_collections/dataportal/reingest"
DEMO = "{worker: {hosts: {demo: {}}}, db: {hosts: {demo: {}}}, backend: {hosts: {demo: {}}}}\n"

# What lies about in a clone that is worked with, and has no place in the archive.
LEFT_ABOUT = [
    ".ansible/tmp/left",
    ".cache/left",
    ".collections/ansible_collections/dataportal/other/left.yml",
    ".demo-two/volume/prod",
    ".demo/volume/prod",
    ".mypy_cache/left",
    ".venv/bin/python",
    "build/crash.json",
    "dataportal-reingest-0.0.9.tar.gz",
    "library/__pycache__/run_lock.cpython-311.pyc",
    "module_utils/reingest/__pycache__/errors.cpython-311.pyc",
    "plugins/action/__pycache__/run_begin.cpython-311.pyc",
    "tests/left.log",
]
ARCHIVE = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "docs",
    "library",
    "meta",
    "module_utils",
    "playbooks",
    "plugins",
    "SECURITY.md",
    "requirements.yml",
    "roles",
}
LINKS = {"plugins/module_utils": "../module_utils", "plugins/modules": "../library"}


def galaxy(*arguments, cwd, **environment):
    command = [PROGRAMS / "ansible-galaxy", "collection", *arguments]
    subprocess.run(command, cwd=cwd, env={**bare(), **environment}, check=True, stdout=subprocess.DEVNULL)


def bare(environment=os.environ):
    """Return an environment without what it says to Ansible."""
    return {name: value for name, value in environment.items() if not name.startswith("ANSIBLE_")}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return the archive that is built of a clone with much lying about."""
    clone = tmp_path_factory.mktemp("clone")
    tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(tracked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, clone / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    for name in LEFT_ABOUT:
        target = clone / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("left")
    out = tmp_path_factory.mktemp("built")
    galaxy("build", "--output-path", out, cwd=clone)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def home(archive, tmp_path_factory):
    """Return a home in which nothing but the collection is installed."""
    home = tmp_path_factory.mktemp("home")
    galaxy("install", "--offline", archive, cwd=home, HOME=str(home))
    return home


@pytest.fixture(scope="module")
def deployment():
    made = ingested_deployment()
    yield made
    made.clear()


@pytest.fixture
def project(tmp_path, deployment):
    """Return an empty folder of a user's with an inventory; there is no ansible.cfg."""
    variables = demo_inventory(tmp_path, DEMO) / "group_vars/all.yml"
    text = variables.read_text().replace("{{ ansible_playbook_python }}", f"{ROOT}/.venv/bin/python")
    variables.write_text(text)  # the controller's own need not have the portal's libraries
    return tmp_path


@pytest.fixture
def play(project, deployment, home):
    """Return ``play(verb, *arguments)``, which runs a playbook of the collection in the user's project."""

    def run(verb, *arguments, inventory="inventory", **environment):
        done = subprocess.run(
            [PROGRAMS / "ansible-playbook", f"{NAME}.{verb}", "-i", inventory, *arguments],
            cwd=project,
            env={**bare(deployment.environment), "HOME": str(home), "ANSIBLE_NOCOLOR": "1", **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout, done.stdout + done.stderr

    return run


def test_the_archive_holds_the_collection_and_nothing_that_lies_about(archive):
    with tarfile.open(archive) as built:
        names = {member.name.removeprefix("./") for member in built.getmembers()} - {"."}
        links = {member.name: member.linkname for member in built.getmembers() if member.issym()}
    assert {name.partition("/")[0] for name in names} == ARCHIVE
    assert links == LINKS
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_modules_are_found_by_the_links_once_it_is_installed(home):
    installed = home / INSTALLED
    assert {name: str((installed / name).readlink()) for name in LINKS} == LINKS
    modules = {path.name for path in (ROOT / "library").glob("*.py")}
    assert {path.name for path in (installed / "plugins/modules").glob("*.py")} == modules


def test_every_plugin_is_documented(home):
    listed = subprocess.run(
        [PROGRAMS / "ansible-doc", "--json", "--metadata-dump", "--no-fail-on-errors", NAME],
        cwd=home,
        env={**bare(), "HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    plugins = json.loads(listed.stdout)["all"]
    assert {kind for kind, found in plugins.items() if found} >= {"callback", "filter", "module", "role"}
    undocumented = [
        f"{kind} {name}: {found['error']}"
        for kind, all_found in plugins.items()
        for name, found in all_found.items()
        if "error" in found
    ]
    assert undocumented == []


def test_a_release_is_ingested_in_a_users_own_project(project, play, deployment):
    assert sorted(path.name for path in project.iterdir()) == ["inventory"]
    prod = deployment.volume / "prod"
    before = prod.readlink()
    sources = ("-e", f"reingest_sources={ROOT}/demo/data/{RELEASE_2}")
    code, _, output = play("ingest", *sources, "-e", "reingest_force=true")
    assert code == 0, output
    assert prod.readlink() != before
    assert deployment.health()["release"] == RELEASE_2

    code, document, output = play("status", ANSIBLE_STDOUT_CALLBACK=f"{NAME}.status_json")
    assert code == 0, output
    found = json.loads(document)
    assert found["failures"] == []
    states = {one["snapshot"]: one["state"] for one in found["volume"]["snapshots"]}
    assert (states[prod.readlink().name], states[before.name]) == ("live", "good")


@full
def test_it_goes_back_and_recovers_there_with_an_empty_ansible_cfg(project, play, deployment):
    (project / "ansible.cfg").write_text("")
    prod = deployment.volume / "prod"
    before = prod.readlink()
    code, _, output = play("rollback")
    assert code == 0, output
    assert prod.readlink() != before

    code, _, output = play("recover")
    assert code == 0, output
    assert "recover: nothing to change" in output
    assert "\\n" not in output  # the report is lines, without an ansible.cfg that asks for YAML


@pytest.mark.parametrize("verb", sample(["status", "recover"], "recover"))
def test_an_inventory_that_is_not_there_is_no_success_over_nothing(play, verb):
    code, _, output = play(verb, inventory="inventroy")
    assert code != 0
    assert "the inventory has no host in group" in output
    assert "inventroy" in output


def test_an_inventory_of_which_a_file_may_be_missing_is_refused_until_ansible_is_told_to_fail(project, play):
    (project / "more.yml").write_text("backend: {hosts: [wrong\n")
    code, _, output = play("recover", "-i", "more.yml")
    assert code != 0
    assert "the inventory is made of 2 files (hosts.yml, more.yml)" in output
    assert "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true" in output
    code, _, output = play("recover", "-i", "more.yml", ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true")
    assert code != 0
    assert "Completely failed to parse inventory source" in output
    (project / "more.yml").write_text("backend: {vars: {reingest_min_free: 100M}}\n")
    code, _, output = play("status", "-i", "more.yml", ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true")
    assert "the inventory is made of" not in output
    assert "Look at the volume" in output


@pytest.fixture
def ssh(tmp_path):
    """Return a program in ssh's place that connects to nothing, and the file with what it was called with."""
    called = tmp_path / "called"
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\necho "$*" >> {called}\nexit 255\n')
    program.chmod(0o755)
    return program, called


@pytest.mark.parametrize(
    ("said", "attempts"),
    [({}, 4), ({"ansible_ssh_retries": 1, "ansible_ssh_common_args": "-o ServerAliveInterval=60"}, 2)],
)
def test_without_an_ansible_cfg_a_lost_host_is_noticed_and_tried_again_as_the_inventory_says(
    project, play, ssh, said, attempts
):
    program, called = ssh
    connection = {"ansible_connection": "ssh", "ansible_ssh_executable": str(program), **said}
    hosts = {"hosts": {"db.example": connection}}
    (project / "inventory/hosts.yml").write_text(
        json.dumps(dict.fromkeys(("worker", "db", "backend"), hosts))
    )
    variables = project / "inventory/group_vars/all.yml"
    variables.write_text(variables.read_text().replace("ansible_connection: local\n", ""))
    code, _, output = play("status")
    assert code != 0
    assert "UNREACHABLE" in output
    calls = called.read_text().splitlines()
    assert len(calls) == attempts
    ours = "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"
    expected = f"{said.get('ansible_ssh_common_args', '')} {ours}".strip()  # of two, ssh takes the first
    assert f" {expected} " in calls[0]
    assert "-o ControlPersist=60s" in calls[0]
