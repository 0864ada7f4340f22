"""What is refused in several places is told at once."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import ListedRefusal, Refusal, Refusals, texts_of
from plugins.module_utils.reingest.refusals import Refused


def refuse(text, kind=Refusal):
    raise kind(text)


def test_what_is_not_refused_is_answered_in_the_order_of_the_questions():
    refused = Refused()
    assert refused.ask([lambda: 1, lambda: refuse("b"), lambda: 3]) == [1, None, 3]
    with pytest.raises(Refusal, match=r"^b$"):
        refused.tell()


def test_the_only_refusal_is_raised_as_it_was():
    refused = Refused()
    refused.ask([lambda: refuse("a\nb", ListedRefusal)])
    with pytest.raises(ListedRefusal, match="a\nb") as told:
        refused.tell()
    assert not isinstance(told.value, Refusals)


def test_several_are_told_with_each_text_once_and_only_a_listed_one_keeps_its_lines():
    inner = Refused()
    with inner.noted():
        refuse("a")
    with inner.noted():
        refuse("b\n  of it", ListedRefusal)
    outer = Refused()
    outer.ask([inner.tell, lambda: refuse("c\nd"), lambda: refuse("a")])
    with pytest.raises(Refusals) as told:
        outer.tell()
    assert told.value.each == ("a", "b\n  of it", "c d")
    assert str(told.value) == "a\nb\n  of it\nc d"
    assert texts_of(told.value) == ["a", "b\n  of it", "c d"]


def test_nothing_that_was_refused_is_nothing_to_tell():
    refused = Refused()
    assert refused.ask([]) == []
    refused.tell()


def test_what_is_no_refusal_is_raised_at_once():
    with pytest.raises(ValueError, match="no answer"):
        Refused().ask([lambda: refuse("no answer", ValueError)])
