"""What `make demo` says while ansible-playbook runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PLAY = Path(__file__).parents[3] / "demo/play.py"


def run(log, program):
    return subprocess.run(
        [sys.executable, PLAY, log, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_play_and_the_progress_of_a_load_have_a_line_and_the_log_has_all(tmp_path):
    said = [
        "PLAY [Switch production] ****",
        "TASK [x] ****",
        "demo: total  [##--]  50%  9 rows",
        "ok: [demo]",
    ]
    ran = run(tmp_path / "log", f"print('\\n'.join({said!r}))")
    assert [line.partition(" s  ")[2] for line in ran.stdout.splitlines()] == [
        "Switch production",
        "  total [##--] 50% 9 rows",
    ]
    assert (tmp_path / "log").read_text().splitlines() == said
    assert ran.returncode == 0


def test_of_a_failure_all_is_printed_and_the_exit_code_is_the_commands(tmp_path):
    ran = run(tmp_path / "log", "import sys; print('why'); sys.exit(4)")
    assert (ran.returncode, ran.stderr) == (4, "why\n")
