"""The filters that ask what is configured, and which files an inventory is made of."""

from __future__ import annotations

import pytest

from plugins.filter import settings as filters


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, 3),
        ({"ansible_ssh_retries": 7}, 7),
        ({"ansible_ssh_retries": 0}, 0),
        ({"ansible_port": 22}, 3),
    ],
)
def test_an_inventorys_word_counts_and_ansibles_own_default_does_not(variables, expected, monkeypatch):
    monkeypatch.delenv("ANSIBLE_SSH_RETRIES", raising=False)
    monkeypatch.setattr(filters.constants.config, "_config_file", None)
    assert filters.reingest_ssh_option(variables, "reconnection_retries", 3) == expected


def test_the_environments_word_counts_where_the_inventory_says_nothing(monkeypatch):
    monkeypatch.setenv("ANSIBLE_SSH_RETRIES", "9")
    assert filters.reingest_ssh_option({}, "reconnection_retries", 3) == 9
    assert filters.reingest_ssh_option({"ansible_ssh_retries": 1}, "reconnection_retries", 3) == 1


@pytest.mark.parametrize("name", ["ansible_pipelining", "ansible_ssh_pipelining"])
def test_an_option_is_found_under_each_of_its_names(name):
    assert filters.reingest_ssh_option({name: False}, "pipelining", True) is False


def test_an_inventory_folder_stands_for_the_files_that_ansible_reads(tmp_path):
    for name in ("hosts.yml", "README.md", ".hidden", "old.yml~", "more/cloud.yml", "group_vars/all.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    found = filters.inventory_files([str(tmp_path)])
    assert found == [str(tmp_path / "hosts.yml"), str(tmp_path / "more/cloud.yml")]


def test_a_source_that_is_not_there_is_one_that_was_not_read_and_a_list_of_hosts_is_none(tmp_path):
    missing = str(tmp_path / "nowhere.yml")
    assert filters.inventory_files(["db,worker,", missing]) == [missing]


@pytest.mark.parametrize(("said", "message"), [("json", ["a", "b"]), ("yaml", "a\nb")])
def test_lines_are_printed_as_lines_in_either_format_of_results(said, message, monkeypatch):
    monkeypatch.setenv("ANSIBLE_CALLBACK_RESULT_FORMAT", said)
    assert filters.reingest_printed(["a", "b"]) == message
