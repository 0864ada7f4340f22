"""What is printed to be pasted: through a real shell and a real ansible-playbook it is what was meant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.module_utils.reingest.dataset.pattern import matches
from plugins.module_utils.reingest.disclosure.command_line import accepting
from plugins.module_utils.reingest.disclosure.printable import printable

pytestmark = pytest.mark.attack

PROGRAM = Path(sys.executable).with_name("ansible-playbook")
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ reingest_accept | to_json }}"
        dest: "{{ out }}"
        mode: "0600"
"""
NAMES = [
    "it's", 'a "b"', "a  b   c ", "f(integer, text)", "a,b", "$HOME", "${x}", "$(id)", "`id`", "!!", "a\\b",
    "a\\'b", "a\nb", "a\r\tb", "\x1b[2J", "a\u202eb", "a\xa0b", "\u2028", "Größe 研究", "\U0001f9ec",
    "%d {0}", "'; id; '", "#", "~", "*", "a=b c=d", "--check", "-", "yes", "[1]", "{}", "&|<>;", "\U000e0041",
]  # fmt: skip
TEMPLATES = [
    "{{ lookup('pipe', 'touch DIR/made') }}",
    "{{{ 1 }}}",
    "a {% set x = 1 %}",
    "{# gone #}",
    "a{{'{{'}}",
]


def pasted(argument, folder):
    """Paste an argument into a shell, and return what a playbook gets."""
    (folder / "play.yml").write_text(PLAYBOOK)
    command = f"{PROGRAM} play.yml -e out={folder}/out.json {argument}"
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "out.json").read_text())


def test_what_is_pasted_is_the_name_and_a_template_in_it_is_executed_by_nobody(tmp_path):
    names = [f"object:view:{name}@3f9c0000" for name in NAMES]
    templates = [name.replace("DIR", str(tmp_path)) for name in TEMPLATES]
    argument = accepting([*names, *templates])
    got = pasted(argument, tmp_path)
    assert got[: len(names)] == names
    assert all(matches(one, name) for one, name in zip(got[len(names) :], templates, strict=True))
    assert not (tmp_path / "made").exists()


def test_it_is_kept_by_a_message_of_one_line_and_by_a_terminal():
    argument = accepting([*NAMES, *TEMPLATES])
    assert " ".join(argument.split()) == argument == printable(argument)
    assert not any(marker in argument for marker in ("{{", "{%", "{#"))


def test_plain_names_need_no_quotes():
    argument = accepting(["portal:file_download@20", "count:study@-3"])
    assert argument == "-e reingest_accept=portal:file_download@20,count:study@-3"
