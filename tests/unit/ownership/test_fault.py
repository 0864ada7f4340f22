from plugins.module_utils.reingest.ownership.fault import Fault, told

LOST = Fault("a", "table a is lost", "add it")
ODD = Fault("b", "table a\nb has no owner", "add:", ("  b: {owner: portal}",))


def test_one_fault_is_one_line_and_below_it_the_lines_to_paste():
    assert told([LOST]) == "table a is lost; add it"
    assert told([ODD]) == "table a b has no owner; add:\n  b: {owner: portal}"


def test_several_are_a_list_in_which_no_name_begins_a_line_of_its_own():
    assert told([LOST, ODD]) == (
        "2 things stand against the load:\n"
        "- table a is lost; add it\n"
        "- table a b has no owner; add:\n"
        "  b: {owner: portal}"
    )
