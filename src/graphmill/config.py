"""config.yaml as values, read once at start; the only reader of the environment.

Every key may be left out (null means the same), unknown ones are refused. `docs/configuration.md`
explains them all.
"""

import difflib
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails

from graphmill.dsl.model import DataPath
from graphmill.dsl.reader import read_document
from graphmill.errors import ConfigInvalid


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    """Relative paths count from the folder of the configuration file."""
    folder = info.context["folder"] if info.context else Path.cwd()
    return folder / path.expanduser()


def _filled(text: object) -> object:
    """`${NAME:-}` leaves an empty text, which is meant as nothing."""
    return None if text == "" else text


FilePath = Annotated[Path, AfterValidator(_from_folder)]
OptionalText = Annotated[str | None, BeforeValidator(_filled)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_filled)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
_SIGNING_SECRET: Final = "whsec_"
ApiKey = Annotated[SecretStr, Field(min_length=1)]
RateWindow: TypeAlias = tuple[PositiveInt, PositiveFloat] | Literal[False]
"""Calls and seconds."""
ModelFeature: TypeAlias = Literal[
    "vision", "audio", "video", "document", "tool-call", "structured-output"
]
"""Words of `ports.models.Feature`."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {
            key: value
            for key, value in data.items()
            if value is not None or key not in cls.model_fields
        }


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    public_url: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    """How the outside reaches this server; links to files begin with it."""
    cors_origins: tuple[str, ...] = ("*",)
    reasoning_chunks: bool = False
    """Is what a model thinks streamed as events of its own? Dify has done so since 1.13."""

    @property
    def base_url(self) -> str:
        """`public_url`, or what follows from host and port; without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


class S3Settings(Section):
    bucket: OptionalText = None
    prefix: str = ""
    region: OptionalText = None
    endpoint_url: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    access_key_id: OptionalText = None
    secret_access_key: OptionalSecret = None


class StorageKind(StrEnum):
    LOCAL = "local"
    """A folder in `data_dir`."""
    S3 = "s3"


class StorageSettings(Section):
    kind: StorageKind = StorageKind.LOCAL
    s3: S3Settings = S3Settings()

    @model_validator(mode="after")
    def _s3_needs_a_bucket(self) -> Self:
        if self.kind is StorageKind.S3 and self.s3.bucket is None:
            raise ValueError("kind s3 needs s3.bucket")
        return self


class LogLevel(StrEnum):
    """What is kept of a run when `retention.events_minutes` have passed since its end. Until then
    everything is: a run that goes on must survive a crash, and one that has ended is asked for."""

    NONE = "none"
    ERRORS = "errors"
    """All of a run that did not succeed, nothing of one that did."""
    SUMMARY = "summary"
    """When, how long, how it ended; no inputs, outputs or nodes."""
    FULL = "full"


class WebhookSettings(Section):
    """Who is told of the end of an app's runs."""

    url: HttpUrl
    secret: Annotated[SecretStr, Field(min_length=1)]
    """`whsec_` and Base64, as Standard Webhooks has it, or any text."""

    @property
    def key(self) -> bytes:
        """What signatures are made with."""
        secret = self.secret.get_secret_value()
        if secret.startswith(_SIGNING_SECRET):
            return b64decode(secret.removeprefix(_SIGNING_SECRET), validate=True)
        return secret.encode()

    @model_validator(mode="after")
    def _secret_is_readable(self) -> Self:
        try:
            is_readable = bool(self.key)
        except ValueError:
            is_readable = False
        if not is_readable:
            raise ValueError(f"secret: Base64 must follow {_SIGNING_SECRET}")
        return self


