"""Make the demo portal importable, as PYTHONPATH=demo does for its process."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "demo"))
