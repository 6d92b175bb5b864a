import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.ingest.span_extras import (
    decode_resource,
    decode_scope,
    decode_span,
    encode_resource,
    encode_scope,
    span_extras,
)
from flowtrace_mcp.model.telemetry import PayloadEncoding, Resource, Scope

scalars = (
    st.text()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary()
    | st.none()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(st.text(), values, max_size=5)


@given(attributes, st.text())
def test_a_resource_read_back_is_the_resource(sent, schema_url):
    resource = Resource(attributes=sent, schema_url=schema_url)
    assert decode_resource(encode_resource(resource)) == resource


@given(attributes, st.text(), st.text())
def test_a_scope_read_back_is_the_scope(sent, name, version):
    scope = Scope(name=name, version=version, attributes=sent, schema_url="u")
    assert decode_scope(encode_scope(scope)) == scope


@given(attributes)
def test_equal_resources_have_equal_bytes_whatever_the_order_of_their_keys(sent):
    backwards = Resource(attributes=dict(reversed(sent.items())))
    assert encode_resource(Resource(attributes=sent)) == encode_resource(backwards)


def test_a_value_that_is_no_number_survives():
    again = decode_resource(encode_resource(Resource(attributes={"x": math.nan})))
    assert math.isnan(again.attributes["x"])


@pytest.mark.parametrize("decode", [decode_resource, decode_scope])
@pytest.mark.parametrize("data", [b"", b"{}", b"[1, 2]", b"\xff"])
def test_bytes_that_were_not_written_here_are_damage(decode, data):
    with pytest.raises(DamagedError, match="doctor"):
        decode(data)


@pytest.mark.parametrize("encoding", list(PayloadEncoding))
def test_a_span_that_cannot_be_read_back_is_damage(encoding):
    with pytest.raises(DamagedError, match="doctor"):
        decode_span(b"\xff", encoding, Resource(), Scope())
    with pytest.raises(DamagedError, match="doctor"):
        span_extras(b"\xff", encoding)