class AppSettings(Section):
    workflow: FilePath
    slug: str = Field(min_length=1)
    """Names the app within the configuration; the stem of the file when none is given."""
    api_keys: tuple[ApiKey, ...] = ()
    name: OptionalText = None
    published: bool = True
    api_enabled: bool = True
    log_level: LogLevel = LogLevel.FULL
    environment: dict[str, SecretStr] = {}
    webhook: WebhookSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _slug_from_file(cls, data: object) -> object:
        if not isinstance(data, dict) or data.get("slug") is not None or "workflow" not in data:
            return data
        return {**data, "slug": Path(str(data["workflow"])).stem}


class Price(Section):
    input: Decimal
    output: Decimal = Decimal(0)
    unit: Decimal = Decimal("0.000001")
    """Share of a token's price: 0.000001 when prices are for a million tokens."""
    currency: str = "USD"


class ModelTimeouts(Section):
    connect: PositiveFloat = 10
    read: PositiveFloat = 300
    """Silence, as while a model thinks before it answers."""
    write: PositiveFloat = 60
    total: PositiveFloat = 900


class ModelSettings(Section):
    provider: str
    """Glob over the DSL's provider ids."""
    names: tuple[str, ...] = ("*",)
    """Globs over the DSL's model names; the entry serves no others."""
    kind: Literal["openai", "anthropic", "google", "demo", "e5"]
    base_url: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    api_key: OptionalSecret = None
    proxy: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    verify_tls: bool = True
    rename: dict[str, str] = {}
    prices: dict[str, Price] = {}
    features: tuple[ModelFeature, ...] | None = None
    """None: what models of this kind can mostly do."""
    context_size: PositiveInt | None = None
    """Tokens."""
    file_urls: bool = False
    """Send the address of a remote file in place of its bytes."""
    timeout_seconds: ModelTimeouts = ModelTimeouts()
    retries: NonNegativeInt = 2
    concurrency: PositiveInt | None = None
    """Calls of one model at a time; the others wait."""
    queue: NonNegativeInt = 1000
    queue_seconds: PositiveFloat = 300

    def serves_provider(self, provider: str) -> bool:
        """Does `provider` fit, however the DSL spells it?"""
        return any(fnmatchcase(name, self.provider) for name in _spellings(provider))

    def serves(self, provider: str, name: str) -> bool:
        """Does it serve the model `name` of `provider`?"""
        return self.serves_provider(provider) and any(
            fnmatchcase(name, pattern) for pattern in self.names
        )


def _spellings(provider: str) -> Iterator[str]:
    """`openai` is short for `langgenius/openai/openai`; files of all ages are around."""
    yield provider
    match provider.split("/"):
        case [name]:
            yield f"langgenius/{name}/{name}"
        case ["langgenius", plugin, name] if plugin == name:
            yield name
        case _:
            pass


class NamedModel(Section):
    """A model of config `models`, as workflow files would name it."""

    provider: str
    name: str


_NEEDED: Final = {"openapi": "document", "mcp": "url", "workflow": "app", "images": "model"}
"""By the kind of tools."""


