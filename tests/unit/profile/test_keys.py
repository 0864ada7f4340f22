"""Two sorted lists of keys, merged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.reingest.profile.keys import Keys, merged_keys

KEYS = st.sets(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3), max_size=30)


@given(KEYS, KEYS)
def test_a_merge_counts_what_sets_have_in_common(before, now):
    gone, new = sorted(before - now), sorted(now - before)
    # As a server sorts them: by the bytes of their UTF-8.
    lists = (iter(sorted(keys, key=lambda key: key.encode())) for keys in (before, now))
    assert merged_keys(*lists) == Keys(
        len(before & now), len(gone), len(new), tuple(gone[:3]), tuple(new[:3])
    )


def test_rows_without_a_unique_key_are_counted_as_often_as_they_are_there():
    assert merged_keys(iter("aab"), iter("ab")) == Keys(2, 1, 0, ("a",), ())
