"""Files that callers send or runs make, and the signed links by which they are read
(`service-api §17`)."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from graphmill.config import UploadSizes
from graphmill.errors import FileNameMissing, FileNotFound, FileTooLarge, InvalidParameter
from graphmill.files.signing import UrlSigner
from graphmill.ids import new_id
from graphmill.media_types import extension_of
from graphmill.ports import FileStore
from graphmill.service.apps import App
from graphmill.storage.end_users import EndUser
from graphmill.storage.uploads import Upload, UploadKind, UploadStore
from graphmill.variables.files import File, FileType, TransferMethod, file_type_of

MAX_NAME: Final = 200
"""Characters of a stored name before its first dot, if the name is longer than that."""
_MIB: Final = 1024 * 1024
_METHODS: Final = {
    UploadKind.UPLOAD: TransferMethod.LOCAL_FILE,
    UploadKind.TOOL: TransferMethod.TOOL_FILE,
}
_LINKS: Final = {UploadKind.UPLOAD: "file-preview", UploadKind.TOOL: "tools"}


@dataclass(frozen=True, slots=True)
class Download:
    upload: Upload
    content: AsyncIterator[bytes]


class Uploads:
    def __init__(
        self,
        store: UploadStore,
        files: FileStore,
        signer: UrlSigner,
        *,
        sizes: UploadSizes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._files = files
        self._signer = signer
        self._limits = {
            FileType.IMAGE: sizes.image * _MIB,
            FileType.AUDIO: sizes.audio * _MIB,
            FileType.VIDEO: sizes.video * _MIB,
        }
        self._document_limit = sizes.document * _MIB
        self._clock = clock

    def limit_of(self, name: str) -> int:
        """How many bytes a file of that name may have (`service-api §17.2`)."""
        file_type = file_type_of(extension_of(name), None)
        return self._limits.get(file_type, self._document_limit)

    async def save(
        self,
        app: App,
        *,
        name: str,
        mime_type: str,
        chunks: AsyncIterator[bytes],
        owner: Callable[[], Awaitable[EndUser]],
    ) -> Upload:
        """Store a file, whole or not at all; an exception out of `chunks` passes through and leaves
        nothing behind.

        `owner` is awaited after the last chunk: a form may name its user behind the file. Raises
        FileNameMissing, InvalidParameter (characters of the name), FileTooLarge or StoreError, in
        the order of `service-api §17.2`. What the multipart body must look like is checked by the
        façade."""
        if not name:
            raise FileNameMissing("The file has no name.")
        if "/" in name or "\\" in name:
            raise InvalidParameter("Filename contains invalid characters")
        stream = _Measured(chunks, limit=self.limit_of(name))
        async with self._stored(stream) as key:
            user = await owner()
            return await self._record(
                UploadKind.UPLOAD, app.id, user.id, _kept_name(name), mime_type, stream, key
            )

    async def keep(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        """Store a file that `run` made, for the run's end user."""
        stream = _Measured(_once(content), limit=len(content))
        async with self._stored(stream) as key:
            upload = await self._record(
                UploadKind.TOOL, run.app_id, run.end_user_id, filename, mime_type, stream, key
            )
        return self.file_of(upload)

    async def find(self, method: TransferMethod, file_id: str, user: EndUser) -> File:
        """A stored file that `user` may use (`service-api §9.4`). Raises FileNotFound."""
        upload = await self._store.get(file_id)
        if (
            upload is None
            or _METHODS[upload.kind] is not method
            or (upload.app_id, upload.end_user_id) != (user.app_id, user.id)
        ):
            raise FileNotFound(f"There is no file {file_id} for this user.")
        return self.file_of(upload)

    def file_of(self, upload: Upload) -> File:
        """`upload` as a value of a run, with a link that can be read from now on."""
        ...

    def url_of(self, file: File) -> str | None:
        """Where `file` can be downloaded now: a freshly signed link, or the remote URL."""

    async def open_signed(
        self, kind: str, file_id: str, *, timestamp: str, nonce: str, signature: str
    ) -> Download:
        """Open the file a signed link names (`service-api §17.4`); `kind` is `file-preview`,
        `image-preview` or `tools`.

        Raises SignatureInvalid for a link that is forged or too old, FileNotFound when there is no
        such file of that kind."""
