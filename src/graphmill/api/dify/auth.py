"""Which app a request is for: the API key says it (`service-api §2`)."""

from graphmill.api.dify.errors import ApiError
from graphmill.service.apps.catalog import App, Catalog

_CHALLENGE = ((b"www-authenticate", b'Bearer realm="api"'),)


def key_of(authorization: bytes | None) -> str:
    """The key that the header carries. Raises ApiError when there is none."""
    scheme, _, key = (authorization or b"").decode("latin-1").strip().partition(" ")
    if not key:
        raise _unauthorized("Authorization header must be provided and start with 'Bearer'")
    if scheme.lower() != "bearer":
        raise _unauthorized("Authorization scheme must be 'Bearer'")
    return key.lstrip()


def authenticate(catalog: Catalog, key: str) -> App:
    """The app whose key it is. Raises ApiError: 401 for the key, 403 for the app."""
    app = catalog.find_by_key(key)
    if app is None:
        raise _unauthorized("Access token is invalid")
    if not app.api_enabled:
        raise ApiError(403, "forbidden", "The app's API service has been disabled.")
    return app


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "unauthorized", message, headers=_CHALLENGE)
