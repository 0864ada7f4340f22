"""What is accepted as a proof of what is served after a switch."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.services.proof import Proof, accepted_gap

NOTHING = Proof(portal=False, login=False)
PORTAL = Proof(portal=True, login=False)
LOGIN = Proof(portal=False, login=True)
SNAPSHOT = "20261123T114500Z"


@pytest.mark.parametrize("proof", [PORTAL, LOGIN])
def test_a_portal_that_names_its_release_or_a_login_is_enough(proof):
    assert accepted_gap(proof, []) == ""


def test_without_either_it_is_refused_and_both_variables_are_named():
    with pytest.raises(Refusal) as told:
        accepted_gap(NOTHING, ["shrink:study"])
    for name in (
        "reingest_portal_url",
        "reingest_portal_release_key",
        "reingest_backend_dsn",
        "reingest_accept=served",
    ):
        assert name in str(told.value)


def test_what_an_operator_accepted_is_told():
    told = accepted_gap(NOTHING, ["served"])
    assert told.startswith("accepted: served: nothing would prove that the portal serves the new snapshot")
    assert "set reingest" not in told


def test_the_release_of_an_adopted_snapshot_is_not_known_so_the_portal_proves_nothing():
    with pytest.raises(Refusal, match=f"serves {SNAPSHOT}: reingest did not load it") as told:
        accepted_gap(PORTAL, [], snapshot=SNAPSHOT, release_known=False)
    assert "reingest_portal_url" not in str(told.value)
    assert "set reingest_backend_dsn" in str(told.value)
    assert SNAPSHOT in accepted_gap(PORTAL, ["served"], snapshot=SNAPSHOT, release_known=False)
    assert accepted_gap(LOGIN, [], snapshot=SNAPSHOT, release_known=False) == ""