class ToolSettings(Section):
    """Tools that workflow files name by their provider, and who does their work here."""

    provider: str
    """Glob over the DSL's provider ids and names."""
    kind: Literal["openapi", "mcp", "workflow", "images"]
    document: FilePath | None = None
    """The OpenAPI document."""
    url: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    """Of an MCP server; of an API, in place of what its document says."""
    headers: dict[str, SecretStr] = {}
    """Sent with every request."""
    app: OptionalText = None
    """Slug of the app that is the tool."""
    model: NamedModel | None = None
    """Who draws."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        needed = _NEEDED[self.kind]
        if getattr(self, needed) is None:
            raise ValueError(f"kind {self.kind} needs {needed}")
        return self


class EmbeddingSettings(NamedModel):
    """What turns the texts of a base into vectors."""

    query_prefix: str = ""
    """Written in front of what is looked for; models of the E5 family want that."""
    text_prefix: str = ""


class SegmentSettings(Section):
    """Pieces that the texts of a base are cut into, in tokens (about four letters)."""

    tokens: int = Field(400, ge=20, le=4000)
    overlap: NonNegativeInt = 40
    """Of the end of a piece that the next one repeats."""

    @model_validator(mode="after")
    def _overlap_is_smaller(self) -> Self:
        if self.overlap > self.tokens // 2:
            raise ValueError("overlap must not be more than half of tokens")
        return self


class KnowledgeSettings(Section):
    """A dataset that workflow files name by its id, and where it is searched."""

    dataset: str = Field(min_length=1)
    """Glob over the ids."""
    kind: Literal["local", "external"]
    name: str = Field(min_length=1)
    """Of the base, for `local`. What clients are told of the dataset."""
    description: str = ""
    """For models that choose among datasets."""
    endpoint: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    """Of a service that speaks Dify's external knowledge API, without `/retrieval`."""
    api_key: OptionalSecret = None
    knowledge_id: OptionalText = None
    """How the service knows the dataset; its id in the workflow file when none is given."""
    timeout_seconds: PositiveFloat = 30
    embedding: EmbeddingSettings | None = None
    """None: a base is searched by its words alone."""
    segments: SegmentSettings = SegmentSettings()

    @model_validator(mode="after")
    def _external_needs_an_endpoint(self) -> Self:
        if self.kind == "external" and self.endpoint is None:
            raise ValueError("kind external needs endpoint")
        return self

    def serves(self, dataset_id: str) -> bool:
        return fnmatchcase(dataset_id, self.dataset)


class TextToSpeechSettings(Section):
    kind: Literal["espeak", "openai"] = "espeak"
    base_url: OptionalText = None
    api_key: OptionalSecret = None
    model: OptionalText = None
    voice: OptionalText = None


class SpeechToTextSettings(Section):
    kind: Literal["openai"] = "openai"
    base_url: OptionalText = None
    api_key: OptionalSecret = None
    model: str = "whisper-1"


class SpeechSettings(Section):
    text_to_speech: TextToSpeechSettings = TextToSpeechSettings()
    speech_to_text: SpeechToTextSettings | None = None


class HttpTimeouts(Section):
    connect: PositiveFloat = 10
    read: PositiveFloat = 60
    write: PositiveFloat = 20


class ResponseSizes(Section):
    text: PositiveInt = 1024 * 1024
    binary: PositiveInt = 10 * 1024 * 1024


class HttpRequestSettings(Section):
    allow: tuple[str, ...] = ()
    timeout_seconds: HttpTimeouts = HttpTimeouts()
    max_response_bytes: ResponseSizes = ResponseSizes()


class PythonSettings(Section):
    backend: Literal["auto", "cpython", "monty", "remote"] = "auto"
    """auto: the dify-sandbox if there is an endpoint, else the sandbox of this server, else
    pydantic-monty."""
    packages_dir: FilePath | None = None
    """What code may import besides the standard library (`Settings.packages_dir`)."""
    preload: tuple[str, ...] = ()
    """Modules of `packages_dir` that its packages do not load by themselves."""


class JavaScriptSettings(Section):
    backend: Literal["auto", "quickjs", "remote"] = "auto"


class RemoteTimeouts(Section):
    connect: PositiveFloat = 10
    read: PositiveFloat = 60
    write: PositiveFloat = 10


class RemoteSandboxSettings(Section):
    """A dify-sandbox service."""

    endpoint: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    """CODE_EXECUTION_ENDPOINT when the file does not say."""
    api_key: SecretStr = SecretStr("dify-sandbox")
    """CODE_EXECUTION_API_KEY when the file does not say."""
    timeout_seconds: RemoteTimeouts = RemoteTimeouts()
    verify_tls: bool = True


class CodeLimitSettings(Section):
    """Of one call; the last three of all of them."""

    wall_seconds: PositiveFloat = 30
    cpu_seconds: PositiveInt = 10
    memory_mb: int = Field(256, ge=64)
    concurrency: PositiveInt = 16
    queue: NonNegativeInt = 256
    queue_seconds: PositiveFloat = 10


