"""Files that callers send, and the signed links by which any stored file is read (`service-api §17`)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from graphmill.service.apps import App
from graphmill.storage.end_users import EndUser
from graphmill.storage.uploads import Upload
from graphmill.variables.files import File


@dataclass(frozen=True, slots=True)
class Download:
    upload: Upload
    content: AsyncIterator[bytes]


class Uploads:
    async def save(
        self,
        app: App,
        *,
        name: str,
        mime_type: str,
        chunks: AsyncIterator[bytes],
        owner: Callable[[], Awaitable[EndUser]],
    ) -> Upload:
        """Store a file, whole or not at all; an exception out of `chunks` passes through and leaves nothing behind.

        `owner` is awaited after the last chunk: a form may name its user behind the file.
        Raises FileNameMissing, InvalidParameter (characters of the name), FileTooLarge or StoreError, in the order of
        `service-api §17.2`. What the multipart body must look like is checked by the façade."""
        raise NotImplementedError

    def url_of(self, file: File) -> str | None:
        """Where `file` can be downloaded now: a freshly signed link, or the remote URL."""
        raise NotImplementedError

    async def open_signed(
        self, kind: str, file_id: str, *, timestamp: str, nonce: str, signature: str
    ) -> Download:
        """Open the file a signed link names (`service-api §17.4`); `kind` is `file-preview`, `image-preview` or `tools`.

        Raises SignatureInvalid for a link that is forged or too old, FileNotFound when there is no such file of that kind."""
        raise NotImplementedError
