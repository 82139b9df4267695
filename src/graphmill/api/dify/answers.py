"""The form in which nearly all answers of this API come."""

from graphmill.api.answers import BytesAnswer, HeaderPairs


class JsonAnswer(BytesAnswer):
    """A JSON body that is already encoded."""

    __slots__ = ()

    def __init__(self, body: bytes, *, status: int = 200, headers: HeaderPairs = ()) -> None:
        content_type = (b"content-type", b"application/json")
        super().__init__(body, status=status, headers=(content_type, *headers))


def run_header(run_id: str) -> HeaderPairs:
    """Tells which run an answer is about, whatever its body says."""
    return ((b"x-workflow-run-id", run_id.encode()),)
