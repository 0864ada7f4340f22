"""Run one module's real ``main`` in a process of its own: ``verb.py MODULE PARAMETERS``, a file of JSON.

What strace disturbs, so it does nothing of its own on the volume and starts fast.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(name, params):
    """Run the module; it prints its result and ends the process, as under Ansible."""
    from ansible.module_utils.testing import patch_module_args

    module = importlib.import_module(name)
    with patch_module_args(params):
        module.main()


if __name__ == "__main__":
    import ansible.module_utils

    sys.path[:1] = [str(ROOT / "library")]
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
    run(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
