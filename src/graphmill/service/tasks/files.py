"""Files in and out of tasks (`nextcloud-ocs §8.4, §19.3`). Clients know a file by a number."""

from collections.abc import AsyncIterator
from typing import Any

from graphmill.errors import FileNotFound, InvalidParameter, TaskFileDenied
from graphmill.ids import OCS_APP_ID, ocs_user_id_of
from graphmill.media_types import UNKNOWN, mime_type_of
from graphmill.service.files.access import FileAccess
from graphmill.service.files.uploads import Uploads
from graphmill.service.runs.inputs import Find
from graphmill.service.tasks.shapes import TaskType
from graphmill.service.tasks.validation import Values
from graphmill.storage.end_users import EndUser
from graphmill.storage.ocs_tasks import Task
from graphmill.storage.uploads import Upload, UploadKind
from graphmill.variables.file_references import FileReference
from graphmill.variables.files import File, TransferMethod


def owner_of(task: Task) -> str:
    """Whom the files of a task belong to: its user, or the task itself when it has none."""
    return f"task {task.id}" if task.user_id is None else owner_named(task.user_id)


def owner_named(user_id: str) -> str:
    return f"user {user_id}"


def end_user_of(owner: str, app_id: str, created_at: float, name: str) -> EndUser:
    """The owner among the end users of an app: nobody whom callers of that app can name."""
    return EndUser(ocs_user_id_of(app_id, owner), app_id, name, created_at)


class TaskFiles:
    def __init__(self, uploads: Uploads, access: FileAccess, *, largest: int) -> None:
        """`largest`: bytes of a remote file that a run gives out."""
        self._uploads = uploads
        self._access = access
        self._largest = largest

    async def add(
        self,
        owner: str,
        *,
        name: str,
        mime_type: str | None,
        chunks: AsyncIterator[bytes],
        is_result: bool = False,
    ) -> Upload:
        """Store a file, whole or not at all. Raises UploadRefused, InvalidParameter (characters of
        the name) or StoreError."""

        async def end_user() -> EndUser:
            return end_user_of(owner, OCS_APP_ID, 0.0, owner)

        return await self._uploads.save(
            name=name,
            mime_type=mime_type or mime_type_of(name) or UNKNOWN,
            chunks=chunks,
            owner=end_user,
            kind=UploadKind.TOOL if is_result else UploadKind.UPLOAD,
        )

    async def find(self, number: int, owner: str) -> Upload | None:
        """The file of that number, if it is the owner's."""
        upload = await self._uploads.get_by_number(number)
        return upload if upload is not None and _belongs(upload, owner) else None

    def open(self, upload: Upload) -> AsyncIterator[bytes]:
        """Raises FileNotFound when the bytes are gone."""
        return self._uploads.open(upload)

    async def check_input(self, task_type: TaskType, values: Values, user_id: str | None) -> None:
        """May the user hand these files to a task? Raises InvalidParameter for a file that does not
        exist, TaskFileDenied for somebody else's."""
        numbers = list(task_type.file_ids(values))
        if numbers and user_id is None:
            raise TaskFileDenied("Cannot schedule task with files referenced without user context")
        uploads = [await self._uploads.get_by_number(number) for number in numbers]
        for number, upload in zip(numbers, uploads, strict=True):
            if upload is None:
                raise InvalidParameter(f"Could not find file {number}")
        for upload in uploads:
            if upload is not None and not _belongs(upload, owner_named(user_id or "")):
                raise TaskFileDenied(
                    "User does not have access to the files mentioned in the task input"
                )

    async def check_output(self, task_type: TaskType, values: Values, owner: str) -> None:
        """Does the output name files of the task's owner only? Raises ValueError."""
        for number in task_type.file_ids(values):
            if await self.find(number, owner) is None:
                raise ValueError(f"Could not find file {number}")

    async def describe(self, number: int) -> dict[str, Any]:
        """How the inputs of a run name the file; whether it may, `finder` looks at."""
        upload = await self._uploads.get_by_number(number)
        if upload is None:
            raise InvalidParameter(f"Could not find file {number}")
        is_result = upload.kind is UploadKind.TOOL
        method = TransferMethod.TOOL_FILE if is_result else TransferMethod.LOCAL_FILE
        key = "tool_file_id" if is_result else "upload_file_id"
        return {"transfer_method": method.value, key: upload.id}

    def finder(self, owner: str) -> Find:
        """Looks for the files of one owner."""

        async def find(reference: FileReference) -> File:
            try:
                upload = await self._uploads.get_by_id(reference.stored_id or "")
            except FileNotFound:
                raise InvalidParameter("The file is gone.") from None
            if not _belongs(upload, owner):
                raise InvalidParameter("The file belongs to somebody else.")
            return self._uploads.file_of(upload)

        return find

    async def number_of(self, file: File, owner: str) -> int:
        """By which clients know a file of a run; one of the web is fetched and kept."""
        if file.related_id is not None:
            return (await self._uploads.get_by_id(file.related_id)).number
        content = await self._access.read(file, limit=self._largest)
        kept = await self.add(
            owner,
            name=file.filename or "file",
            mime_type=file.mime_type,
            chunks=_once(content),
            is_result=True,
        )
        return kept.number

    async def results_in(self, task_type: TaskType, output: Values) -> tuple[int, ...]:
        """The files of an output that were made for it."""
        numbers = []
        for number in task_type.file_ids(output):
            upload = await self._uploads.get_by_number(number)
            if upload is not None and upload.kind is UploadKind.TOOL:
                numbers.append(number)
        return tuple(numbers)

    async def remove(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            upload = await self._uploads.get_by_number(number)
            if upload is not None:
                await self._uploads.delete(upload)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _belongs(upload: Upload, owner: str) -> bool:
    return upload.end_user_id == ocs_user_id_of(upload.app_id, owner)