class SandboxSettings(Section):
    python: PythonSettings = PythonSettings()
    javascript: JavaScriptSettings = JavaScriptSettings()
    remote: RemoteSandboxSettings = RemoteSandboxSettings()
    limits: CodeLimitSettings = CodeLimitSettings()
    require_isolation: Literal["seccomp", "full"] = "seccomp"
    allow_unsandboxed: bool = False

    @model_validator(mode="after")
    def _remote_needs_an_endpoint(self) -> Self:
        if "remote" in (self.python.backend, self.javascript.backend) and not self.remote.endpoint:
            raise ValueError("backend remote needs remote.endpoint")
        return self

    @model_validator(mode="after")
    def _monty_has_no_wall_of_the_kernel(self) -> Self:
        if self.python.backend == "monty" and self.require_isolation == "full":
            raise ValueError("require_isolation full is not possible with backend monty")
        return self

    @property
    def python_is_remote(self) -> bool:
        """Does Python go to the dify-sandbox?"""
        return self.remote.endpoint is not None and self.python.backend in ("auto", "remote")


class DocumentSettings(Section):
    """Of reading one document; the last of all."""

    seconds: PositiveInt = 60
    memory_mb: int = Field(512, ge=256)
    concurrency: PositiveInt = 4


class UploadSizes(Section):
    document: PositiveInt = 15
    image: PositiveInt = 10
    audio: PositiveInt = 50
    video: PositiveInt = 100


class LimitSettings(Section):
    run_seconds: PositiveFloat = 1200
    run_steps: PositiveInt = 500
    runs: NonNegativeInt = 10_000
    """At a time; 0, here and below: no ceiling."""
    runs_per_app: NonNegativeInt = 0
    readers: NonNegativeInt = 10_000
    """Open event streams."""
    readers_per_app: NonNegativeInt = 0
    requests_per_minute: NonNegativeInt = 0
    """With one API key."""
    body_mb: PositiveInt = 16
    """Of a request that is no upload."""
    uploads_mb: UploadSizes = UploadSizes()


class RetentionSettings(Section):
    """0 keeps for ever."""

    runs_days: NonNegativeFloat = 30
    conversations_days: NonNegativeFloat = 90
    """Since their last turn."""
    events_minutes: NonNegativeFloat = 60
    files_days: NonNegativeFloat = 30


class RateLimitSettings(Section):
    """How often a task may be scheduled: so many times in so many seconds; false: any number."""

    user: RateWindow = (20, 120)
    anonymous: RateWindow = (5, 120)
    fetch: RateWindow = False
    exempt: tuple[str, ...] = ()
    """User ids and IP addresses that are not counted."""


class AppPasswordSettings(Section):
    name: str
    """Of the device."""
    hash: SecretStr


class UserSettings(Section):
    id: str = Field(min_length=1)
    login: tuple[str, ...] = ()
    """What the user may log in with, besides the id."""
    display_name: OptionalText = None
    password_hash: OptionalSecret = None
    app_passwords: tuple[AppPasswordSettings, ...] = ()
    ai: bool = True
    """False for guests: they see no task types and schedule nothing."""
    admin: bool = False


class ExAppSettings(Section):
    """A worker."""

    id: str = Field(min_length=1)
    version: str = Field("1.0.0", min_length=1)
    secret_hash: OptionalSecret = None
    secret: OptionalSecret = None
    """In the clear: needed where this server is the first to call."""
    url: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    """Where it can be called; without it, nobody wakes it up."""
    enabled: bool = True

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.secret is None) == (self.secret_hash is None):
            raise ValueError("give either secret or secret_hash")
        return self


