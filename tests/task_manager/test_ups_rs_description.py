"""The OpenAPI description against a running server: whatever is generated from it, no answer is a server error."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from actors.shared.ups_face.resources import RESOURCES

EXAMPLES = 10
POSITIVE = GenerationMode.POSITIVE
ROUTES = [(resource.template, method) for resource in RESOURCES for method in resource.transactions]
#: Retrieve Capabilities has no parameters, so that nothing about it can be wrong.
GENERATED = [(*route, mode) for route in ROUTES for mode in GenerationMode if mode is POSITIVE or route[0] != "/"]


@pytest.fixture(scope="module")
def described(task_manager):
    """The description of the routes of UPS-RS."""
    base = task_manager.base.removesuffix("/ups-rs")
    return schemathesis.openapi.from_url(f"{base}/openapi.json")


@pytest.mark.parametrize(("template", "method", "mode"), GENERATED)
@pytest.mark.requirement("AIWI-TM-009")
def test_no_request_that_the_description_allows_or_forbids_is_a_server_error(template, method, mode, described):
    operation = described[f"/ups-rs{template}"][method]

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def every_answer_is_sound(case):
        answer = case.call()
        assert answer.status_code < 500, case.as_curl_command()

    every_answer_is_sound()


@pytest.mark.parametrize(("template", "method"), ROUTES)
def test_every_route_is_described_with_its_parameters_payload_and_statuses(template, method, described):
    (resource,) = (one for one in RESOURCES if one.template == template)
    transaction = resource.transactions[method]
    operation = described.raw_schema["paths"][f"/ups-rs{template}"][method.lower()]
    named = {one["name"] for one in operation.get("parameters", ())}
    assert set(transaction.parameters) <= named
    assert {part[1:-1] for part in template.split("/") if part.startswith("{")} <= named
    assert {str(transaction.success), "400", *map(str, transaction.refusals)} <= set(operation["responses"])
    assert ("requestBody" in operation) == bool(transaction.payload)
    assert transaction.section in operation["description"]
