"""The API against its own description: nothing that fits or does not fit it makes the server fail."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.web.conftest import Enter

# Streams never end, and a session that signed itself out would see nothing any more.
_LEFT_OUT = "^/api/events$"


@pytest.mark.parametrize("examples", [4, pytest.param(300, marks=pytest.mark.long)])
def test_no_request_makes_the_server_fail(enter: Enter, examples: int) -> None:
    ann = enter("ann")
    schema = schemathesis.openapi.from_dict(ann.client.get("/api/openapi.json").json()).exclude(path_regex=_LEFT_OUT)
    asked = 0

    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(
            max_examples=examples,
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE))
        def check(case: Case) -> None:
            nonlocal asked
            asked += 1
            kwargs = case.as_transport_kwargs(base_url=str(ann.client.base_url))
            kwargs["headers"] = {**dict(kwargs.get("headers") or {}), "x-csrf-token": ann.csrf}
            kwargs.pop("cookies", None)
            kwargs["content"] = kwargs.pop("data", None)
            answer = ann.client.request(**kwargs)
            assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"
            assert "root:" not in answer.text

        check()
    assert asked > 50
