"""Files of the web: as requests name them, and as nodes read them."""

from graphmill.errors import FileNotFound, InvalidParameter, OutboundRefused
from graphmill.outbound.remote_files import describe_remote_file
from graphmill.ports.http import HttpClient, HttpRequest
from graphmill.variables.files import File


async def find_remote(http: HttpClient, url: str) -> File:
    """The file at `url`. Raises InvalidParameter when nobody answers there."""
    try:
        return await describe_remote_file(http, url)
    except (OutboundRefused, ConnectionError, TimeoutError, ValueError) as error:
        raise InvalidParameter(f"The file at {url} cannot be reached: {error}") from None


async def read_remote(http: HttpClient, file: File, *, limit: int) -> bytes:
    """The bytes of `file`. Raises FileNotFound, ValueError when there are more than `limit`, and
    what `HttpClient.request` raises."""
    if file.remote_url is None:
        raise FileNotFound(f"The file {file.filename!r} has no address.")
    async with http.request(HttpRequest("GET", file.remote_url)) as response:
        if response.status != 200:
            raise FileNotFound(f"{file.remote_url} answers with status {response.status}.")
        content = await response.read(limit=limit)
    if len(content) > limit:
        raise ValueError(f"{file.remote_url} has more than {limit} bytes.")
    return content
