"""What somebody hostile writes in the place of a document: mostly a valid one with something wrong in it."""

from __future__ import annotations

import copy
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("REINGEST_FUZZ_EXAMPLES", "25"))  # a little in `make test`, more in `make fuzz`
_SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,  # this machine may be busy; conftest.MOST_S counts what an example takes itself
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def fed(*strategies):
    """Mark a test as one that is fed with examples."""
    return lambda test: pytest.mark.attack(_SETTINGS(given(*strategies)(test)))


DEEP = "[" * 20_000
# what a value may be in the place of another one: other types, paths, commands, numbers that are none
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**30, 10**400, 1e308, -0.0]),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "/",
            "/etc",
            "..",
            "../..",
            ".",
            "a/b",
            "\0",
            "\ud800",
            "\udcff",
            "\n",
            "\x1b[2J",
            "1; id",
            "$(id)",
        ]
    ),
    st.sampled_from(["NaN", "1e999", "9" * 5000, "x" * 9000, "20261101T000000Z", "2026-11-01T00:00:00"]),
    st.lists(st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=3),
    st.just([[[[{}]]]]),
    st.just({"a": {"b": {"c": []}}}),
)


def _places(value, path=()):
    """Yield the path of each value within a document."""
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(below, (dict, list)):
            yield from _places(below, (*path, key))


@st.composite
def changed(draw, documents):
    """Return one of these documents with up to three values changed, taken away or added."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(document))
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        holder = document
        for key in way:
            holder = holder[key]
        deed = draw(st.sampled_from(["change", "change", "change", "remove", "add"]))
        if deed == "remove":
            del holder[last]
        elif deed == "add" and isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = copy.deepcopy(draw(ODD))
        else:
            holder[last] = copy.deepcopy(draw(ODD))
    return document


@st.composite
def json_texts(draw, documents):
    """Return bytes in the place of a JSON document: mostly one that is changed, else cut, deep or no JSON."""
    text = json.dumps(draw(changed(documents))).encode()
    deed = draw(st.sampled_from(["leave"] * 8 + ["cut", "deep", "odd", "bytes", "number"]))
    at = draw(st.integers(0, len(text)))
    if deed == "cut":
        return text[:at]
    if deed == "deep":
        return text[:at] + DEEP.encode() + text[at:]
    if deed == "odd":
        return text[:at] + draw(st.binary(max_size=8)) + text[at:]
    if deed == "bytes":
        return draw(st.binary(max_size=64) | st.just(DEEP.encode()) | st.just(b'{"a":' * 20_000))
    if deed == "number":
        return text.replace(b"1", draw(st.sampled_from([b"1e999", b"9" * 5000, b"-0", b"Infinity"])), 1)
    return text
