"""The options that say what a pooler is; documented by the fragment ``dataportal.reingest.poolers``."""

from __future__ import annotations

from typing import Any

POOLERS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {"admin": {"type": "str", "default": ""}, "database": {"type": "str", "default": ""}},
}
