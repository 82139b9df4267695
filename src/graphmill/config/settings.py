"""The whole of config.yaml."""

from pathlib import Path

from graphmill.config.apps import AppSettings
from graphmill.config.cluster import ClusterSettings
from graphmill.config.documents import DocumentSettings
from graphmill.config.http_request import HttpRequestSettings
from graphmill.config.knowledge import KnowledgeSettings
from graphmill.config.limits import LimitSettings
from graphmill.config.mail import MailSettings
from graphmill.config.models import ModelSettings
from graphmill.config.observation import LogSettings, MetricSettings, TraceSettings
from graphmill.config.ocs import OcsSettings
from graphmill.config.retention import RetentionSettings
from graphmill.config.sandbox import SandboxSettings
from graphmill.config.section import FilePath, OptionalSecret, Section
from graphmill.config.server import ServerSettings
from graphmill.config.speech import SpeechSettings
from graphmill.config.storage import StorageSettings
from graphmill.config.tools import ToolSettings


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
    mail: MailSettings = MailSettings()
    logs: LogSettings = LogSettings()
    metrics: MetricSettings = MetricSettings()
    traces: TraceSettings = TraceSettings()
    cluster: ClusterSettings = ClusterSettings()

    @property
    def packages_dir(self) -> Path:
        """Where `graphmill sandbox install` puts packages for code nodes."""
        return self.sandbox.python.packages_dir or self.data_dir / "packages"
