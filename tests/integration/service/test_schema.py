"""Each request that the OpenAPI permits is answered as it says, by Schemathesis."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings
from loopback import ADA
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tiers import full

from service.__main__ import SCOPES

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@full
def test_every_request_is_answered_as_the_description_says(service):
    token = service.parts.tokens.make("schema", ADA, SCOPES, 1)
    schema = schemathesis.openapi.from_url(f"{service.settings.url}/openapi.json")
    asked = set()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def answered(case):
            case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {token}"})

        answered()
        asked.add(operation.label)
    assert {"POST /api/jobs/ingest", "GET /api/snapshots", "GET /healthz"} <= asked
