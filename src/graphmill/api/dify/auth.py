"""Which app a request is for: the API key says it (`service-api §2`)."""

from graphmill.api.dify.errors import ApiError
from graphmill.service.apps import App, Catalog

_CHALLENGE = ((b"www-authenticate", b'Bearer realm="api"'),)


def authenticate(catalog: Catalog, authorization: bytes | None) -> App:
    """The app whose key the header carries. Raises ApiError: 401 for the key, 403 for the app."""
    scheme, _, key = (authorization or b"").decode("latin-1").strip().partition(" ")
    if not key:
        raise _unauthorized("Authorization header must be provided and start with 'Bearer'")
    if scheme.lower() != "bearer":
        raise _unauthorized("Authorization scheme must be 'Bearer'")
    app = catalog.find_by_key(key.lstrip())
    if app is None:
        raise _unauthorized("Access token is invalid")
    if not app.api_enabled:
        raise ApiError(403, "forbidden", "The app's API service has been disabled.")
    return app


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "unauthorized", message, headers=_CHALLENGE)
