"""The claim of a run names its ansible-playbook, never what took its worker in when that was killed."""

from __future__ import annotations

import os
import time

import pytest

from plugins.action import run_begin


@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_that_outlives_its_controller_claims_nothing(killed):
    told, tells = os.pipe()
    main = os.fork()
    if main == 0:
        controller = run_begin._CONTROLLER = os.getpid()
        if os.fork() == 0:
            while killed and os.getppid() == controller:
                time.sleep(0.01)
            os.write(tells, str(run_begin.controller()).encode())
        elif not killed:
            os.wait()
        os._exit(0)
    os.close(tells)
    os.waitpid(main, 0)
    assert os.read(told, 20) == (b"0" if killed else str(main).encode())
    os.close(told)
