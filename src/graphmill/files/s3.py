"""Files as objects in a bucket of S3, Amazon's or any service that speaks its protocol.

boto3 blocks, so its calls run in threads of their own. It is imported and connected with the first
call: a server that keeps files on its own disk does without.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from graphmill.config.storage import S3Settings
from graphmill.errors import (
    FileNotFound,
    GraphmillError,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnreachable,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

CHUNK: Final = 1024 * 1024
"""Bytes read at a time, each with a request of its own: a slow reader holds no connection."""
PART: Final = 5 * 1024 * 1024
"""Bytes of each part of a large file but its last: the fewest that S3 takes, since every upload
under way holds so many."""
THREADS: Final = 16
"""Calls at a time; others wait."""
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 30
LINK_SECONDS: Final = 300
"""How long a presigned URL can be followed."""
ATTEMPTS: Final = 2
"""How often a call is tried while the service is out of reach or says that it is busy."""

_FAULTS: Final[dict[str, type[StoreError]]] = {
    "EntityTooLarge": StoreFull,
    "InsufficientStorage": StoreFull,
    "QuotaExceeded": StoreFull,
    "XMinioAdminBucketQuotaExceeded": StoreFull,
    "XMinioStorageFull": StoreFull,
    "413": StoreFull,
    "507": StoreFull,
    "AccessDenied": StoreDenied,
    "AccountProblem": StoreDenied,
    "AllAccessDisabled": StoreDenied,
    "ExpiredToken": StoreDenied,
    "InvalidAccessKeyId": StoreDenied,
    "InvalidToken": StoreDenied,
    "RequestTimeTooSkewed": StoreDenied,
    "SignatureDoesNotMatch": StoreDenied,
    "401": StoreDenied,
    "403": StoreDenied,
}
"""By the code of an answer, which is its status where it has no body. All others count as
unreachable, such as that of a bucket that does not exist."""
_NO_SUCH_RANGE: Final = frozenset({"416", "InvalidRange"})
_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchUpload"})
_SENTENCES: Final[dict[type[StoreError], str]] = {
    StoreDenied: "The file store refuses access.",
    StoreFull: "The file store has no room for this file.",
    StoreUnreachable: "The file store cannot be reached.",
}

T = TypeVar("T")


class S3Files:
    """A `FileStore`. Close it when it is no longer needed."""

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = _Bucket(settings)
        self._links = settings.presigned_urls
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        upload = _Upload(self._bucket, key)
        size, part = 0, bytearray()
        try:
            async for chunk in chunks:
                size += len(chunk)
                part += chunk
                while len(part) > PART:
                    await self._call(upload.add, bytes(part[:PART]))
                    del part[:PART]
            await self._call(upload.finish, bytes(part))
        except BaseException:
            # Where that fails as well, `undo` comes later.
            with suppress(StoreError, FileNotFound):
                await self._call(upload.abort)
            raise
        return size

    async def open(self, key: str) -> AsyncIterator[bytes]:
        position, size = 0, 1
        while position < size:
            chunk, size = await self._call(self._bucket.read, key, position)
            position += len(chunk)
            yield chunk

    async def link(self, key: str, *, content_type: str, disposition: str | None) -> str | None:
        if not self._links:
            return None
        return await self._call(self._bucket.link, key, content_type, disposition)

    async def size(self, key: str) -> int | None:
        try:
            return await self._call(self._bucket.size, key)
        except FileNotFound:
            return None

    async def delete(self, key: str) -> None:
        await self._call(self._bucket.delete, key)

    async def undo(self, key: str) -> None:
        await self._call(self._bucket.abort_uploads, key)
        await self._call(self._bucket.delete, key)

    async def close(self) -> None:
        """Wait for the calls under way; they have time limits."""
        await asyncio.to_thread(self._threads.shutdown)
        self._bucket.close()

    async def _call(self, call: Callable[..., T], *arguments: object) -> T:
        """`call` in a thread. Who is cancelled waits for its end all the same: before that, nobody
        could undo what it does."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, partial(_translated, call, *arguments))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise


