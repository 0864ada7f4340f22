"""Load each file that once ended a load, and files that are polluted, made up and damaged: `make test-files`.

Each load ends in rows or in reasons. Writes build/files.json.

Usage: python tests/files [WORD...]: only the named cases with a word in their name. FILES_SECONDS=3600 says
how long all of it may take (the named and the polluted files are always whole), SEED=number which files are
damaged, and how.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections import Counter, defaultdict
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:1] = [str(ROOT / each) for each in ("tests", "tests/integration", "tests/fuzz", ".")]

from files.generated import SCHEMA, by_hypothesis, mutated  # noqa: E402
from files.judge import faults_of_case, faults_of_end  # noqa: E402
from files.load_once import load  # noqa: E402
from files.named import cases  # noqa: E402
from files.place import server  # noqa: E402
from files.polluted import COLUMNS, files, score  # noqa: E402

TARGET = ROOT / "build/files.json"
_AT_ONCE = 40  # polluted files in one load, each a table
_LEAST_SCORE = 9.97  # of 10, of the polluted files
_SHOWN = 20


class Tally:
    """What was loaded, and what was wrong; told as it comes."""

    def __init__(self):
        self.files, self.ends, self.faults = Counter(), Counter(), []

    def add(self, kind, end, faults, content=None):
        self.files[kind] += 1
        self.ends["rejects" if any(end.rejects.values()) else "refused" if end.refusal else "rows"] += 1
        for fault in faults:
            self.faults.append(f"{kind}: {fault}")
            if len(self.faults) <= _SHOWN:
                say(f"FAULT {self.faults[-1]}")
                if content is not None:
                    say(f"  of {content[:2000]!r}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def play_named(place, tally, words):
    """Load each named case twice: with bad rows set aside, and without."""
    for case in cases():
        if words and not any(word in case.name for word in words):
            continue
        for aside in (True, False):
            for statement in filter(str.strip, case.before.split(";")):
                place.rows(statement, "template1" if "DATABASE" in statement else "postgres")
            top = {"on_reject": "quarantine"} if aside else {}
            dataset = case.dataset(max_rejects="100%", **top)
            end = load(place, case.files, case.schema, dataset)
            for statement in filter(str.strip, case.after.split(";")):
                place.rows(statement, "postgres")
            tally.add(f"named, {case.name}", end, faults_of_case(place, case, end, aside=aside))


def play_polluted(place, tally):
    """Load polluted files, many in one load, and return their score of 10."""
    scores, left = [], list(files())
    while left:
        some, left = left[:_AT_ONCE], left[_AT_ONCE:]
        named = {f"t{at}": one for at, one in enumerate(some)}
        columns = ", ".join(f'"{name}" text' for name in COLUMNS)
        schema = "".join(f"CREATE TABLE {name} ({columns});\n" for name in named)
        rejects = {"on_reject": "quarantine", "max_rejects": "100%"}
        tables = {
            name: {"owner": "source", "from": f"{name}.csv", **_keys(one)} for name, one in named.items()
        }
        dataset = {"database": "portal", "schema": "schema.sql", "tables": tables, **rejects}
        contents = {f"{name}.csv": one.content for name, one in named.items()}
        end = load(place, contents, schema, dataset, processes=2)
        whole = list(faults_of_end(end, contents))
        if whole or end.refusal:
            tally.add("polluted", end, whole or [f"is refused: {end.refusal[:600]}"])
            scores += [0.0] * len(some)
            continue
        for name, one in named.items():
            rows = place.rows(f"SELECT * FROM {name}")
            faults = []
            if Counter(rows) != Counter(one.rows):
                lost, more = Counter(one.rows) - Counter(rows), Counter(rows) - Counter(one.rows)
                faults.append(f"lacks {str(list(lost))[:300]}, and has {str(list(more))[:300]}")
            if len(end.rejects[name]) != one.rejects:
                faults.append(f"{len(end.rejects[name])} rejects, not {one.rejects}: {end.rejects[name][:3]}")
            tally.add(f"polluted, {one.kind}", end, faults)
            scores += [score(one, rows)] if one.scored else []
    return 10 * sum(scores) / len(scores)


def _keys(polluted):
    keys = dict(polluted.keys)
    encoding = keys.pop("encoding_key", "")
    return {**keys, **({"encoding": encoding} if encoding else {})}


def play_made_up(place, tally, seed, until):
    """Load files by hypothesis and damaged ones, by turns, until the time is over."""
    damaged = mutated(seed)
    for number in cycle(by_hypothesis()):
        if time.monotonic() >= until:
            return
        _by_hypothesis(place, tally, number, seed + sum(tally.files.values()), until)
        for name, content, dataset in islice(damaged, 30):
            if time.monotonic() >= until:
                return
            end = load(place, {name: content}, SCHEMA, dataset)
            tally.add(f"damaged, {name}", end, faults_of_end(end, [name]), content)


def _by_hypothesis(place, tally, kind, seed, until):
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as with_seed

    @with_seed(seed)
    @settings(max_examples=15, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(by_hypothesis()[kind])
    def play(file):
        if time.monotonic() < until:
            content, dataset = file
            end = load(place, {f"t.{kind}": content}, SCHEMA, dataset)
            tally.add(f"hypothesis, {kind}", end, faults_of_end(end, [f"t.{kind}"]), content)

    play()


def figures(tally, points, seconds, seed):
    """Return what it came to, as plain values."""
    rooms = defaultdict(int)
    for kind, count in tally.files.items():
        rooms[kind.partition(",")[0]] += count
    return {
        "seconds": round(seconds),
        "seed": seed,
        "loads": dict(rooms),
        "kinds": dict(
            sorted((kind, count) for kind, count in tally.files.items() if not kind.startswith("named"))
        ),
        "ends": dict(tally.ends),
        "score": round(points, 3) if points is not None else None,
        "faults": tally.faults[:200],
    }


def main():
    """Play all of it; end with 1 when a load ended otherwise than in rows or reasons."""
    began = time.monotonic()
    until = began + float(os.environ.get("FILES_SECONDS") or 3600)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1 << 32))
    tally, words, points = Tally(), sys.argv[1:], None
    with server() as place:
        play_named(place, tally, words)
        say(f"{sum(tally.files.values())} loads of named files after {time.monotonic() - began:.0f} s")
        if not words:
            points = play_polluted(place, tally)
            if points < _LEAST_SCORE:
                tally.faults.append(
                    f"polluted files score {points:.3f} of 10, and {_LEAST_SCORE} is the least"
                )
            say(f"polluted files score {points:.3f} of 10, after {time.monotonic() - began:.0f} s")
            say(f"damaged files with SEED={seed}")
            play_made_up(place, tally, seed, until)
    found = figures(tally, points, time.monotonic() - began, seed)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(f"{name}: {count:,} files" for name, count in found["loads"].items()))
    print("\n".join(f"ended in {name}: {count:,}" for name, count in found["ends"].items()))
    print(f"{len(tally.faults)} faults in {found['seconds']} s")
    raise SystemExit(1 if tally.faults or not tally.files else 0)


if __name__ == "__main__":
    main()
