"""Files that callers send or runs make, and the signed links by which they are read
(`service-api §17`)."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Final

from graphmill.config.limits import UploadSizes
from graphmill.engine.run import Run
from graphmill.errors import (
    FileNameMissing,
    FileNotFound,
    FileTooLarge,
    InvalidParameter,
    StoreError,
)
from graphmill.files.signing import UrlSigner
from graphmill.ids import new_id
from graphmill.media_types import extension_of
from graphmill.ports.files import FileStore
from graphmill.storage.end_users import EndUser
from graphmill.storage.uploads import NewUpload, Upload, UploadKind, UploadStore
from graphmill.variables.files import (
    File,
    FileType,
    TransferMethod,
    bare_extension,
    file_type_of,
)

MAX_NAME: Final = 200
"""Characters of a stored name before its first dot, if the name is longer than that."""
_MIB: Final = 1024 * 1024
_METHODS: Final = {
    UploadKind.UPLOAD: TransferMethod.LOCAL_FILE,
    UploadKind.TOOL: TransferMethod.TOOL_FILE,
}
UPLOAD_LINK: Final = "file-preview"
TOOL_LINK: Final = "tools"
"""Kinds of signed links; a third one, `image-preview`, is an old name of the first."""


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
        file_type = file_type_of(extension_of(name, None), None)
        return self._limits.get(file_type, self._document_limit)

    async def save(
        self,
        *,
        name: str,
        mime_type: str,
        chunks: AsyncIterator[bytes],
        owner: Callable[[], Awaitable[EndUser]],
        kind: UploadKind = UploadKind.UPLOAD,
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
            return await self._add(
                stream,
                key,
                kind=kind,
                app_id=user.app_id,
                end_user_id=user.id,
                name=_kept_name(name),
                mime_type=mime_type,
            )

    async def keep(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        """Store a file that `run` made, for the run's end user. Raises StoreError."""
        stream = _Measured(_once(content), limit=len(content))
        async with self._stored(stream) as key:
            upload = await self._add(
                stream,
                key,
                kind=UploadKind.TOOL,
                app_id=run.app_id,
                end_user_id=run.end_user_id,
                name=_kept_name(filename),
                mime_type=mime_type,
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

    async def get_by_number(self, number: int) -> Upload | None:
        """The file that Nextcloud's clients know by that number, whosoever it is."""
        return await self._store.get_by_number(number)

    async def get_by_id(self, file_id: str) -> Upload:
        """Whosoever it is. Raises FileNotFound."""
        return await self._get(file_id)

    def open(self, upload: Upload) -> AsyncIterator[bytes]:
        """Its bytes. Raises FileNotFound when they are gone."""
        return self._files.open(upload.key)

    async def link(
        self, upload: Upload, *, content_type: str, disposition: str | None
    ) -> str | None:
        """Where its bytes come with these headers and not by this server, if there is such a
        place. Raises StoreError."""
        return await self._files.link(
            upload.key, content_type=content_type, disposition=disposition
        )

    async def delete(self, upload: Upload) -> None:
        # The bytes first: a row without its file is found again, a file without its row is not.
        await self._files.delete(upload.key)
        await self._store.delete(upload.id)

    def file_of(self, upload: Upload) -> File:
        """`upload` as a value of a run, with a link that can be followed from now on."""
        extension = f".{upload.extension}" if upload.extension else None
        return File(
            type=file_type_of(extension, upload.mime_type),
            transfer_method=_METHODS[upload.kind],
            filename=upload.name,
            extension=extension,
            mime_type=upload.mime_type,
            size=upload.size,
            related_id=upload.id,
            url=self._link(_METHODS[upload.kind], upload.id, extension),
        )

    def url_of(self, file: File) -> str | None:
        """Where `file` can be downloaded now: a freshly signed link, or the remote URL."""
        if file.related_id is None:
            return file.remote_url
        return self._link(TransferMethod(file.transfer_method), file.related_id, file.extension)

    async def read(self, file_id: str, *, limit: int) -> bytes:
        """The bytes of a stored file. Raises FileNotFound, and ValueError when there are more than
        `limit`."""
        upload = await self._get(file_id)
        if upload.size > limit:
            raise ValueError(f"The file {upload.name!r} has more than {limit} bytes.")
        return b"".join([chunk async for chunk in self._files.open(upload.key)])

    async def find_signed(
        self, kind: str, file_id: str, *, timestamp: str, nonce: str, signature: str
    ) -> Upload:
        """The file that a signed link names (`service-api §17.4`); `kind` is `file-preview`,
        `image-preview` or `tools`.

        Raises SignatureInvalid for a link that is forged or too old, FileNotFound when there is no
        such file of that kind."""
        self._signer.verify(kind, file_id, timestamp=timestamp, nonce=nonce, signature=signature)
        upload = await self._get(file_id)
        if (kind == TOOL_LINK) is not (upload.kind is UploadKind.TOOL):
            raise FileNotFound(f"There is no file {file_id}.")
        return upload

    async def _get(self, file_id: str) -> Upload:
        upload = await self._store.get(file_id)
        if upload is None:
            raise FileNotFound(f"There is no file {file_id}.")
        return upload

    def _link(self, method: TransferMethod, file_id: str, extension: str | None) -> str:
        if method is TransferMethod.TOOL_FILE:
            return self._signer.sign(TOOL_LINK, file_id, suffix=extension or "")
        return self._signer.sign(UPLOAD_LINK, file_id)

    @asynccontextmanager
    async def _stored(self, stream: "_Measured") -> AsyncIterator[str]:
        """The key under which the bytes lie; they are taken away again when the block fails.

        Where that fails as well, or the process dies, the key is still announced, and retention
        will see to it."""
        name = new_id()
        key = f"{name[:2]}/{name}"
        await self._store.announce(key, at=self._clock())
        try:
            await self._files.write(key, stream.chunks())
            yield key
        except BaseException:
            with suppress(StoreError):
                await self._files.delete(key)
                await self._store.forget(key)
            raise

    async def _add(
        self,
        stream: "_Measured",
        key: str,
        *,
        kind: UploadKind,
        app_id: str,
        end_user_id: str,
        name: str,
        mime_type: str,
    ) -> Upload:
        return await self._store.add(
            NewUpload(
                id=new_id(),
                app_id=app_id,
                end_user_id=end_user_id,
                kind=kind,
                name=name,
                extension=bare_extension(extension_of(name, None)),
                mime_type=mime_type,
                size=stream.size,
                sha256=stream.digest,
                key=key,
                created_at=self._clock(),
            )
        )


class _Measured:
    """A stream whose length and hash are known once it has passed through."""

    def __init__(self, chunks: AsyncIterator[bytes], *, limit: int) -> None:
        self._chunks = chunks
        self._limit = limit
        self._hash = sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Raises FileTooLarge as soon as there are more than `limit` bytes."""
        async for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise FileTooLarge(f"The file is larger than {self._limit // _MIB} MB.")
            self._hash.update(chunk)
            yield chunk


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _kept_name(name: str) -> str:
    """As sent, but of a long one no more than `MAX_NAME` characters and the extension."""
    name = name.replace("\x00", "")
    if len(name) <= MAX_NAME:
        return name
    return f"{name.partition('.')[0][:MAX_NAME]}{extension_of(name, None) or ''}"
