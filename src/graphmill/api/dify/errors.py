"""Our exceptions, and the framework's, as Dify's error envelope (`service-api §3`).

`ANSWERS` is the one table from `graphmill.errors` to statuses and codes. What only this API can
complain about (a missing key, an app of the wrong mode, a body that is no JSON) is raised as
`ApiError` where it is noticed."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from graphmill import errors
from graphmill.api.answers import retry_after
from graphmill.api.bodies import BodyRefused
from graphmill.api.dify.answers import JsonAnswer, run_header
from graphmill.jsontext import encode

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that is an error; `parameter` names the top-level parameter that is wrong."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        parameter: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.parameter = parameter
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    code: str
    message: str | None = None
    """Dify's text where clients may match it; None to send what the exception says."""


INTERNAL: Final = Answer(
    500,
    "internal_server_error",
    "The server encountered an internal error and was unable to complete your request. "
    "Either the server is overloaded or there is an error in the application.",
)

ANSWERS: Final[dict[type[errors.GraphmillError], Answer]] = {
    errors.GraphmillError: INTERNAL,
    errors.WorkflowInvalid: Answer(400, "invalid_param"),
    errors.RequestRefused: Answer(400, "invalid_param"),
    errors.InvalidParameter: Answer(400, "invalid_param"),
    errors.NotPublished: Answer(400, "invalid_param", "Workflow not published"),
    errors.VersionIdMalformed: Answer(400, "bad_request"),
    errors.VersionNotFound: Answer(404, "not_found"),
    errors.RunNotFound: Answer(404, "not_found", "Workflow run not found."),
    errors.FileNotFound: Answer(404, "file_not_found", "The requested file was not found."),
    errors.SignatureInvalid: Answer(404, "not_found", "File not found or signature is invalid"),
    errors.EndUserNotFound: Answer(404, "end_user_not_found", "End user not found."),
    errors.ConversationNotFound: Answer(404, "not_found"),
    errors.ConversationVariableNotFound: Answer(404, "not_found"),
    errors.VariableMismatch: Answer(400, "bad_request"),
    errors.MessageNotFound: Answer(404, "not_found"),
    errors.KeyReused: Answer(409, "conflict"),
    errors.FormNotFound: Answer(404, "not_found", "Form not found"),
    errors.FormSubmitted: Answer(412, "human_input_form_submitted"),
    errors.FormExpired: Answer(412, "human_input_form_expired"),
    errors.FormDataInvalid: Answer(400, "invalid_form_data"),
    errors.TooManyRequests: Answer(429, "too_many_requests"),
    errors.TooManyRuns: Answer(429, "too_many_requests"),
    errors.TooManyReaders: Answer(429, "too_many_requests"),
    # Tasks are for the other API.
    errors.TaskTypeUnknown: Answer(400, "invalid_param"),
    errors.TaskTypeUnavailable: Answer(400, "invalid_param"),
    errors.TaskNotFound: Answer(404, "not_found"),
    errors.TaskNotWaiting: Answer(400, "invalid_param"),
    errors.TaskFileDenied: Answer(404, "file_not_found"),
    errors.ProviderNotFound: Answer(404, "not_found"),
    errors.UploadRefused: Answer(400, "invalid_param"),
    errors.NoFileUploaded: Answer(400, "no_file_uploaded", "Please upload your file."),
    errors.TooManyFiles: Answer(400, "too_many_files", "Only one file is allowed."),
    errors.FileTypeMissing: Answer(415, "unsupported_file_type", "File type not allowed."),
    errors.FileNameMissing: Answer(
        400, "filename_not_exists_error", "The specified filename does not exist."
    ),
    errors.FileTooLarge: Answer(413, "file_too_large"),
    errors.StoreError: INTERNAL,
    errors.StoreUnreachable: Answer(503, "s3_connection_failed"),
    errors.StoreDenied: Answer(503, "s3_permission_denied"),
    errors.StoreFull: Answer(503, "s3_file_too_large"),
    errors.TemplateFailed: INTERNAL,
    errors.TemplateUnbounded: INTERNAL,
    errors.CodeFailed: INTERNAL,
    errors.CodeUnavailable: INTERNAL,
    errors.NoWall: INTERNAL,
    errors.DocumentUnreadable: INTERNAL,
    errors.ModelError: Answer(400, "completion_request_error"),
    errors.ModelNotConfigured: Answer(400, "provider_not_initialize"),
    errors.ModelRefused: Answer(400, "model_currently_not_support"),
    errors.NoVoice: Answer(400, "invalid_param", "Sorry, no voice available."),
    errors.ModelFailed: Answer(400, "completion_request_error"),
    errors.KnowledgeError: INTERNAL,
    errors.DatasetNotFound: INTERNAL,
    errors.KnowledgeFailed: INTERNAL,
    errors.ToolError: Answer(400, "invalid_param"),
    errors.ToolNotFound: Answer(400, "invalid_param"),
    errors.ToolFailed: Answer(400, "invalid_param"),
    errors.RunSuspended: Answer(503, "service_unavailable"),
    errors.ReplayDiverged: INTERNAL,
    errors.MailFailed: INTERNAL,
    errors.MailRefused: INTERNAL,
    errors.FormsUnavailable: INTERNAL,
    errors.OutboundRefused: Answer(400, "invalid_param"),
    errors.ConfigInvalid: INTERNAL,
}

