"""What tests of several folders share."""

from collections.abc import Iterator

import pytest

from tests.server_process import free_port, running_stand_ins


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    """The stand-in that describes requests it gets, and answers as slowly as asked to."""
    port = free_port()
    with running_stand_ins(echo=port):
        yield f"http://127.0.0.1:{port}"
