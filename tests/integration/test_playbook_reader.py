"""A whole run whose load another reader has compared with its sources; the report says what it could not follow."""

from __future__ import annotations

import pytest
from deployment import RELEASE_1, make_deployment

pytestmark = pytest.mark.full


def test_a_release_that_another_reader_finds_in_its_tables_is_promoted():
    deployment = make_deployment()
    try:
        done = deployment.ingest(RELEASE_1, "-e", "load_prove=independent")
        assert done.returncode == 0, done.stdout + done.stderr
        report = deployment.report()
        print(report)
    finally:
        deployment.clear()