class TaskTypeSettings(Section):
    """What executes tasks of a type: an app, by its slug, or a worker's provider, by its id."""

    workflow: OptionalText = None
    provider: OptionalText = None
    expected_runtime: NonNegativeInt = 10
    """Seconds."""
    enums: dict[str, dict[str, str]] = {}
    """Slot → value → label."""
    defaults: dict[str, str | int | float] = {}
    map_in: dict[str, str] = {}
    """Slot → start variable, where the names differ."""
    map_out: dict[str, str] = {}
    """Slot → output, where the names differ."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.workflow is None) == (self.provider is None):
            raise ValueError("name either a workflow or a provider")
        return self


class OcsSettings(Section):
    """Nextcloud's AI APIs (`nextcloud-ocs §19.1`)."""

    base_path: str = Field("", pattern=r"^(/[^/]+)*$")
    version: str = Field("33.0.0", pattern=r"^\d+\.\d+\.\d+$")
    """The Nextcloud that clients take this server for."""
    anonymous: bool = False
    rate_limit: RateLimitSettings = RateLimitSettings()
    retention_days: float = Field(30, ge=7)
    tasks_at_a_time: PositiveInt = 100
    legacy_sync_wait: NonNegativeFloat = 3
    """Seconds that the two older APIs wait for a result before they answer."""
    doc_flat_fields: bool = True
    delete_missing_ok: bool = False
    mobile_progress_fix: bool = True
    webhook_allow_private: tuple[str, ...] = ()
    """As `http_request.allow`, for webhooks."""
    users: tuple[UserSettings, ...] = ()
    ex_apps: tuple[ExAppSettings, ...] = ()
    task_types: dict[str, TaskTypeSettings] = {}
    publish_workflows: tuple[str, ...] = ()
    """Slugs of apps that are task types of their own, `app:<slug>`."""


class LogSettings(Section):
    """What the server says of itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"
    """auto: text on a terminal, else JSON."""
    access: bool = False
    """Is there a line for each request?"""


class MetricSettings(Section):
    token: OptionalSecret = None
    """What has to be shown to read `/metrics`. Without it nothing is counted."""


class TraceSettings(Section):
    endpoint: Annotated[HttpUrl | None, BeforeValidator(_filled)] = None
    """Where a collector takes OTLP over HTTP, with its `/v1/traces`. None: nothing is traced."""
    headers: dict[str, SecretStr] = {}
    """Sent along with every batch."""
    ratio: float = Field(1.0, ge=0, le=1)
    """Share of the traces that begin here; those that a caller began follow the caller."""


class ClusterSettings(Section):
    role: Literal["all", "api", "worker"] = "all"
    dispatcher: Literal["embedded", "dbos"] = "embedded"
    event_bus: Literal["memory", "postgres", "redis", "nats"] = "memory"
    worker_concurrency: PositiveInt = 200
    lease_seconds: PositiveFloat = 5


class Settings(Section):
    server: ServerSettings = ServerSettings()
    data_dir: FilePath = Path("data")
    database_url: OptionalSecret = None
    """None: SQLite in `data_dir`."""
    storage: StorageSettings = StorageSettings()
    apps: tuple[AppSettings, ...] = ()
    models: tuple[ModelSettings, ...] = ()
    tools: tuple[ToolSettings, ...] = ()
    knowledge: tuple[KnowledgeSettings, ...] = ()
    speech: SpeechSettings = SpeechSettings()
    http_request: HttpRequestSettings = HttpRequestSettings()
    sandbox: SandboxSettings = SandboxSettings()
    documents: DocumentSettings = DocumentSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    ocs: OcsSettings = OcsSettings()
    logs: LogSettings = LogSettings()
    metrics: MetricSettings = MetricSettings()
    traces: TraceSettings = TraceSettings()
    cluster: ClusterSettings = ClusterSettings()

    @property
    def packages_dir(self) -> Path:
        """Where `graphmill sandbox install` puts packages for code nodes."""
        return self.sandbox.python.packages_dir or self.data_dir / "packages"


_Mistake: TypeAlias = tuple[DataPath, str]
"""Where in the file, and what is wrong there."""

_DIFY_NAMES: Final = {
    "endpoint": "CODE_EXECUTION_ENDPOINT",
    "api_key": "CODE_EXECUTION_API_KEY",
}
_REFERENCE: Final = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


def load_settings(path: Path | None, *, environ: Mapping[str, str]) -> Settings:
    """The settings in the file at `path`; the defaults for None.

    Raises ConfigInvalid with every mistake of the file, one a line, each with its place."""
    if path is None:
        return Settings.model_validate(_with_dify_names({}, environ))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from error
    document = read_document(content if content.strip() else b"{}")
    mistakes = [
        (problem.place, f"{problem.message}. {problem.hint}") for problem in document.problems
    ]
    if not mistakes:
        read = _read(document.data, path.parent.absolute(), environ)
        if isinstance(read, Settings):
            return read
        mistakes = [(document.places.of(at), message) for at, message in read]
        mistakes.sort(key=lambda mistake: (mistake[0].line, mistake[0].column))
    raise ConfigInvalid(
        "\n".join(f"{path}:{place.line}:{place.column}: {text}" for place, text in mistakes)
    )


def _read(data: object, folder: Path, environ: Mapping[str, str]) -> Settings | list[_Mistake]:
    mistakes: list[_Mistake] = []
    data = _expand({} if data is None else data, environ, (), mistakes)
    if mistakes:
        return mistakes
    data = _with_dify_names(data, environ)
    try:
        settings = Settings.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        return [(detail["loc"], _sentence(detail)) for detail in error.errors()]
    return list(_clashes(settings)) or settings


def _with_dify_names(data: object, environ: Mapping[str, str]) -> object:
    """Variables that Dify's own deployment has count where the file says nothing."""
    named = {key: environ[name] for key, name in _DIFY_NAMES.items() if environ.get(name)}
    return _filled_up(data, {"sandbox": {"remote": named}})


