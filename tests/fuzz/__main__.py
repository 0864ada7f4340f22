"""Try on and on what tests/fuzz tries a little of in `make test`: ``make fuzz``, FUZZ_SECONDS long.

Each round has another seed, which is printed; a failure ends it, with what failed and why.
"""

from __future__ import annotations

import os
import resource
import secrets
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = 500  # of each property in a round
MOST_BYTES = 4 << 30  # of address space: a document that makes more of itself is a fault


def main():
    ends = time.monotonic() + float(os.environ.get("FUZZ_SECONDS") or 3600)
    rounds = 0
    while (left := ends - time.monotonic()) > 0:
        seed = secrets.randbelow(1 << 32)
        print(f"round {rounds + 1}, --hypothesis-seed={seed}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", HERE, *sys.argv[1:]]
        try:
            done = subprocess.run(
                [*command, f"--hypothesis-seed={seed}"],
                env={**os.environ, "REINGEST_FUZZ_EXAMPLES": str(EXAMPLES)},
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES)),
                timeout=left if rounds else None,  # the first one is whole
                check=False,
            )
        except subprocess.TimeoutExpired:
            break
        if done.returncode:
            return done.returncode
        rounds += 1
    print(f"{rounds} rounds of {EXAMPLES} examples of each property, no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
