"""Identifiers: new ones never twice, derived ones always the same."""

import os
import subprocess
import sys
import time
from uuid import UUID

import pytest

from graphmill.ids import app_id_of, end_user_id_of, log_id_of, new_id, workflow_id_of

APP = "6d2e9b5c-3ff7-5a5c-8d54-0d2c6e8a1f00"


def test_new_ids_look_like_those_of_dify() -> None:
    for _ in range(1000):
        text = new_id()
        uuid = UUID(text)
        assert (text, 4, "specified in RFC 4122") == (str(uuid), uuid.version, uuid.variant)


def test_new_ids_are_new() -> None:
    assert 10_000 == len({new_id() for _ in range(10_000)})


def test_new_ids_follow_the_time() -> None:
    """So that an index grows at its end."""
    batch = [new_id() for _ in range(1000)]
    time.sleep(0.002)
    later = [new_id() for _ in range(1000)]
    assert max(batch)[:8] <= min(later)[:8]
    now = f"{int(time.time() * 1000):012x}"
    assert new_id().replace("-", "")[:12] <= now


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
def test_a_forked_child_makes_ids_of_its_own() -> None:
    code = (
        "import os\n"
        "from graphmill.ids import new_id\n"
        "new_id()\n"
        "child = os.fork()\n"
        "if child: os.wait()\n"
        "print(new_id(), flush=True)\n"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 2 == len(set(output.split()))


@pytest.mark.parametrize(
    ("derived", "expected"),
    [
        pytest.param(app_id_of("hello"), "c5747b5c-bc67-5bb9-bea7-9f461303fa02", id="app"),
        pytest.param(
            workflow_id_of(APP, "content"), "61a5112b-11cf-5946-a14c-df1ef85c15d8", id="version"
        ),
        pytest.param(
            end_user_id_of(APP, "ann"), "3e94c40c-e771-53e0-bd0a-28a732c86e85", id="end user"
        ),
        pytest.param(log_id_of(APP), "1c32839b-b7b0-53d2-8ae9-c7f14a9fec00", id="log entry"),
    ],
)
def test_derived_ids_are_the_same_everywhere(derived: str, expected: str) -> None:
    assert expected == derived


def test_line_endings_make_no_version() -> None:
    ids = {workflow_id_of(APP, text) for text in ("a\nb\n", "a\r\nb\r\n", "a\rb\r")}
    assert 1 == len(ids)
    assert workflow_id_of(APP, "a\nb") not in ids


def test_apps_share_neither_versions_nor_users() -> None:
    other = app_id_of("other")
    assert workflow_id_of(APP, "content") != workflow_id_of(other, "content")
    assert end_user_id_of(APP, "ann") != end_user_id_of(other, "ann")


@pytest.mark.parametrize("text", ["", "中文", "half \ud800", "x" * 10_000])
def test_any_text_can_be_named(text: str) -> None:
    assert end_user_id_of(APP, text) == end_user_id_of(APP, text)
