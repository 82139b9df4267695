"""Files that lie about on this machine, for a run without a file store."""

import asyncio
import tempfile
from pathlib import Path

from graphmill.engine.run import Run
from graphmill.errors import FileNotFound, InvalidParameter
from graphmill.ids import new_id
from graphmill.media_types import UNKNOWN, extension_of, mime_type_of
from graphmill.ports.http import HttpClient
from graphmill.service.files.remote import find_remote, read_remote
from graphmill.variables.file_references import FileReference
from graphmill.variables.files import File, TransferMethod, file_type_of


class LooseFiles:
    """`ports.FileVault` and `inputs.Find` over paths that were laid open with `add`."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._paths: dict[str, Path] = {}
        self._made: Path | None = None

    def add(self, path: Path) -> str:
        """Let runs read the file at `path`; the id by which inputs name it."""
        file_id = new_id()
        self._paths[file_id] = path
        return file_id

    async def find(self, reference: FileReference) -> File:
        if reference.url is not None:
            return await find_remote(self._http, reference.url)
        path = self._paths.get(reference.stored_id or "")
        if path is None:
            raise InvalidParameter("Invalid upload file")
        return _describe(path, TransferMethod.LOCAL_FILE, reference.stored_id)

    async def read(self, file: File, *, limit: int) -> bytes:
        if file.related_id is None:
            return await read_remote(self._http, file, limit=limit)
        path = self._paths.get(file.related_id)
        if path is None:
            raise FileNotFound(f"There is no file {file.related_id}.")
        content = await asyncio.to_thread(path.read_bytes)
        if len(content) > limit:
            raise ValueError(f"{path} has more than {limit} bytes.")
        return content

    async def save(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        """Written to a temporary folder, which outlives the run: its outputs tell the path."""
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="graphmill-"))
        file_id = new_id()
        extension = extension_of(filename, mime_type) or ""
        path = self._paths[file_id] = self._made / f"{file_id}{extension}"
        await asyncio.to_thread(path.write_bytes, content)
        return _describe(path, TransferMethod.TOOL_FILE, file_id, filename, mime_type)


def _describe(
    path: Path,
    method: TransferMethod,
    file_id: str | None,
    filename: str | None = None,
    mime_type: str | None = None,
) -> File:
    name = filename or path.name
    mime_type = mime_type or mime_type_of(name) or UNKNOWN
    extension = extension_of(name, mime_type)
    return File(
        type=file_type_of(extension, mime_type),
        transfer_method=method,
        filename=name,
        extension=extension,
        mime_type=mime_type,
        size=path.stat().st_size,
        related_id=file_id,
        url=path.absolute().as_uri(),
    )
