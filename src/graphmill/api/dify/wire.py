"""Values as this API shows them: JSON, in which a file carries its link (`service-api §9.5`)."""

from collections.abc import Callable

from graphmill.jsontext import encode
from graphmill.variables.files import IDENTITY, WORKSPACE_ID, File, TransferMethod


class Wire:
    """Encodes answers and events. Links are signed as they are written, so each reading gives fresh
    ones."""

    __slots__ = ("_url_of",)

    def __init__(self, url_of: Callable[[File], str | None]) -> None:
        self._url_of = url_of

    def encode(self, content: object) -> bytes:
        return encode(content, default=self.show)

    def show(self, value: object) -> dict[str, object]:
        """A file. Raises TypeError for what is none."""
        if not isinstance(value, File):
            raise TypeError(f"{type(value).__name__} is no JSON value")
        url = self._url_of(value)
        is_upload = value.transfer_method == TransferMethod.LOCAL_FILE
        return {
            "dify_model_identity": IDENTITY,
            "id": value.id,
            "tenant_id": WORKSPACE_ID,
            "type": value.type,
            "transfer_method": value.transfer_method,
            # Dify gives an upload its link here too, and a file made by a run none.
            "remote_url": url if is_upload else value.remote_url,
            "related_id": value.related_id,
            "reference": value.related_id,
            "filename": value.filename,
            "extension": value.extension,
            "mime_type": value.mime_type,
            "size": value.size,
            "url": url,
        }
