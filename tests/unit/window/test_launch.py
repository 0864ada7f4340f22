"""How the watchdog is started at a boot, in the words of systemd and cron."""

from __future__ import annotations

from pathlib import Path

from plugins.module_utils.reingest.window.launch import reboot_line, unit_name, unit_text

RECORDS = Path('/var/lib/50% "off"/services')
COMMAND = ["/usr/bin/python3", str(RECORDS / "reingest-watch.pyz"), str(RECORDS)]


def test_a_unit_waits_for_the_volume_and_leaves_what_it_started(make_window):
    text = unit_text(RECORDS, make_window(volume="/srv/pg"), COMMAND)
    assert 'RequiresMountsFor="/var/lib/50%% \\"off\\"/services" "/srv/pg"\n' in text
    assert 'ExecStart="/usr/bin/python3" "/var/lib/50%% \\"off\\"/services/reingest-watch.pyz"' in text
    assert "Restart=on-failure\n" in text
    assert "KillMode=process\n" in text
    assert "WantedBy=multi-user.target\n" in text


def test_a_line_of_cron_is_quoted_for_the_shell_and_for_cron():
    line = reboot_line(RECORDS, COMMAND)
    assert line.startswith("@reboot /usr/bin/python3 '/var/lib/50\\% \"off\"/services/reingest-watch.pyz' ")
    assert line.endswith(f"# {unit_name(RECORDS)}")


def test_two_portals_have_two_units():
    assert unit_name(Path("/var/lib/a")) != unit_name(Path("/var/lib/b"))
