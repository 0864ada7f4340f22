import pytest

from plugins.module_utils.reingest.dataset.mapping import UnfitError
from plugins.module_utils.reingest.load.catalog import ARRAY, JSON, PLAIN
from plugins.module_utils.reingest.load.copy_text import encoders
from plugins.module_utils.reingest.sources.values import Number


@pytest.mark.parametrize(
    ("kind", "typed", "value", "text"),
    [
        ("plain", True, None, "\\N"),
        ("plain", True, "\\N", "\\\\N"),
        ("plain", True, "a\tb\nc\rd\\", "a\\tb\\nc\\rd\\\\"),
        ("plain", True, True, "true"),
        ("plain", True, 12345678901234567890, "12345678901234567890"),
        ("plain", True, 0.1, "0.1"),
        ("json", True, {"a": "é\n"}, '{"a":"é\\\\n"}'),
        ("json", True, "text", '"text"'),
        ("json", False, '{"a": 1}', '{"a": 1}'),
        ("array", True, ["a", None, 'b"\\', [1]], '{"a",NULL,"b\\\\"\\\\\\\\",{"1"}}'),
        ("array", False, "{1,2}", "{1,2}"),
    ],
)
def test_values_are_written_as_copy_reads_them(kind, typed, value, text):
    assert encoders([kind], typed=typed)[0](value) == text


@pytest.mark.parametrize(("value", "message"), [([1], "an array"), ({"a": 1}, "an object")])
def test_what_holds_several_values_does_not_fit_a_column_of_one(value, message):
    with pytest.raises(UnfitError, match=message):
        encoders(["plain"], typed=True)[0](value)


def test_numbers_by_their_digits_are_written_so_and_half_a_pair_stays_for_who_tells_it():
    plain, json_, array = encoders([PLAIN, JSON, ARRAY], typed=True)
    number = Number("1.50")
    assert (plain(number), json_({"a": [number]}), array([number])) == ("1.50", '{"a":[1.50]}', '{"1.50"}')
    assert json_(["\ud800"]) == '["\ud800"]'
