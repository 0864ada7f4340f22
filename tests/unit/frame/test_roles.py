"""Whether a password is the one of a hash, without a server."""

from __future__ import annotations

import hashlib

import pytest

from plugins.module_utils.reingest.frame.roles import Roles, opens

# RFC 7677, section 3: the example's salt and count, and the keys that its password "pencil" gives.
SCRAM = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_the_password_of_a_scram_hash_opens_it_and_no_other_does():
    assert opens(SCRAM, "user", "pencil")
    assert not opens(SCRAM, "user", "Pencil")


def test_an_md5_hash_is_of_the_password_and_the_account():
    made = "md5" + hashlib.md5(b"pencilada", usedforsecurity=False).hexdigest()
    assert opens(made, "ada", "pencil")
    assert not opens(made, "bob", "pencil")
    assert not opens("md5" + "0" * 32, "ada", "pencil")


@pytest.mark.parametrize(
    "text", ["", "plain", "SCRAM-SHA-256$x:y$z:a", "SCRAM-SHA-256$4096:!$!:!", "a$b$c$d"]
)
def test_what_is_no_hash_opens_nothing(text):
    assert not opens(text, "user", "pencil")


def test_a_login_that_needed_no_password_gets_in_with_any():
    roles = Roles("user", True, {}, {}, {}, secret=None)
    assert roles.lets_in(None)
    assert roles.lets_in(SCRAM)


def test_a_login_with_a_password_gets_in_only_with_a_hash_of_it():
    roles = Roles("user", True, {}, {}, {}, secret="pencil")
    assert roles.lets_in(SCRAM)
    assert not roles.lets_in(None)
    assert "pencil" not in repr(roles)
