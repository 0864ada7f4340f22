"""Share the bundles of modules between the runs of a test session.

For each module that a run calls, ansible-playbook finds and packs all files that it imports: 0.2 to 0.9 s
of CPU, for the same bytes in each run. It keeps them until it ends, in its own temporary folder. Here that
folder has a link to one that all runs of the session have in common. Ansible locks what it writes there, and
renames it when it is whole: its own workers are several, too.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: shared_bundles
type: aggregate
short_description: Share the bundles of modules between runs
description: For the tests of this repository alone.
"""


class CallbackModule(CallbackBase):
    """Lead the run's cache of bundles to the folder that the environment names."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "shared_bundles"
    CALLBACK_NEEDS_ENABLED = False  # what ansible.cfg enables stays as it is

    def __init__(self):
        super().__init__()
        shared = Path(os.environ["REINGEST_TEST_BUNDLES"])
        shared.mkdir(mode=0o700, exist_ok=True)
        (Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache").symlink_to(shared)
