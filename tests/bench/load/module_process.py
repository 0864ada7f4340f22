"""Run the real module ``ingest_load`` in this process, with the options that stdin gives, as Ansible does."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from ansible.module_utils.testing import patch_module_args

ROOT = Path(__file__).parents[3]
sys.path[0] = str(ROOT)

if __name__ == "__main__":
    with patch_module_args(json.load(sys.stdin)):
        importlib.import_module("plugins.modules.ingest_load").main()
