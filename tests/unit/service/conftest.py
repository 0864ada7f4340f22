"""A whole service on loopback for each test that asks for one."""

from __future__ import annotations

from loopback import service, service_of

__all__ = ["service", "service_of"]
