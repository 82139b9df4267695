"""The table from our exceptions to Dify's codes."""

import logging

import pytest

from graphmill import errors
from graphmill.api.dify.errors import ANSWERS, ApiError, api_error, envelope


def every(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(each for child in kind.__subclasses__() for each in every(child))]


@pytest.mark.parametrize("kind", every(errors.GraphmillError), ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_an_answer(kind: type[errors.GraphmillError]) -> None:
    assert kind in ANSWERS


def test_parameter_of_a_schema_error_is_named() -> None:
    error = api_error(errors.InvalidParameter("Must not be null!", "inputs"))
    assert {
        "code": "invalid_param",
        "message": "Must not be null!",
        "status": 400,
        "params": "inputs",
    } == envelope(error)


def test_later_subclass_answers_as_its_base() -> None:
    class Unlisted(errors.RunNotFound):
        pass

    assert (404, "not_found") == (api_error(Unlisted()).status, api_error(Unlisted()).code)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("secret"), errors.StoreError("secret")], ids=["fault", "store"]
)
def test_fault_of_the_server_is_logged_and_not_told(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = api_error(error)
    assert (500, "internal_server_error") == (answer.status, answer.code)
    assert "secret" not in answer.message
    assert "secret" in caplog.text


def test_error_of_this_api_is_itself() -> None:
    error = ApiError(418, "teapot", "short and stout")
    assert error is api_error(error)