class _Bucket:
    """The objects below the prefix, as blocking calls for many threads."""

    def __init__(self, settings: S3Settings) -> None:
        assert settings.bucket is not None, "the settings were checked"
        self._settings = settings
        self._connecting = Lock()
        self._client: S3Client | None = None
        self.name = settings.bucket

    def client(self) -> "S3Client":
        with self._connecting:
            if self._client is None:
                self._client = _connect(self._settings)
            return self._client

    def object_name(self, key: str) -> str:
        prefix = self._settings.prefix.strip("/")
        return f"{prefix}/{key}" if prefix else key

    def read(self, key: str, position: int) -> tuple[bytes, int]:
        """One chunk of an object, and the size of the whole."""
        client, end = self.client(), position + CHUNK - 1
        try:
            answer = client.get_object(
                Bucket=self.name, Key=self.object_name(key), Range=f"bytes={position}-{end}"
            )
        except client.exceptions.ClientError as error:
            if position == 0 and _code(error) in _NO_SUCH_RANGE:
                # An empty object has no first byte.
                return b"", 0
            raise
        with closing(answer["Body"]) as body:
            content = body.read()
        return content, int(answer["ContentRange"].rpartition("/")[2])

    def link(self, key: str, content_type: str, disposition: str | None) -> str:
        asked = {"ResponseContentType": content_type}
        if disposition is not None:
            asked["ResponseContentDisposition"] = disposition
        return self.client().generate_presigned_url(
            "get_object",
            Params={"Bucket": self.name, "Key": self.object_name(key), **asked},
            ExpiresIn=LINK_SECONDS,
        )

    def size(self, key: str) -> int:
        answer = self.client().head_object(Bucket=self.name, Key=self.object_name(key))
        return answer["ContentLength"]

    def delete(self, key: str) -> None:
        self.client().delete_object(Bucket=self.name, Key=self.object_name(key))

    def abort_uploads(self, key: str) -> None:
        """Forget the parts of uploads that nobody will complete."""
        client, name = self.client(), self.object_name(key)
        uploads = client.list_multipart_uploads(Bucket=self.name, Prefix=name)
        for upload in uploads.get("Uploads", ()):
            if upload["Key"] == name:
                client.abort_multipart_upload(
                    Bucket=self.name, Key=name, UploadId=upload["UploadId"]
                )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


class _Upload:
    """One object on its way into the bucket, in blocking calls one after the other: small ones at
    once, others in parts."""

    def __init__(self, bucket: _Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._name = bucket.object_name(key)
        self._id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []
        self._is_finishing = False

    def add(self, content: bytes) -> None:
        client, bucket = self._bucket.client(), self._bucket.name
        if self._id is None:
            begun = client.create_multipart_upload(Bucket=bucket, Key=self._name)
            self._id = begun["UploadId"]
        number = len(self._parts) + 1
        part = client.upload_part(
            Bucket=bucket, Key=self._name, UploadId=self._id, PartNumber=number, Body=content
        )
        self._parts.append({"ETag": part["ETag"], "PartNumber": number})

    def finish(self, rest: bytes) -> None:
        client, bucket = self._bucket.client(), self._bucket.name
        if self._id is None:
            self._is_finishing = True
            client.put_object(Bucket=bucket, Key=self._name, Body=rest)
            return
        self.add(rest)
        self._is_finishing = True
        client.complete_multipart_upload(
            Bucket=bucket,
            Key=self._name,
            UploadId=self._id,
            MultipartUpload={"Parts": self._parts},
        )

    def abort(self) -> None:
        """Leave nothing. The object may be there although its writing seemed to fail."""
        if self._is_finishing:
            self._bucket.delete(self._key)
        if self._id is not None:
            self._bucket.client().abort_multipart_upload(
                Bucket=self._bucket.name, Key=self._name, UploadId=self._id
            )


def _connect(settings: S3Settings) -> "S3Client":
    """Credentials that the settings leave out come from where all programs of Amazon's take them:
    environment, profile, the role of the machine."""
    # Imported here because it keeps start-up fast.
    from boto3.session import Session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    secret = settings.secret_access_key
    return Session().client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=None if secret is None else secret.get_secret_value(),
        config=Config(
            # Presigned URLs would have an older one, which not all regions take.
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=THREADS,
            # Services other than Amazon's may not know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _translated(call: Callable[..., T], *arguments: object) -> T:
    """The one seam between boto3's errors and ours. What they say names addresses and accounts, so
    it is for the log only: it is the cause of what is raised."""
    # Imported here because it keeps start-up fast.
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    try:
        return call(*arguments)
    except ClientError as error:
        raise _meaning(error) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StoreDenied(_SENTENCES[StoreDenied]) from error
    except BotoCoreError as error:
        raise StoreUnreachable(_SENTENCES[StoreUnreachable]) from error


def _meaning(error: "ClientError") -> GraphmillError:
    code = _code(error)
    if code in _MISSING:
        return FileNotFound("No file is stored under this key.")
    fault = _FAULTS.get(code, StoreUnreachable)
    return fault(_SENTENCES[fault])


def _code(error: "ClientError") -> str:
    return error.response.get("Error", {}).get("Code", "")
