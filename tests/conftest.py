"""What tests of several folders share."""

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from graphmill.config.storage import S3Settings
from graphmill.ids import new_id
from tests.server_process import free_port, running_s3, running_stand_ins


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    """The stand-in that describes requests it gets, and answers as slowly as asked to."""
    port = free_port()
    with running_stand_ins(echo=port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """A service that speaks S3's protocol, in a process of its own."""
    with running_s3() as url:
        yield url


@pytest.fixture
def s3(s3_url: str) -> S3Settings:
    """An empty bucket there, and a prefix in it."""
    bucket = f"files-{new_id()}"
    httpx.put(f"{s3_url}/{bucket}").raise_for_status()
    return S3Settings(
        bucket=bucket,
        prefix="made/here",
        endpoint_url=s3_url,
        access_key_id="somebody",
        secret_access_key=SecretStr("secret"),
    )
