import os
import sys
from pathlib import Path

from plugins.module_utils.reingest.external_loader.keeper import start_kept


def run(*argv, ended=False):
    """Run a command to its end, or end it after its first line; return how it ended and what it wrote."""
    kept = start_kept(argv, dict(os.environ), Path("/"))
    output = b""
    if ended:
        while not output.endswith(b"\n"):  # a line may come in parts
            output += os.read(kept.output, 100)
        kept.end()
    while block := os.read(kept.output, 1 << 16):
        output += block
    os.close(kept.output)
    if not ended:
        kept.end()
    return kept.wait(), output.decode()


def test_an_exit_code_comes_back_with_what_was_written():
    assert run("sh", "-c", "echo out; echo err >&2; exit 5") == ("5", "out\nerr\n")


def test_a_signal_is_told_from_an_exit_code():
    assert run("sh", "-c", "kill -9 $$")[0] == "signal 9"


def test_a_program_that_cannot_be_started_says_why():
    assert run("/nowhere/loader")[0] == "it cannot be started: No such file or directory"


def test_a_process_may_clean_up_when_it_is_ended():
    program = "import signal, time\ndef end(*_):\n    print('cleaned up', flush=True)\n    raise SystemExit\n"
    program += "signal.signal(signal.SIGTERM, end)\nprint('ready', flush=True)\ntime.sleep(600)"
    assert run(sys.executable, "-c", program, ended=True)[1] == "ready\ncleaned up\n"
