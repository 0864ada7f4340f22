"""Only those who are listed may run an ingest, and a mistyped iD is found by its checksum."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.operators import authorised, orcid

ONE, TWO = "0000-0002-1825-0097", "0000-0001-5109-3700"
WITH_X = "0000-0002-1694-233X"


@pytest.mark.parametrize("text", [ONE, TWO, WITH_X, f"https://orcid.org/{ONE}", f" {ONE} "])
def test_an_id_is_read_in_each_of_its_forms(text):
    assert orcid(text) in (ONE, TWO, WITH_X)


@pytest.mark.parametrize("text", ["0000-0002-1825-0098", "0000-0002-1825-0907", "0000-0002-1694-2330"])
def test_a_mistyped_digit_is_found(text):
    with pytest.raises(Refusal, match="its checksum is wrong, a digit was mistyped"):
        orcid(text)


@pytest.mark.parametrize(
    "text", ["", "alice", "0000000218250097", "0000-0002-1825-009", "0000-0002-1694-233x"]
)
def test_another_form_is_refused(text):
    with pytest.raises(Refusal, match="is not an ORCID iD: expected the form 0000-0002-1825-0097"):
        orcid(text)


def test_an_operator_of_the_list_is_authorised():
    assert authorised(f"https://orcid.org/{ONE}", [TWO, ONE]) == ONE


@pytest.mark.parametrize(
    ("operator", "operators", "match"),
    [
        (ONE, [], "reingest_operators is empty"),
        ("", [ONE], "set reingest_operator, or REINGEST_OPERATOR in the environment"),
        (TWO, [ONE], f"{TWO} is not one of the operators of this portal"),
        (ONE, ["0000-0002-1825-0098"], "checksum is wrong"),
    ],
)
def test_anyone_else_is_refused(operator, operators, match):
    with pytest.raises(Refusal, match=match):
        authorised(operator, operators)
