from __future__ import annotations

import unicodedata

import pytest

from plugins.module_utils.reingest.disclosure.printable import name_of, printable, printable_text
from plugins.module_utils.reingest.errors import Refusal

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x2028, 0x2029, 0xD800, 0xFEFF])
def test_a_character_that_is_not_seen_is_told_by_its_number(code):
    shown = printable(f"a{chr(code)}b")
    assert shown.isascii()
    assert shown.isprintable()
    assert shown[1] == "\\"


def test_whatever_unicode_calls_a_format_or_a_control_is_not_kept():
    arabic = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or code in arabic:
            continue  # the Arabic ones are signs around a number, which are seen
        if 0x13430 <= code <= 0x1345F or 0x1BCA0 <= code <= 0x1BCA3 or 0x1D173 <= code <= 0x1D17A:
            continue  # hieroglyphs, shorthand and notes: they join what is beside them
        assert character not in printable(character), hex(code)


def test_other_text_stays_as_it_is():
    text = "Größe 5 µm, 研究, \u0627\u0644\u0639, e\u0301, \U0001f9ec \\ {{ x }} \"'"
    assert printable(text) == text


def test_a_text_of_lines_keeps_its_lines_and_tabs_only():
    assert printable_text("a\tb\nc\r\x0b\x1b[1A") == "a\tb\nc\\r\\x0b\\x1b[1A"
    assert printable("a\nb") == "a\\nb"


@pytest.mark.parametrize("name", ["r1\n", "\u202er1", "r" * 201, "\x1b]0;x\x07"])
def test_a_name_that_is_not_seen_whole_is_refused(name):
    with pytest.raises(Refusal, match="give it another name"):
        name_of(name, "release")