def _filled_up(data: object, defaults: object) -> object:
    """`data` with the defaults for what it leaves out, level by level."""
    if data is None:
        return defaults
    if not isinstance(data, dict) or not isinstance(defaults, dict):
        return data
    return {**data, **{key: _filled_up(data.get(key), defaults[key]) for key in defaults}}


def _expand(
    data: object, environ: Mapping[str, str], at: DataPath, mistakes: list[_Mistake]
) -> object:
    """Fill in `${NAME}` and `${NAME:-default}`; empty variables take the default, as in shells."""

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        value = environ.get(name or "")
        if name is None:
            mistakes.append((at, "Write ${NAME} or ${NAME:-default}"))
        elif value is None and default is None:
            hint = f"set it, or write ${{{name}:-default}}"
            mistakes.append((at, f"The environment variable {name} is not set; {hint}"))
        return value or default or ""

    match data:
        case str():
            return _REFERENCE.sub(value_of, data) if "${" in data else data
        case dict():
            return {
                key: _expand(value, environ, (*at, key), mistakes) for key, value in data.items()
            }
        case list():
            return [_expand(value, environ, (*at, i), mistakes) for i, value in enumerate(data)]
        case _:
            return data


def _sentence(detail: ErrorDetails) -> str:
    path, message = detail["loc"], detail["msg"].removeprefix("Value error, ")
    name = _dotted(path)
    match detail["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(path[-1]), _known_keys(path[:-1]), n=1)
            return f"{name} is not a setting" + (f"; did you mean {near[0]!r}?" if near else "")
        case "missing":
            return f"{name} is missing"
        case "model_type" | "dict_type":
            return f"{name or 'The file'} should hold keys with values"
        case "too_short" | "string_too_short":
            return f"{name} must not be empty"
        case "string_type":
            return f"{name}: {message}; put it in quotes"
        case _:
            return f"{name}: {message}" if name else message


def _dotted(path: DataPath) -> str:
    """`apps[0].workflow`"""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _known_keys(path: DataPath) -> list[str]:
    """The keys of the section at `path`."""
    section: type[BaseModel] = Settings
    for step in path:
        if isinstance(step, str) and step in section.model_fields:
            section = _section_in(section.model_fields[step].annotation) or section
    return list(section.model_fields)


def _section_in(annotation: object) -> type[BaseModel] | None:
    """The section that a field holds: itself, as an option, or in a list or mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _clashes(settings: Settings) -> Iterator[_Mistake]:
    """What no section can see by itself."""
    yield from _same_apps(settings)
    yield from _unknown_apps(settings)
    yield from _models_that_cannot_draw(settings)
    yield from _same_users(settings.ocs)
    yield from _same_bases(settings)


def _same_apps(settings: Settings) -> Iterator[_Mistake]:
    """Apps that cannot be told apart."""
    slugs: set[str] = set()
    keys: set[str] = set()
    for i, app in enumerate(settings.apps):
        if app.slug in slugs:
            yield ("apps", i), f"Two apps are named {app.slug!r}; give one of them another `slug`"
        slugs.add(app.slug)
        for j, key in enumerate(app.api_keys):
            if key.get_secret_value() in keys:
                yield ("apps", i, "api_keys", j), "Two apps have the same API key"
            keys.add(key.get_secret_value())


def _unknown_apps(settings: Settings) -> Iterator[_Mistake]:
    """Task types and tools whose workflow is none of the apps."""
    slugs = {app.slug for app in settings.apps}
    for type_id, bound in settings.ocs.task_types.items():
        if bound.workflow is not None and bound.workflow not in slugs:
            yield ("ocs", "task_types", type_id, "workflow"), _not_an_app(bound.workflow)
    for i, tool in enumerate(settings.tools):
        if tool.app is not None and tool.app not in slugs:
            yield ("tools", i, "app"), _not_an_app(tool.app)
    for i, slug in enumerate(settings.ocs.publish_workflows):
        if slug not in slugs:
            yield ("ocs", "publish_workflows", i), _not_an_app(slug)


def _not_an_app(slug: str) -> str:
    return f"No app has the slug {slug!r}; list its workflow under `apps`"


def _models_that_cannot_draw(settings: Settings) -> Iterator[_Mistake]:
    """Tools whose model cannot draw."""
    for i, tool in enumerate(settings.tools):
        model = tool.model
        if model is None:
            continue
        serving = (one for one in settings.models if one.serves(model.provider, model.name))
        entry = next(serving, None)
        if entry is None or entry.kind != "openai":
            yield (
                ("tools", i, "model"),
                f"{model.name!r} of {model.provider!r} needs an entry of kind openai in `models`",
            )


def _same_bases(settings: Settings) -> Iterator[_Mistake]:
    """Bases whose documents would have to be taken in in two ways."""
    bases: dict[str, KnowledgeSettings] = {}
    for i, entry in enumerate(settings.knowledge):
        if entry.kind != "local":
            continue
        first = bases.setdefault(entry.name, entry)
        if (first.embedding, first.segments) != (entry.embedding, entry.segments):
            yield (
                ("knowledge", i),
                f"Two entries for the base {entry.name!r} differ in embedding or segments",
            )


def _same_users(ocs: OcsSettings) -> Iterator[_Mistake]:
    """Users and workers that cannot be told apart."""
    logins: set[str] = set()
    for i, user in enumerate(ocs.users):
        for login in {user.id, *user.login}:
            if login in logins:
                yield ("ocs", "users", i), f"Two users log in as {login!r}"
            logins.add(login)
    workers: set[str] = set()
    for i, worker in enumerate(ocs.ex_apps):
        if worker.id in workers:
            yield ("ocs", "ex_apps", i), f"Two workers have the id {worker.id!r}"
        workers.add(worker.id)