_BODY_ERRORS: Final[dict[int, tuple[str, Sequence[tuple[bytes, bytes]]]]] = {
    400: ("bad_request", ()),
    408: ("request_timeout", ((b"connection", b"close"),)),
}

ROUTING_ERRORS: Final = {
    404: ("not_found", "The requested URL was not found on the server."),
    405: ("method_not_allowed", "The method is not allowed for the requested URL."),
}


def not_found() -> ApiError:
    return ApiError(404, *ROUTING_ERRORS[404])


def not_workflow_app() -> ApiError:
    return ApiError(
        400, "not_workflow_app", "Please check if your app mode matches the right API route."
    )


def not_chat_app() -> ApiError:
    return ApiError(
        400, "not_chat_app", "Please check if your app mode matches the right API route."
    )


def app_unavailable() -> ApiError:
    return ApiError(
        400, "app_unavailable", "App unavailable, please check your app configurations."
    )


def api_error(error: Exception) -> ApiError:
    """`error` as this API tells it. What nobody meant to raise is logged, and tells the caller
    nothing."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, BodyRefused):
        code, headers = _BODY_ERRORS[error.status]
        return ApiError(error.status, code, error.message, headers=headers)
    answer = INTERNAL
    if isinstance(error, errors.GraphmillError):
        answer = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    if isinstance(error, errors.StoreError):
        logger.error("A request failed: %s", error.for_operator())
    elif answer is INTERNAL:
        logger.error("A request failed", exc_info=error)
    return ApiError(
        answer.status,
        answer.code,
        answer.message if answer.message is not None else str(error),
        parameter=error.parameter if isinstance(error, errors.InvalidParameter) else None,
        headers=_headers(error),
    )


def _headers(error: Exception) -> Sequence[tuple[bytes, bytes]]:
    if isinstance(error, errors.RunSuspended):
        return run_header(error.run_id)
    return retry_after(error)


def envelope(error: ApiError) -> dict[str, str | int]:
    body: dict[str, str | int] = {
        "code": error.code,
        "message": error.message,
        "status": error.status,
    }
    if error.parameter is not None:
        body["params"] = error.parameter
    return body


def error_answer(error: Exception) -> JsonAnswer:
    refusal = api_error(error)
    return JsonAnswer(encode(envelope(refusal)), status=refusal.status, headers=refusal.headers)


def routing_answer(request: Request, error: Exception) -> Response:
    """What the router raises: no such path, or not with this method.

    No endpoint has the method OPTIONS. For a path that exists it is answered with the methods it
    has, which is what a browser's preflight wants to hear."""
    assert isinstance(error, HTTPException), "the handler is registered for this class only"
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] += ", OPTIONS"
    if request.method == "OPTIONS" and error.status_code == 405:
        return HTMLResponse(headers=headers)
    code, message = ROUTING_ERRORS[error.status_code]
    body = encode(envelope(ApiError(error.status_code, code, message)))
    return Response(body, error.status_code, headers, media_type="application/json")
