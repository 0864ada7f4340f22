"""What rows come from."""

from __future__ import annotations

from pathlib import Path

Source = Path
