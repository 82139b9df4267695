"""How values look on the wire: what the link of a file is said to be (`service-api §9.5`)."""

import json

import pytest

from graphmill.api.dify.wire import Wire
from graphmill.variables.files import File

LINK = "http://127.0.0.1:8000/files/1?sign=x"
REMOTE = "http://example.com/a.png"


@pytest.mark.parametrize(
    ("transfer_method", "remote_url"),
    [("local_file", LINK), ("tool_file", None), ("remote_url", REMOTE)],
)
def test_remote_url_is_the_link_of_uploads_and_nothing_for_files_made_by_runs(
    transfer_method: str, remote_url: str | None
) -> None:
    given = REMOTE if transfer_method == "remote_url" else None
    file = File("image", transfer_method, "a.png", related_id="1", remote_url=given)
    shown = json.loads(Wire(lambda _: LINK).encode({"file": file}))["file"]
    assert (remote_url, LINK) == (shown["remote_url"], shown["url"])
