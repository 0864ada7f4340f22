"""File systems for the tests: images behind loop devices, and bind mounts; gone when the stack is closed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_MAKE = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}


def needs(*programs):
    """Leave the test out, which is a failure where CI is set, unless it may mount and has the programs."""
    missing = [name for name in programs if shutil.which(name) is None]
    told = "NOT RUN: only root may mount" if os.geteuid() else ""
    told = told or (f"NOT RUN: {', '.join(missing)} is not installed" if missing else "")
    if told:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)


def mount(stack, *arguments, at):
    """Mount, until the stack is closed."""
    Path(at).mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *map(str, arguments), str(at)], check=True)
    stack.callback(subprocess.run, ["umount", "--lazy", str(at)], check=True)
    return Path(at)


def bind(stack, source, at):
    return mount(stack, "--bind", source, at=at)


def image(stack, kind, at, *, backing, size="512M"):
    """Make a file system in a file and mount it; ``lost+found`` goes, an ``ingest/`` cannot have it."""
    needs(_MAKE[kind][0])
    subprocess.run(["truncate", "--size", size, backing], check=True)
    subprocess.run([*_MAKE[kind], backing], check=True, stdout=subprocess.DEVNULL)
    mounted = mount(stack, "-o", "loop", backing, at=at)
    if (mounted / "lost+found").is_dir():
        (mounted / "lost+found").rmdir()
    return mounted
