"""Ids and names that one host says and another one gets have one form."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.attack
LOOKUP = "{{ lookup('ansible.builtin.pipe', 'id') }}"
GOOD = {"run": "20261123T114500Z-4711", "operator": "0000-0002-1825-0097"}


@pytest.mark.parametrize("run", ["../../etc", "a/b", "..", LOOKUP, "a b", "a\nb", "-x", "a" * 129])
def test_a_run_s_id_is_one_word_and_no_path(run_module, tmp_path, run):
    work = tmp_path / "work"
    result = run_module("run_report", **{**GOOD, "run": run}, work=str(work))
    assert result["failed"]
    assert "is not a run's id" in result["msg"]
    assert not work.exists()


@pytest.mark.parametrize(
    ("module", "option", "text"),
    [
        ("run_begin", "operator", "somebody"),
        ("run_begin", "take_over", LOOKUP),
        ("snapshot_promote", "snapshot", "../prod"),
        ("snapshot_promote", "loaded", LOOKUP),
        ("snapshot_promote", "release", "r1\n\x1b[2J"),
        ("switch_window", "previous", "/etc"),
    ],
)
def test_an_id_of_another_form_is_refused_before_anything_is_done(run_module, site, module, option, text):
    more = {"state": "opened"} if module == "switch_window" else {}
    result = run_module(module, **{**GOOD, option: text}, volume=str(site.volume.root), **more)
    assert result["failed"]
    assert any(words in result["msg"] for words in ("is not a", "is not an ORCID iD", "give it another name"))
    assert "\x1b" not in result["msg"]
    assert not site.volume.records.exists()
