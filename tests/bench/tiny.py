"""The demo's release 1, cut down to at most ten records a file, none of which names one that is left out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

MOST = 10
_KINDS = ("study", "biosample", "data_object", "omics_processing", "activity")


def make_tiny(release: Path, folder: Path) -> Path:
    """Write the sources into a folder and return it."""
    found = {kind: _read(release / f"{kind}_set.jsonl.gz") for kind in _KINDS}
    known = {kind: {one["id"]: one for one in records} for kind, records in found.items()}
    kept: dict[str, dict[str, dict]] = {kind: {} for kind in _KINDS}
    kept["study"] = dict(list(known["study"].items())[:MOST])
    # One with an instrument first: the dataset's path to it must lead to something in some record.
    for one in found["omics_processing"]:
        if not kept["omics_processing"] and "instrument_name" in one and one["part_of"][0] in kept["study"]:
            _keep(kept, known, ("omics_processing", one))
    for one in found["activity"]:
        informed = known["omics_processing"][one["was_informed_by"]]
        if set(informed["part_of"]) <= kept["study"].keys():
            _keep(kept, known, ("omics_processing", informed), ("activity", one))
    for one in found["omics_processing"]:
        if set(one["part_of"]) <= kept["study"].keys():
            _keep(kept, known, ("omics_processing", one))
    folder.mkdir(parents=True)
    for kind, records in kept.items():
        with gzip.open(folder / f"{kind}_set.jsonl.gz", "wt") as out:
            out.writelines(json.dumps(one) + "\n" for one in records.values())
    return folder


def _keep(kept, known, *added) -> None:
    """Keep records and all that they name, unless a file gets too long or one that is named is missing."""
    more: dict[str, dict[str, dict]] = {kind: {} for kind in _KINDS}
    for kind, record in added:
        more[kind][record["id"]] = record
        inputs = "biosample" if kind == "omics_processing" else "data_object"
        for other, names in ((inputs, "has_input"), ("data_object", "has_output")):
            for name in record.get(names) or ():
                if name not in known[other]:
                    return
                more[other][name] = known[other][name]
    if all(len(kept[kind].keys() | more[kind].keys()) <= MOST for kind in _KINDS):
        for kind in _KINDS:
            kept[kind].update(more[kind])


def _read(path: Path) -> list[dict]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]
