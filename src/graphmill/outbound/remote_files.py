"""What can be known of a file that a caller named by its URL, without fetching it."""

from urllib.parse import unquote, urlsplit

from graphmill.media_types import (
    Disposition,
    bare_mime_type,
    extension_of,
    mime_type_of,
)
from graphmill.ports.http import HttpClient, HttpRequest, HttpResponse
from graphmill.variables.files import File, TransferMethod, file_type_of

_HEAD_NOT_OFFERED = frozenset({405, 501})


async def describe_remote_file(http: HttpClient, url: str) -> File:
    """Ask for the head of `url` (`service-api §9.2`); an answer other than 200 tells nothing.

    Raises what `HttpClient.request` raises when there is no answer at all."""
    async with http.request(HttpRequest("HEAD", url)) as response:
        if response.status not in _HEAD_NOT_OFFERED:
            return _described(url, response)
    # The body stays unread: leaving the context closes the connection.
    async with http.request(HttpRequest("GET", url)) as response:
        return _described(url, response)


def _described(url: str, response: HttpResponse) -> File:
    is_told = response.status == 200
    headers = response.headers if is_told else {}
    filename = Disposition.parse(headers.get("content-disposition", "")).filename
    filename = filename or unquote(urlsplit(url).path).rpartition("/")[2] or None
    mime_type = mime_type_of(filename or "") or bare_mime_type(headers.get("content-type", ""))
    extension = extension_of(filename, mime_type)
    return File(
        type=file_type_of(extension, mime_type),
        transfer_method=TransferMethod.REMOTE_URL,
        filename=filename,
        extension=extension,
        mime_type=mime_type or None,
        size=response.length if is_told and response.length is not None else -1,
        remote_url=url,
    )
