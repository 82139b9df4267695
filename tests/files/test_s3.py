"""What only an object store can do wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from boto3.session import Session

from graphmill.config.storage import S3Settings
from graphmill.errors import StoreDenied, StoreError, StoreFull, StoreUnreachable
from graphmill.files.s3 import PART, S3Files
from tests.files.streams import broken, content, pieces
from tests.server_process import free_port
from tests.threaded_server import serving

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture
async def files(s3: S3Settings) -> AsyncIterator[S3Files]:
    files = S3Files(s3)
    yield files
    await files.close()


@pytest.fixture
def client(s3: S3Settings) -> Iterator["S3Client"]:
    client = Session().client(
        "s3",
        endpoint_url=s3.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="somebody",
        aws_secret_access_key="secret",
    )
    yield client
    client.close()


def stored(client: "S3Client", bucket: str | None) -> tuple[list[str], list[str]]:
    """The names of objects, and of those whose parts wait for the rest."""
    assert bucket is not None
    objects = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [each["Key"] for each in objects], [each["Key"] for each in uploads]


async def test_names_begin_with_the_prefix(
    files: S3Files, s3: S3Settings, client: "S3Client"
) -> None:
    await files.write("ab/one", pieces(b"x"))
    await files.write("ab/two", pieces(bytes(PART + 1)))
    assert (["made/here/ab/one", "made/here/ab/two"], []) == stored(client, s3.bucket)


async def test_an_upload_that_breaks_leaves_no_parts(
    files: S3Files, s3: S3Settings, client: "S3Client"
) -> None:
    with pytest.raises(ConnectionResetError):
        await files.write("key", broken(bytes(3 * PART)))
    assert ([], []) == stored(client, s3.bucket)


async def test_a_cancelled_upload_leaves_no_parts(
    files: S3Files, s3: S3Settings, client: "S3Client"
) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(2 * PART + 1)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await files.write("key", stalled())
    assert ([], []) == stored(client, s3.bucket)


async def test_what_a_process_left_that_died_is_undone(
    files: S3Files, s3: S3Settings, client: "S3Client"
) -> None:
    assert s3.bucket is not None
    for name in ("made/here/key", "made/here/key-and-more"):
        client.create_multipart_upload(Bucket=s3.bucket, Key=name)
    client.put_object(Bucket=s3.bucket, Key="made/here/key", Body=b"x")
    await files.undo("key")
    assert ([], ["made/here/key-and-more"]) == stored(client, s3.bucket)


@contextmanager
def refusing(status: int, code: str) -> Iterator[str]:
    """A service that answers everything with one error."""

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = f"<Error><Code>{code}</Code><Message>secret</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_POST = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    # boto3 keeps its connections open; closing the server would wait for their threads.
    server.daemon_threads = True
    with serving(server) as url:
        yield url


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (403, "AccessDenied", StoreDenied),
        (403, "InvalidAccessKeyId", StoreDenied),
        (403, "SignatureDoesNotMatch", StoreDenied),
        (400, "ExpiredToken", StoreDenied),
        (400, "EntityTooLarge", StoreFull),
        (507, "XMinioStorageFull", StoreFull),
        (409, "QuotaExceeded", StoreFull),
        (404, "NoSuchBucket", StoreUnreachable),
        (501, "NotImplemented", StoreUnreachable),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_refusal_is_told_by_its_cause(
    s3: S3Settings, status: int, code: str, fault: type[StoreError]
) -> None:
    with refusing(status, code) as url:
        files = S3Files(s3.model_copy(update={"endpoint_url": url}))
        for call in (files.write("key", pieces(b"x")), content(files, "key")):
            with pytest.raises(fault) as refused:
                await call
            assert type(refused.value) is fault
            assert "secret" not in str(refused.value)
        await files.close()


async def test_a_service_that_is_away_is_unreachable(s3: S3Settings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    files = S3Files(s3.model_copy(update={"endpoint_url": url}))
    with pytest.raises(StoreUnreachable) as refused:
        await files.write("key", pieces(b"x"))
    assert url not in str(refused.value)
    await files.close()
