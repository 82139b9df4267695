"""Files as requests name them and as nodes see them: stored ones and those of the web."""

from graphmill.engine.run import Run
from graphmill.errors import FileNotFound, InvalidParameter
from graphmill.ports.http import HttpClient
from graphmill.service.files.remote import find_remote, read_remote
from graphmill.service.files.uploads import Uploads
from graphmill.storage.end_users import EndUser
from graphmill.variables.file_references import FileReference
from graphmill.variables.files import File, TransferMethod


class FileAccess:
    """`ports.FileVault` for nodes, and `inputs.Find` for requests."""

    def __init__(self, uploads: Uploads, http: HttpClient) -> None:
        self._uploads = uploads
        self._http = http

    async def find(self, reference: FileReference, *, user: EndUser) -> File:
        """The file that `reference` names. Raises InvalidParameter, also for a file of another
        user (`service-api §9.4`)."""
        if reference.url is not None:
            return await find_remote(self._http, reference.url)
        assert reference.stored_id is not None, "a reference has a URL or the id of a stored file"
        try:
            return await self._uploads.find(reference.transfer_method, reference.stored_id, user)
        except FileNotFound:
            if reference.transfer_method is TransferMethod.TOOL_FILE:
                message = f"ToolFile {reference.stored_id} not found"
            else:
                message = "Invalid upload file"
            raise InvalidParameter(message) from None

    async def read(self, file: File, *, limit: int) -> bytes:
        """The bytes of `file`. Raises FileNotFound, ValueError when there are more than `limit`,
        and for a remote file what `HttpClient.request` raises."""
        if file.related_id is not None:
            return await self._uploads.read(file.related_id, limit=limit)
        return await read_remote(self._http, file, limit=limit)

    async def save(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        return await self._uploads.keep(content, filename=filename, mime_type=mime_type, run=run)
