"""Our exceptions, and what only this API refuses, as OCS tells them (`nextcloud-ocs §2.3,
§2.6`)."""

import logging
from typing import Any, Final

from graphmill import errors
from graphmill.api.answers import HeaderPairs, retry_after
from graphmill.api.bodies import BodyRefused

NOT_LOGGED_IN: Final = 997
NO_SUCH_ROUTE: Final = 998
UNHANDLED: Final = 996

logger = logging.getLogger(__name__)


class OcsError(Exception):
    """An answer that is an error. `code` is OCS's, which differs from HTTP's `status` at times."""

    def __init__(
        self,
        status: int,
        message: str,
        data: Any,
        *,
        code: int | None = None,
        headers: HeaderPairs = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = status if code is None else code
        self.message = message
        self.data = data
        self.headers = headers


class PlainError(Exception):
    """An error without the envelope; without a message, it has no body either."""

    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def refused(status: int, message: str, *, headers: HeaderPairs = ()) -> OcsError:
    """By an endpoint. The text stands in both places where clients look for it (`§2.1`)."""
    return OcsError(status, message, {"message": message}, headers=headers)


def not_logged_in(message: str = "Current user is not logged in") -> OcsError:
    return OcsError(401, message, [], code=NOT_LOGGED_IN)


def wrong_password(scheme: str) -> OcsError:
    challenge = (b"www-authenticate", f'{scheme} realm="Authorisation Required"'.encode())
    return OcsError(401, "Unauthorised", [], code=NOT_LOGGED_IN, headers=(challenge,))


def no_such_route() -> OcsError:
    message = (
        "Invalid query, please check the syntax. API specifications are here: "
        "http://www.freedesktop.org/wiki/Specifications/open-collaboration-services.\n"
    )
    return OcsError(404, message, [], code=NO_SUCH_ROUTE)


INTERNAL_ERROR: Final = "Internal error"

ANSWERS: Final[dict[type[errors.GraphmillError], tuple[int, str | None]]] = {
    errors.GraphmillError: (500, INTERNAL_ERROR),
    errors.RequestRefused: (400, None),
    errors.TaskTypeUnknown: (400, None),
    errors.TaskTypeUnavailable: (412, None),
    errors.TaskNotFound: (404, None),
    errors.TaskNotWaiting: (412, None),
    errors.TaskFileDenied: (401, None),
    errors.ProviderNotFound: (404, None),
    errors.FileNotFound: (404, "Not found"),
    errors.TooManyRequests: (429, None),
    errors.UploadRefused: (400, None),
    errors.NoFileUploaded: (400, "Bad request"),
    errors.FileTooLarge: (413, None),
}
"""HTTP status and message; without one, what the exception says. Others count as their base."""


def ocs_error(error: Exception, failure: str = INTERNAL_ERROR) -> OcsError:
    """`error` as this API tells it. What nobody meant to raise is logged, and tells nothing but
    `failure`."""
    if isinstance(error, OcsError):
        return error
    if isinstance(error, BodyRefused):
        return refused(error.status, error.message)
    if not isinstance(error, errors.GraphmillError):
        logger.error("A request failed", exc_info=error)
        return OcsError(500, "Internal Server Error\n", [], code=UNHANDLED)
    status, message = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    if status == 500:
        message = failure
        if isinstance(error, errors.StoreError):
            logger.error("A request failed: %s", error.for_operator())
        else:
            logger.error("A request failed", exc_info=error)
    return refused(status, str(error) if message is None else message, headers=retry_after(error))
