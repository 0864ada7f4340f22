"""The options that describe a service to a module."""

from __future__ import annotations

from typing import Any

_HEALTH: dict[str, Any] = {
    "container": {"type": "bool", "default": False},
    "tcp": {"type": "str", "default": ""},
    "http": {"type": "str", "default": ""},
    "json": {"type": "dict", "default": {}},
    "postgresql": {"type": "str", "default": "", "no_log": True},
    "database": {"type": "str", "default": ""},
}
SERVICE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["postgresql", "plain", "probe"], "default": "plain"},
    "data": {"type": "path"},
    "linked": {"type": "bool", "default": False},
    "command": {"type": "list", "elements": "str", "default": []},
    "user": {"type": "str", "default": ""},
    "environment": {"type": "dict"},
    "directory": {"type": "path"},
    "health": {"type": "dict", "options": _HEALTH},
    "waits_for_database": {"type": "bool", "default": False},
}
