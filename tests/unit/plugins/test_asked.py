"""What is wrong with a run as it was asked for: options, words behind ``-e``, names that nobody reads, "
"values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible import context
from ansible.utils import vars as extra
from ansible.utils.display import Display

from plugins.filter import asked as filters
from plugins.plugin_utils.command_line import lost_words, read_names, refused_options, unread
from plugins.plugin_utils.declared import declared_wrongly

WHO = "0000-0002-1825-0097"
GROUPS = {"worker": ["w"], "db": ["d"], "backend": ["b"]}


@pytest.fixture
def hosts(tmp_path):
    """Return ``make(**variables)``: the variables of three hosts, right but for what is given; None takes "
    "away."""
    (tmp_path / "r1").mkdir()
    document = {
        "database": "d",
        "schema": "s.sql",
        "sources": "r1",
        "tables": {"study": {"owner": "source", "from": "a.csv"}},
    }
    (tmp_path / "dataset.yml").write_text(yaml.safe_dump(document))
    right = {
        "reingest_engine": "process",
        "reingest_work": "/work",
        "reingest_volume": "/volume",
        "reingest_dataset": str(tmp_path / "dataset.yml"),
        "reingest_production_dsn": "postgresql://db/d",
        "reingest_staging_dsn": "postgresql://ingest/d",
        "reingest_production_service": "db",
        "reingest_staging_service": "db-ingest",
        "reingest_backend_services": [],
        "reingest_operators": [WHO],
        "reingest_operator": WHO,
        "ansible_connection": "local",
    }

    def make(**variables):
        given = {key: one for key, one in {**right, **variables}.items() if one is not None}
        return dict.fromkeys("wdb", given)

    return make


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"tags": ["load", "verify"]}, "--tags load,verify"),
        ({"skip_tags": ["x", "always"]}, "--skip-tags always"),
        ({"skip_tags": ["untagged"]}, "--skip-tags untagged"),
        ({"start_at_task": "Load"}, "--start-at-task 'Load'"),
        ({"step": True}, "--step"),
    ],
)
def test_an_option_that_leaves_out_a_part_of_the_run_is_refused(arguments, told):
    [text] = refused_options({"tags": ["all"], "skip_tags": [], **arguments})
    assert text.startswith(f"{told} would leave out a part of the run")


def test_the_options_of_a_whole_run_are_not_refused():
    assert refused_options({"tags": ["all"], "skip_tags": [], "step": False, "start_at_task": None}) == []
    assert refused_options({"tags": ("all",), "skip_tags": ["molecule-notest", "notest"]}) == []


def test_no_task_of_ours_has_a_tag_that_could_be_skipped_by_another_name():
    root = Path(__file__).parents[3]
    found = {
        line.strip()
        for folder in ("playbooks", "roles")
        for path in (root / folder).rglob("*.yml")
        for line in path.read_text().splitlines()
        if line.strip().startswith("tags:")
    }
    assert found == {"tags: [always]"}


def test_words_that_ansible_would_drop_are_told_with_what_to_paste():
    [text] = lost_words(
        ["reingest_why=r2 looks odd", "reingest_force=true", '{"reingest_why": "r2 looks odd"}']
    )
    assert "the words looks odd belong to no variable" in text
    assert text.endswith("""write -e '{"reingest_why": "r2 looks odd"}'""")
    assert lost_words(["reingest_why='r2 looks odd' reingest_force=true", "@vars.yml"]) == []


def test_a_password_among_lost_words_is_not_repeated():
    [text] = lost_words(["reingest_production_dsn=postgresql://u:s3cret@db/x and more"])
    assert "s3cret" not in text


def test_what_playbooks_and_roles_read_is_known_and_the_nearest_name_is_told():
    known = read_names()
    assert {"reingest_sources", "reingest_why", "reingest_watchdog", "reingest_source_roots"} <= known
    assert unread(["reingest_source", "other", "reingest_why"], known) == [
        "reingest_source is no variable that a playbook reads; did you mean reingest_sources?"
    ]


def test_a_right_inventory_has_nothing_against_it(hosts):
    for playbook in ("", "ingest", "load", "promote", "rollback", "recover", "stop", "prune"):
        assert declared_wrongly(hosts(), GROUPS, playbook) == [], playbook


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"reingest_work": None}, "reingest_work is not set for w, d, b: see docs/inventory.md"),
        ({"reingest_volume": " "}, "reingest_volume is not set for d"),
        ({"reingest_dataset": None}, "reingest_dataset is not set for w"),
        ({"reingest_operators": []}, "nobody may run this: reingest_operators is empty"),
        ({"reingest_operator": "0000-0001-5109-3700"}, "is not one of the operators of this portal"),
        ({"reingest_signing_key": "/nowhere/key"}, "reingest_signing_key names /nowhere/key"),
        ({"reingest_snapshot": "../x"}, "reingest_snapshot: '../x' is not a snapshot id"),
        ({"reingest_after_promote": "/nowhere.yml"}, "there is no such file on the controller"),
        (
            {"reingest_load_method": "comand"},
            "reingest_load_method is comand: it is one of dataset, command, http",
        ),
        ({"reingest_load_method": "command"}, "name the release, -e reingest_release=<name>"),
        ({"reingest_load_method": "http", "reingest_release": "r"}, "has no `job:`"),
        (
            {
                "reingest_load_method": "command",
                "reingest_release": "r",
                "reingest_loader": {"command": {"argv": ["x"], "secrets": {"PIN": "a"}}},
            },
            "of the loader's secrets PIN has fewer than 6 characters",
        ),
        (
            {
                "reingest_load_method": "command",
                "reingest_release": "r",
                "reingest_loader": {"command": {"argv": ["x"], "secrets": {"URI": "postgresql://u:pw@h/d"}}},
            },
            "of the loader's secrets the password in URI has fewer than 6 characters",
        ),
        (
            {"reingest_production_dsn": "host=h password='a%20b' user=u"},
            "the password in reingest_production_dsn has fewer than 6 characters",
        ),
        (
            {"reingest_backend_dsn": "postgresql://u:%70%70%70@h/d"},
            "the password in reingest_backend_dsn has fewer than 6 characters, and would be masked wherever "
            "they stand in a message: give the role a longer one",
        ),
    ],
)
def test_what_needs_no_host_is_told_at_once(hosts, variables, told):
    assert [text for text in declared_wrongly(hosts(**variables), GROUPS, "ingest") if told in text]


