"""A whole run whose load another reader has compared; the report says what it could not follow."""

from __future__ import annotations

import pytest
from deployment import RELEASE_1, make_deployment

pytestmark = pytest.mark.full


def test_a_release_that_another_reader_finds_in_its_tables_is_promoted():
    deployment = make_deployment()
    try:
        code, output = deployment.ingest(RELEASE_1, "-e", "load_prove=independent")
        assert code == 0, output
        did = [one for stage in deployment.report()["stages"] for one in stage["did"]]
        assert "find in 10 tables what another reader (DuckDB) finds in the sources" in did
        assert any(one.startswith("count only the NULLs of study: annotations (") for one in did), did
    finally:
        deployment.clear()
