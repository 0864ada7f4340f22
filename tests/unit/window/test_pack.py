"""The watchdog as one file."""

from __future__ import annotations

import subprocess
import sys
import zipfile

from plugins.module_utils.reingest.window.pack import packed
from plugins.module_utils.reingest.window.watchdog import main


def run(application, *arguments):
    return subprocess.run(
        [sys.executable, application, *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_runs_by_itself_and_ends_where_there_is_nothing_to_watch(tmp_path):
    application = tmp_path / "watch.pyz"
    application.write_bytes(packed(main))
    (tmp_path / "records").mkdir()
    done = run(application, str(tmp_path / "records"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_folder_that_is_gone_is_nothing_to_watch(tmp_path):
    application = tmp_path / "watch.pyz"
    application.write_bytes(packed(main))
    done = run(application, str(tmp_path / "gone"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "gone").exists()


def test_it_has_no_name_of_ansible_in_it(tmp_path):
    application = tmp_path / "watch.pyz"
    application.write_bytes(packed(main))
    with zipfile.ZipFile(application) as archive:
        names = archive.namelist()
        assert "reingest/window/watchdog.py" in names
        for name in names:
            text = archive.read(name).decode()
            assert "import ansible" not in text, name
            assert "from ansible" not in text, name
