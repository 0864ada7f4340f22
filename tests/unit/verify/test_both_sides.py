import pytest

from plugins.module_utils.reingest.verify.both_sides import PortalRows


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (PortalRows("t", 0, 0, 0), ""),
        (PortalRows("t", 20, 20, 0), "t: 20 of 20 rows are in the load already"),
        (
            PortalRows("t", 651, 0, 0, "(1)"),
            "t: 651 of 651 are missing from the load, the switch carries them",
        ),
        (
            PortalRows("t", 9, 7, 2, "(a,b)"),
            "t: 2 of 9 are missing from the load, for example (a,b), the switch carries them; "
            "2 rows that only the load has are replaced",
        ),
        (
            PortalRows("t", 0, 0, 3),
            "t: production has no rows; 3 rows that only the load has are replaced",
        ),
        (
            PortalRows("t", 4, None, 0),
            "t: 4 rows, which the switch carries (no primary key to compare with the load's)",
        ),
    ],
)
def test_what_the_load_has_of_the_users_rows_is_one_sentence(rows, expected):
    assert rows.told == expected
