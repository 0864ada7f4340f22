"""A ledger with other lines than reingest wrote, as one whose chain is whole all the same."""

from __future__ import annotations

import json

from plugins.module_utils.reingest.volume.chain import hash_before, linked


def rewrite(volume, lines):
    """Write the ledger anew, of entries as plain values."""
    content = b""
    for line in lines:
        bare = json.dumps({key: line[key] for key in line if key != "chain"}, sort_keys=True)
        content += linked(bare, hash_before(content)).encode() + b"\n"
    volume.ledger.write_bytes(content)


def read(volume):
    return [json.loads(line) for line in volume.ledger.read_text().splitlines()]
