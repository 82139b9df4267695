"""The outside, as the layers above the pure ones see it. Concrete classes are chosen in `wiring.py`
only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from graphmill.engine.events import Event
from graphmill.engine.run import Run
from graphmill.variables.files import File
from graphmill.variables.values import Value

# --- runs: what keeps the embedded engine and the cluster apart -----------------------------------

NumberedEvent = tuple[int, Event]
"""(sequence, event). A sequence is `epoch << 32 | n`: a later owner of the run always sorts after
an earlier one."""


class EventLog(Protocol):
    """One run's events, as its owner writes them and the journal reads them."""

    run_id: str

    def pending(self) -> Sequence[NumberedEvent]:
        """Events not yet handed to the journal; calling it marks them as handed over."""
        ...


class Journal(Protocol):
    """The durable memory of runs. A run is what its journal says."""

    def post(self, log: EventLog) -> None:
        """`log` has new events; they will be in the database within a few milliseconds. Never
        blocks."""
        ...

    async def committed(self, log: EventLog) -> None:
        """Return when everything posted for `log` so far is in the database.

        Raises StoreError when it could not be written."""
        ...

    async def history(self, run_id: str, *, after: int = 0) -> list[NumberedEvent]:
        """What happened in a run, oldest first, from the database."""
        ...


# --- nodes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    connect: float = 10.0
    read: float = 60.0
    write: float = 20.0


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What an http-request node may use as long as it says nothing else (config `http_request`)."""

    timeouts: Timeouts = Timeouts()
    text_bytes: int = 1024 * 1024
    file_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that may leave this machine."""

    method: str
    url: str
    """Absolute. Characters that may not stand in a URL are percent-encoded on the way."""
    params: Sequence[tuple[str, str]] = ()
    """Added to the query of `url`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Sequence[bytes] = ()
    """In pieces that are sent one after the other; none: no body."""
    timeouts: Timeouts = Timeouts()
    verify_tls: bool = True
    credential_headers: frozenset[str] = frozenset()
    """Headers that no other origin may see after a redirect, besides Authorization and Cookie;
    lower case."""


class HttpResponse(Protocol):
    """An answer whose body is still on the way; valid inside its context only."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    url: str
    """After redirects."""
    length: int | None
    """Bytes of the body as the server announced it; None when it did not, or sends it packed."""

    async def read(self, *, limit: int) -> bytes:
        """The body, at most `limit` + 1 bytes of it: a longer result means there was more."""
        ...

    def chunks(self) -> AsyncIterator[bytes]: ...


class HttpClient(Protocol):
    """The only way out. Every address is checked by the SSRF guard, redirects included."""

    def request(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpResponse]:
        """Follow redirects, then give the answer.

        Raises OutboundRefused (guard), ValueError (no such URL or header can be sent),
        TimeoutError, or ConnectionError with a sentence about the peer; reading the body raises
        the last two."""
        ...


class FileVault(Protocol):
    """Files as nodes see them: read what a value points to, keep what a node made."""

    async def read(self, file: File, *, limit: int) -> bytes:
        """The bytes of `file`, fetched through the guarded client when it is remote.

        Raises FileNotFound, or ValueError when there are more than `limit` bytes."""
        ...

    async def save(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        """Keep `content` as a file that `run` made (`tool_file`); it belongs to the run's end
        user."""
        ...


class Template(Protocol):
    """One that is rendered on the spot."""

    def render(self, values: Mapping[str, Value]) -> str:
        """Raises TemplateFailed with the template engine's message."""
        ...


@runtime_checkable
class WaitingTemplate(Protocol):
    """One that may have to be rendered somewhere else."""

    async def render_elsewhere(self, values: Mapping[str, Value]) -> str:
        """Raises TemplateFailed, with the template engine's message if it is the author's fault."""
        ...


class TemplateEngine(Protocol):
    def compile(self, source: str) -> Template | WaitingTemplate:
        """Prepare a Jinja2 template once. A template that cannot be compiled fails when it is
        rendered, as in Dify."""
        ...


@dataclass(frozen=True, slots=True)
class CodeResult:
    value: Value
    """What `main` returned."""
    output: str = ""
    """What the code printed."""
    errors: str = ""
    """What it wrote to standard error."""


class CodeRunner(Protocol):
    """Runs what strangers wrote, apart from everything else. Cancelling the caller ends the
    code."""

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        """`language`: python3, javascript or jinja2. Raises CodeFailed or CodeUnavailable."""
        ...


class FileStore(Protocol):
    """Where the bytes of files lie. Keys are chosen by the caller and never derived from a file
    name."""

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store a stream whole or not at all; the number of bytes. Raises StoreError."""
        ...

    def open(self, key: str) -> AsyncIterator[bytes]:
        """Raises FileNotFound when there is nothing under `key`, StoreError otherwise."""
        ...

    async def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        ...