def test_a_short_token_of_the_loader_s_is_told_by_its_variable(hosts, monkeypatch):
    monkeypatch.setenv("REINGEST_LOADER_TOKEN", "abc")
    loader = {"job": {"url": "https://h/"}}
    given = hosts(reingest_load_method="http", reingest_release="r", reingest_loader=loader)
    [text] = declared_wrongly(given, GROUPS, "ingest")
    assert "REINGEST_LOADER_TOKEN has fewer than 6 characters" in text


def test_a_secret_whose_variable_is_missing_is_told_with_the_variable(hosts):
    class Secrets(dict):
        def __getitem__(self, name):
            if name == "KEY":
                raise ValueError("nothing of this is shown")
            raise ValueError("'portal_uri' is undefined")

    loader = {"command": {"argv": ["x"], "secrets": Secrets(URI="", KEY="")}}
    given = hosts(reingest_load_method="command", reingest_release="r", reingest_loader=loader)
    [text] = declared_wrongly(given, GROUPS, "ingest")
    assert text.startswith("the loader's secret URI of w: 'portal_uri' is undefined; define that variable")


def test_a_missing_folder_of_sources_and_a_faulty_dataset_are_told_where_the_worker_is_this_machine(
    hosts, tmp_path
):
    missing = str(tmp_path / "r2")
    [text] = declared_wrongly(hosts(reingest_sources=missing), GROUPS, "ingest")
    assert text == (
        f"the folder of sources {missing} is not there; did you mean {tmp_path / 'r1'}? correct "
        "reingest_sources, "
        "or `sources:`"
    )
    assert declared_wrongly(hosts(reingest_sources=missing, ansible_connection="ssh"), GROUPS, "ingest") == []
    (tmp_path / "dataset.yml").write_text("database: d\nschmea: s.sql\ntables: {}\n")
    [text] = declared_wrongly(hosts(), GROUPS, "load")
    assert "unknown key schmea; did you mean schema?" in text
    assert declared_wrongly(hosts(), GROUPS, "rollback") == []  # which reads none


def test_what_cannot_be_rendered_here_is_left_to_the_task_that_uses_it(hosts):
    class Vault(dict):
        def get(self, name, default=None):
            if name == "reingest_loader":
                raise ValueError("no secret was given")
            return super().get(name, default)

    of = Vault(hosts(reingest_load_method="command", reingest_release="r")["w"])
    [text] = declared_wrongly(dict.fromkeys("wdb", of), GROUPS, "load")
    assert "has no `command:`" in text


@pytest.fixture
def asked(monkeypatch, hosts):
    """Return ``ask(variables, **arguments)``: what the filter says, and what it warns of."""

    def ask(variables=None, *, sources=("hosts.yml",), groups=GROUPS, playbook="ingest", **given):
        warned = []
        monkeypatch.setattr(context, "CLIARGS", {"tags": ["all"], "extra_vars": (), **given})
        monkeypatch.setattr(extra.load_extra_vars, "extra_vars", None, raising=False)
        monkeypatch.setattr(Display, "warning", lambda _, text, *__, **___: warned.append(text))
        return filters.reingest_asked(hosts(**variables or {}), groups, list(sources), playbook), warned

    return ask


def test_a_misspelt_variable_is_an_error_by_e_and_a_warning_in_an_inventory(asked):
    assert asked(extra_vars=("reingest_sorces=/r9",)) == (
        ["-e reingest_sorces is no variable that a playbook reads; did you mean reingest_sources?"],
        [],
    )
    found, [warned] = asked({"reingest_base": "/srv", "reingest_kep": 3})[0], asked({"reingest_kep": 3})[1]
    assert found == []
    assert (
        warned
        == "the inventory's reingest_kep is no variable that a playbook reads; did you mean reingest_keep?"
    )


def test_a_run_without_an_inventory_is_told_to_name_one(asked):
    told = ["no inventory is named: name the one that the run is for, -i <inventory>, such as -i prod"]
    assert asked(sources=("/x/inventories/none.yml",), groups={})[0] == told
    assert asked(sources=("/etc/ansible/hosts",), groups={})[0] == told
    [text] = asked(groups={"worker": ["w"], "db": ["d"]})[0]
    assert "the inventory has no host in group backend" in text


def test_all_that_is_wrong_is_told_at_once(asked):
    found, _ = asked({"reingest_operator": "x"}, extra_vars=("reingest_why=a b",), step=True)
    assert len(found) == 3
