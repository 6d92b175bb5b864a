import pytest

from flowtrace_mcp.model.telemetry import AttributeValue, Resource


def test_the_service_name_is_read_from_its_attribute() -> None:
    assert Resource(attributes={"service.name": "shop"}).service_name == "shop"


@pytest.mark.parametrize("attributes", [{}, {"service.name": 7}, {"service.name": None}])
def test_a_service_name_that_is_missing_or_not_text_is_empty(
    attributes: dict[str, AttributeValue],
) -> None:
    assert Resource(attributes=attributes).service_name == ""
