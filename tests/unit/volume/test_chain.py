"""The chain of the ledger: each change of a line is seen, by whomever and wherever, and a crash is none."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.chain import (
    ACCEPTED,
    chain_of,
    hash_before,
    linked,
    read_chain,
    refuse_broken,
)
from plugins.module_utils.reingest.volume.ledger import read_ledger, survey_ledger

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"


def entry(number, *, version, state="good"):
    """Return a line without a hash, as this version or the one before writes it."""
    names = {"at": "2026-11-23T12:00:00+00:00", "detail": {"n": number}, "operator": "o", "run": "r"}
    return json.dumps({**names, "snapshot": A, "state": state, "version": version, "why": ""}, sort_keys=True)


def add(content, number, **more):
    """Return a ledger with one more line, as an append writes it."""
    anew = more.get("state") == ACCEPTED
    line = linked(entry(number, version=2, **more), hash_before(content, anew=anew))
    return content + line.encode() + b"\n"


def written(before, chained):
    """Return a ledger with so many lines of before the chain, and then so many with a hash."""
    content = b"".join(entry(number, version=1).encode() + b"\n" for number in range(before))
    for number in range(chained):
        content = add(content, before + number)
    return content


def whole(lines):
    return b"".join(line + b"\n" for line in lines)


ledgers = st.tuples(st.integers(0, 4), st.integers(2, 6))


class TestWhatWasNotChanged:
    @given(ledgers)
    def test_is_whole_since_the_first_line_with_a_hash(self, shape):
        chain = chain_of(written(*shape)).as_values()
        assert (chain["state"], chain["since"], chain["broken"]) == ("whole", shape[0] + 1, [])

    @pytest.mark.parametrize("lines", [0, 3])
    def test_proves_nothing_before_the_first_hash(self, lines):
        content = written(lines, 0)
        chain = chain_of(content)
        assert (chain.as_values()["state"], chain.since, chain.breaks) == ("none", 0, ())
        assert chain.last == chain.content == hash_before(content)

    @given(ledgers, st.binary(max_size=200).filter(lambda torn: b"\n" not in torn))
    def test_a_last_line_that_a_crash_cut_short_is_no_break(self, shape, torn):
        content = written(*shape)
        assert chain_of(content + torn) == chain_of(content)

    def test_sha256sum_makes_the_same_hash(self):
        lines = written(0, 2).decode().splitlines()
        before, bare = json.loads(lines[0])["chain"], lines[1].rpartition(', "chain"')[0] + "}"
        command = ["sh", "-c", 'printf "%s\\n%s\\n" "$1" "$2" | sha256sum', "-", before, bare]
        made = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0]
        assert made == json.loads(lines[1])["chain"] == chain_of(written(0, 2)).last


@pytest.mark.attack
class TestAnyOneChangeIsSeen:
    """Of a line that another follows: a tail that was cut off is seen against a hash kept elsewhere."""

    @given(ledgers, st.data())
    def test_of_a_byte(self, shape, data):
        content = written(*shape)
        at = data.draw(st.integers(0, len(content) - 2))  # without its end the last line was cut off
        byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
        assert chain_of(content[:at] + bytes([byte]) + content[at + 1 :]).breaks

    @given(ledgers, st.data())
    def test_of_a_line(self, shape, data):
        lines = written(*shape).splitlines()
        at = data.draw(st.integers(0, len(lines) - 2))
        others = [entry(99, version=2), entry(99, version=1), "", "{}", "["]
        lines[at] = data.draw(st.sampled_from(others)).encode()
        assert chain_of(whole(lines)).breaks

    @given(ledgers, st.data())
    def test_of_their_number(self, shape, data):
        lines = written(*shape).splitlines()
        del lines[data.draw(st.integers(0, len(lines) - 2))]
        assert chain_of(whole(lines)).breaks

    @given(ledgers, st.data())
    def test_of_their_order(self, shape, data):
        lines = written(*shape).splitlines()
        one, two = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        assume(one != two)
        lines[one], lines[two] = lines[two], lines[one]
        assert chain_of(whole(lines)).breaks

    @given(ledgers, st.data())
    def test_by_a_line_that_is_put_between(self, shape, data):
        lines = written(*shape).splitlines()
        one = data.draw(st.sampled_from([*lines, entry(99, version=1).encode(), b"", b"{}"]))
        at = data.draw(st.integers(0, len(lines)))
        lines.insert(at, one)
        assert chain_of(whole(lines)).breaks

    def test_by_a_line_at_the_end_that_somebody_wrote_without_a_hash(self):
        content = written(1, 2) + entry(9, version=1).encode() + b"\n"
        assert [str(one) for one in chain_of(content).breaks] == ["line 4 has no hash"]

    def test_and_lines_that_are_appended_later_do_not_hide_it(self):
        content = written(1, 2) + entry(9, version=1).encode() + b"\n"
        assert [one.line for one in chain_of(add(content, 10)).breaks] == [4]
        lines = written(1, 4).splitlines()
        del lines[2]
        assert [one.line for one in chain_of(add(whole(lines), 10)).breaks] == [3]


class TestALedgerThatWasAccepted:
    def test_is_whole_from_there_on_and_keeps_the_break_on_the_record(self):
        content = written(0, 2) + entry(9, version=1).encode() + b"\n"
        content = add(add(content, 1, state=ACCEPTED), 2)
        chain = chain_of(content).as_values()
        assert (chain["state"], chain["broken"]) == ("whole", [])
        assert chain["accepted"] == [{"line": 3, "why": "has no hash"}]

    @pytest.mark.attack
    def test_may_not_be_changed_before_that_line_either(self):
        content = written(0, 2) + entry(9, version=1).encode() + b"\n"
        content = add(add(content, 1, state=ACCEPTED), 2)
        changed = content.replace(b'"n": 9', b'"n": 8')
        assert [one.line for one in chain_of(changed).breaks] == [3, 4]


class TestOnAVolume:
    def test_what_reingest_writes_is_chained(self, site):
        site.serve(A, B)
        chain = read_chain(site.volume)
        assert (chain.since, chain.breaks) == (1, ())
        assert site.ledger.entries[-1].chain == chain.last

    def test_a_ledger_of_before_starts_its_chain_with_the_next_line(self, site):
        site.serve(A)
        lines = [json.loads(line) for line in site.volume.ledger.read_text().splitlines()]
        before = [{key: one[key] for key in one if key != "chain"} | {"version": 1} for one in lines]
        site.volume.ledger.write_text("".join(json.dumps(one) + "\n" for one in before))
        assert read_chain(site.volume).since == 0
        site.record("pinned", A, "run")
        chain = read_chain(site.volume)
        assert (chain.since, chain.breaks) == (len(lines) + 1, ())
        assert site.events()[-1] == ("pinned", A)

    def test_a_line_after_one_that_a_crash_cut_short_follows_the_whole_ones(self, site):
        site.serve(A)
        with site.volume.ledger.open("a") as out:
            out.write('{"state": "liv')
        site.record("pinned", A, "run")
        assert read_chain(site.volume).breaks == ()

    @pytest.mark.attack
    def test_a_verdict_that_somebody_turned_round_is_refused_with_its_line_and_what_to_do(self, site):
        site.serve(A, B)
        text = site.volume.ledger.read_text()
        assert text.count('"good"') == 2
        site.volume.ledger.write_text(text.replace('"good"', '"bad"', 1))
        with pytest.raises(Refusal) as refused:
            refuse_broken(site.volume)
        chain = read_chain(site.volume)
        assert f"line {chain.breaks[0].line} does not follow" in str(refused.value)
        assert f"-e reingest_accept_ledger={chain.content}" in str(refused.value)
        assert read_ledger(site.volume).live() == B  # a recovery still reads it

    @pytest.mark.attack
    @pytest.mark.parametrize(
        "line",
        [
            "[" * 100_000,
            entry(1, version=2).replace('{"n": 1}', "[]"),
            entry(1, version=2).replace('"run": "r"', '"run": {}'),
        ],
    )
    def test_a_line_of_a_strange_form_is_a_fault_and_nothing_worse(self, site, line):
        site.serve(A)
        with site.volume.ledger.open("a") as out:
            out.write(line + "\n")
        _, faults = survey_ledger(site.volume)
        assert "is damaged" in faults[0]
        assert [one.why for one in read_chain(site.volume).breaks] == ["has no hash"]
